import { CloudError } from '../../../model/errors.ts'
import type { Volume, VolumeState } from '../../../model/volume.ts'
import type { DocumentUseCases, Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { idIn, numberOf, operationsOf, partOf, textOf, toResource } from '../resource.ts'
import { NAMESPACE } from '../types.ts'
import { namingAttributes, toNaming, toRenaming } from './naming.ts'
import { withIds, withUrls } from './references.ts'
import { referred, storedKind } from './stored.ts'

const PATH = 'volumes'
const BYTES_PER_KIB = 1024

/** How a volume is joined to what it is used by: a disk is mapped. */
const TYPE = `${NAMESPACE}/mapped`

const STATES: Readonly<Record<VolumeState, string>> = {
  creating: 'CREATING',
  online: 'AVAILABLE',
  offline: 'AVAILABLE',
  deleting: 'DELETING',
  error: 'ERROR',
  unknown: 'ERROR',
}

/** Our volumes. */
export function volumes(service: Service): Kind {
  return {
    path: PATH,
    type: 'Volume',
    collection: 'VolumeCollection',
    link: 'volumes',
    list: async (exchange) =>
      (await service.volumes.list(exchange.caller)).map((volume) => fromVolume(volume, exchange)),
    get: async (id, exchange) => fromVolume(await service.volumes.get(id, exchange.caller), exchange),
    create: async (exchange) => {
      const wanted = exchange.read('VolumeCreate')
      const template = partOf(wanted, 'volumeTemplate')
      if (!template) throw new CloudError('invalid', 'volumeTemplate: missing; its volumeConfig tells the capacity')
      const sizeBytes = await toSizeBytes(service.documents, template, exchange)
      const { idempotencyKey } = exchange
      const volume = await service.volumes.create(
        { spec: { ...toNaming(wanted), sizeBytes }, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
        exchange.caller,
      )
      return { resource: fromVolume(volume, exchange) }
    },
    update: async (id, exchange) => {
      const change = toRenaming(exchange.read('Volume'), exchange.query)
      return fromVolume(await service.volumes.rename(id, change, exchange.caller), exchange)
    },
    delete: (id, { caller }) => service.volumes.delete(id, caller),
  }
}

/** What volumes are made from. */
export function volumeTemplates(documents: DocumentUseCases): Kind {
  return storedKind(documents, {
    path: 'volume_templates',
    type: 'VolumeTemplate',
    collection: 'VolumeTemplateCollection',
    link: 'volumeTemplates',
    createTypes: ['VolumeTemplateCreate', 'VolumeTemplate'],
    toKept: async (wanted, exchange) => {
      await toSizeBytes(documents, wanted, exchange)
      return { resource: withIds(toResource('VolumeTemplate', { volumeConfig: partOf(wanted, 'volumeConfig') })) }
    },
    show: ({ resource }, exchange) => withUrls(resource, exchange),
  })
}

/** Capacities with a name. */
export function volumeConfigurations(documents: DocumentUseCases): Kind {
  return storedKind(documents, {
    path: 'volume_configurations',
    type: 'VolumeConfiguration',
    collection: 'VolumeConfigurationCollection',
    aliases: ['volumeconfig', 'volumeconfigs'],
    link: 'volumeConfigs',
    createTypes: ['VolumeConfigurationCreate', 'VolumeConfiguration'],
    toKept: async (wanted) => ({
      resource: toResource('VolumeConfiguration', {
        type: textOf(wanted, 'type') ?? TYPE,
        format: textOf(wanted, 'format'),
        capacity: capacityIn(wanted),
      }),
    }),
  })
}

/**
 * The size that a volume template means, by reference, by value, or by a reference of which some is overridden.
 *
 * @throws {CloudError} invalid when there is no such template or configuration, or no capacity
 */
export async function toSizeBytes(
  documents: DocumentUseCases,
  template: Resource,
  exchange: Pick<Exchange, 'caller'>,
): Promise<number> {
  const id = idIn(template)
  const config =
    partOf(template, 'volumeConfig') ??
    (id === undefined
      ? undefined
      : partOf(await referred(documents, 'VolumeTemplate', 'volumeTemplate', id, exchange), 'volumeConfig'))
  if (template.attributes.has('volumeImage'))
    throw new CloudError('unsupported', 'volumeImage: volumes are made empty here; leave it out')
  if (!config) throw new CloudError('invalid', 'volumeTemplate.volumeConfig: missing; it tells the capacity')
  if (config.attributes.has('capacity')) return capacityIn(config) * BYTES_PER_KIB
  const configId = idIn(config)
  if (configId === undefined) throw new CloudError('invalid', 'volumeConfig: neither href nor capacity is given')
  const kept = await referred(documents, 'VolumeConfiguration', 'volumeConfig', configId, exchange)
  return capacityIn(kept) * BYTES_PER_KIB
}

/** The URL of a volume. */
export function volumeUrl({ url }: Pick<Exchange, 'url'>, id: string): string {
  return url(PATH, id)
}

function capacityIn(config: Resource): number {
  const capacity = numberOf(config, 'capacity')
  if (capacity !== undefined && capacity > 0 && Number.isSafeInteger(capacity * BYTES_PER_KIB)) return capacity
  throw new CloudError('invalid', `capacity: ${capacity ?? 'nothing'} is no size in KiB above 0`)
}

function fromVolume(volume: Volume, exchange: Pick<Exchange, 'url'>): Resource {
  const { id, provider, state, spec } = volume
  const href = volumeUrl(exchange, id)
  return toResource('Volume', {
    id: href,
    ...namingAttributes(spec, volume, { name: id, description: `a volume of ${provider}` }),
    state: STATES[state],
    type: TYPE,
    capacity: Math.ceil(spec.sizeBytes / BYTES_PER_KIB),
    bootable: false,
    operations: operationsOf(['edit', href], ['delete', href]),
  })
}
