import { CloudError } from '../../../model/errors.ts'
import type { Size } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { idIn, numberOf, partsOf, toResource } from '../resource.ts'

/** CIMI counts memory and disks in kibibytes. */
export const KIB_PER_MIB = 1024
const KIB_PER_GIB = 1024 * 1024

const PATH = 'machine_configurations'

/** Our sizes. */
export function machineConfigurations(service: Service): Kind {
  return {
    path: PATH,
    type: 'MachineConfiguration',
    collection: 'MachineConfigurationCollection',
    aliases: ['machineconfig', 'machineconfigs'],
    link: 'machineConfigs',
    list: async (exchange) => (await service.sizes(exchange.caller)).map((size) => fromSize(size, exchange)),
    get: async (id, exchange) => {
      const size = (await service.sizes(exchange.caller)).find(({ name }) => name === id)
      if (size) return fromSize(size, exchange)
      throw new CloudError('not-found', `there is no machine configuration ${id.slice(0, 100)}`)
    },
  }
}

/** The disks of a machine of this size, as both the size and the machine show them. */
export function disksOf({ diskGiB }: Size): readonly Resource[] {
  return diskGiB === undefined ? [] : [toResource('Disk', { capacity: diskGiB * KIB_PER_GIB, format: 'unknown' })]
}

/**
 * The name of the size that a machine configuration means, by reference, by value, or by a reference of which some is
 * overridden.
 *
 * @param image what stands there by value is a size of the same provider
 * @throws {CloudError} invalid when it means none
 */
export async function toSize(
  service: Pick<Service, 'sizes' | 'images'>,
  config: Resource,
  image: string,
  { caller }: Pick<Exchange, 'caller'>,
): Promise<string> {
  const id = idIn(config)
  const wanted = { cpu: numberOf(config, 'cpu'), memory: numberOf(config, 'memory'), disk: diskIn(config) }
  const isByValue = Object.values(wanted).some((value) => value !== undefined)
  if (!isByValue) {
    if (id !== undefined) return id
    throw new CloudError('invalid', 'machineConfig: its href is missing, or cpu and memory')
  }
  const [all, images] = await Promise.all([service.sizes(caller), service.images(caller)])
  const provider = (images.find(({ name }) => name === image) ?? images.find(({ remoteId }) => remoteId === image))
    ?.provider
  const sizes = all.filter((size) => provider === undefined || size.provider === provider)
  const named = sizes.find(({ name, remoteId }) => name === id || remoteId === id)
  if (id !== undefined && !named) return id
  const base = named && { cpu: named.cores, memory: named.memoryMiB * KIB_PER_MIB }
  const [cpu, memory] = [wanted.cpu ?? base?.cpu, wanted.memory ?? base?.memory]
  const fits = (size: Size): boolean =>
    (cpu === undefined || size.cores === cpu) &&
    (memory === undefined || size.memoryMiB * KIB_PER_MIB === memory) &&
    (wanted.disk === undefined || size.diskGiB === undefined || size.diskGiB * KIB_PER_GIB === wanted.disk)
  const found = named && fits(named) ? named : sizes.find(fits)
  if (found) return found.name
  throw new CloudError(
    'invalid',
    `machineConfig: there is no size with ${cpu ?? 'any number of'} cpu and ${memory ?? 'any'} KiB of memory${
      wanted.disk === undefined ? '' : ` and a disk of ${wanted.disk} KiB`
    }; choose one of ${sizes
      .map(({ name }) => name)
      .slice(0, 10)
      .join(', ')}`,
  )
}

function diskIn(config: Resource): number | undefined {
  const [disk] = partsOf(config, 'disks')
  return disk && numberOf(disk, 'capacity')
}

function fromSize(size: Size, { url }: Pick<Exchange, 'url'>): Resource {
  const { name, title, cores, memoryMiB, provider } = size
  return toResource('MachineConfiguration', {
    id: url(PATH, name),
    name,
    description: `${title || name} of ${provider}`,
    cpu: cores,
    memory: memoryMiB * KIB_PER_MIB,
    disks: disksOf(size),
  })
}
