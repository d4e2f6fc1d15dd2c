import type { Caller, InstanceSpec } from '../../../model/instance.ts'
import type { LinkSpec } from '../../../model/link.ts'
import type { VolumeSpec } from '../../../model/volume.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import { partsOf } from '../resource.ts'
import { deviceIn } from './machine-spec.ts'
import { toNaming } from './naming.ts'
import { toSizeBytes } from './volumes.ts'

/** A volume to be made, and where the guest shall see it. */
type Wanted = VolumeSpec & ReturnType<typeof deviceIn>

/**
 * Makes the volumes that a template wants to be made with its machine, and the machine; without it they go again.
 *
 * @param make the machine, with all that it is joined to
 * @throws {CloudError} what volumes or the machine are refused with
 */
export async function withNewVolumes<T>(
  service: Service,
  template: Resource,
  spec: InstanceSpec,
  exchange: Exchange,
  make: (links: readonly LinkSpec[]) => Promise<T>,
): Promise<T> {
  const { caller, idempotencyKey } = exchange
  const links = [...(spec.links ?? [])]
  const wanted: Wanted[] = []
  for (const each of partsOf(template, 'volumeTemplates'))
    wanted.push({
      ...toNaming(each),
      ...deviceIn(each),
      sizeBytes: await toSizeBytes(service.documents, each, exchange),
    })
  if (wanted.length === 0) return await make(links)
  const { provider } = await service.plan(spec, caller)
  // With a key that was used before, what was made then is given again: it is not ours to take away.
  const before = idempotencyKey === undefined ? new Set() : await idsOfVolumes(service, caller)
  const made: string[] = []
  try {
    for (const [index, { device, ...volume }] of wanted.entries()) {
      const key = idempotencyKey === undefined ? {} : { idempotencyKey: `${idempotencyKey} volume ${index}` }
      const { id } = await service.volumes.create({ spec: volume, provider, ...key }, caller)
      made.push(id)
      links.push({ kind: 'volume', volumeId: id, ...(device === undefined ? {} : { device }) })
    }
    return await make(links)
  } catch (error) {
    // The client is told why there is no machine; a volume that cannot be taken away he still sees.
    for (const id of made) if (!before.has(id)) await service.volumes.delete(id, caller).catch(() => {})
    throw error
  }
}

async function idsOfVolumes({ volumes }: Service, caller: Caller): Promise<ReadonlySet<string>> {
  return new Set((await volumes.list(caller)).map(({ id }) => id))
}
