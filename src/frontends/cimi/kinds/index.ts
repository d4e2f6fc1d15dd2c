import type { Service } from '../../../service/service.ts'
import type { Kind } from '../kind.ts'
import { addresses } from './addresses.ts'
import { credentials, credentialTemplates } from './credentials.ts'
import { eventLogs } from './event-logs.ts'
import { jobs } from './jobs.ts'
import { machineConfigurations } from './machine-configurations.ts'
import { machineImages } from './machine-images.ts'
import { machines } from './machines.ts'
import { machineTemplates } from './machine-templates.ts'
import { networks } from './networks.ts'
import { resourceMetadata } from './resource-metadata.ts'
import { volumeConfigurations, volumes, volumeTemplates } from './volumes.ts'

/** Every collection at the top. What no provider backs is left out. */
export function kindsOf(service: Service): readonly Kind[] {
  const { documents } = service
  const hasVolumes = service.makers('volumes').length > 0
  const hasNetworks = service.makers('networks').length > 0
  return [
    resourceMetadata(service),
    machines(service),
    machineTemplates(service),
    machineConfigurations(service),
    machineImages(service),
    credentials(documents),
    credentialTemplates(documents),
    ...(hasVolumes ? [volumes(service), volumeTemplates(documents), volumeConfigurations(documents)] : []),
    ...(hasNetworks ? [networks(service), addresses(service)] : []),
    jobs(service),
    eventLogs(service),
  ]
}
