import { Buffer } from 'node:buffer'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Kind } from '../kind.ts'
import { partOf, partsOf, referenceTo, toResource, withAttributes } from '../resource.ts'
import { toImage } from './machine-images.ts'
import { toNamed, toSpec } from './machine-spec.ts'
import { withIds, withUrls } from './references.ts'
import { storedKind } from './stored.ts'
import { toSizeBytes } from './volumes.ts'

/** What machines are made from. Its user data are shown to its owner, who alone sees it at all. */
export function machineTemplates(service: Service): Kind {
  return storedKind(service.documents, {
    path: 'machine_templates',
    type: 'MachineTemplate',
    collection: 'MachineTemplateCollection',
    link: 'machineTemplates',
    createTypes: ['MachineTemplateCreate', 'MachineTemplate'],
    toKept: async (wanted, exchange, earlier) => {
      // User data that are not changed stay.
      const bytes = exchange.query.select && !exchange.query.select.has('userData') ? earlier?.bytes : undefined
      const spec = await toSpec(service, { resource: wanted, ...(bytes && { bytes }) }, exchange)
      // What no machine could be made of is refused here.
      await service.plan({ ...toNamed(wanted, spec.userData), ...spec }, exchange.caller)
      for (const volume of partsOf(wanted, 'volumeTemplates')) await toSizeBytes(service.documents, volume, exchange)
      return { resource: keptTemplate(wanted), ...(spec.userData && { bytes: spec.userData }) }
    },
    show: ({ resource, bytes }, exchange) =>
      withAttributes(withUrls(resource, exchange), {
        userData: bytes && Buffer.from(bytes).toString('base64'),
      }),
  })
}

function keptTemplate(wanted: Resource): Resource {
  const { attributes } = wanted
  const image = partOf(wanted, 'machineImage')
  return withIds(
    toResource('MachineTemplate', {
      initialState: attributes.get('initialState'),
      machineConfig: attributes.get('machineConfig'),
      // However it was named.
      machineImage: image && referenceTo('MachineImage', toImage(image)),
      credential: attributes.get('credential'),
      volumes: attributes.get('volumes'),
      volumeTemplates: attributes.get('volumeTemplates'),
      networkInterfaces: partsOf(wanted, 'networkInterfaces').map((card) =>
        toResource(card.type, { network: partOf(card, 'network'), macAddress: card.attributes.get('macAddress') }),
      ),
    }),
  )
}
