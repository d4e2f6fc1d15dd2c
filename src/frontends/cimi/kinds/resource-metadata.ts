import { CloudError } from '../../../model/errors.ts'
import { METHODS, type DeliveryMethod } from '../../../model/events.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { toResource } from '../resource.ts'
import { NAMESPACE, typeUri, type TypeName } from '../types.ts'

const PATH = 'resource_metadata'

/** The specification's words for the ways to a guest; a cloud that carries the data itself does it by a server or disk of its own. */
const WAYS: Readonly<Record<DeliveryMethod, string>> = {
  metadata: 'MetadataServer',
  disk: 'Disk',
  injection: 'ImageModification',
  provider: 'ProviderSpecific',
}

/** The last part of a capability's URI, with what it says. */
interface Said {
  readonly name: string
  readonly description: string
  readonly value: string
  /** Where the URI ends otherwise. */
  readonly uriName?: string
}

/**
 * What can be done here, for programs. The machine's entry is the first, and no other before it has "Machine" in its name:
 * a client takes the first that has.
 */
export function resourceMetadata(service: Service): Kind {
  const entries = (): readonly Entry[] => [
    { segment: 'machine', type: 'Machine', said: machineCapabilities(service) },
    { segment: 'cloud_entry_point', type: 'CloudEntryPoint', said: ENTRY_POINT },
    { segment: 'machine_template', type: 'MachineTemplate', said: userDataCapabilities(service) },
    ...(hasVolumes(service) ? [{ segment: 'volume', type: 'Volume', said: VOLUME } as const] : []),
  ]
  return {
    path: PATH,
    type: 'ResourceMetadata',
    collection: 'ResourceMetadataCollection',
    aliases: ['resourcemetadatas'],
    link: 'resourceMetadata',
    list: async (exchange) => entries().map((entry) => toMetadata(entry, exchange)),
    get: async (id, exchange) => {
      const entry = entries().find(({ segment }) => segment === id.toLowerCase())
      if (entry) return toMetadata(entry, exchange)
      throw new CloudError('not-found', `there is no resource metadata "${id.slice(0, 100)}"`)
    },
  }
}

interface Entry {
  readonly segment: string
  readonly type: TypeName
  readonly said: readonly Said[]
}

const ENTRY_POINT: readonly Said[] = [
  'ExpandParameterQuery',
  'FilterParameterQuery',
  'FirstParameterAndLastParameterQuery',
  'SelectParameterQuery',
  'FormatParameterQuery',
  'OrderByParameterQuery',
].map((name) => ({ name, description: `${name} is understood`, value: 'true' }))

const VOLUME: readonly Said[] = [
  { name: 'CapacityUnit', description: 'Capacities are counted in units of this many bytes', value: '1024' },
]

function machineCapabilities(service: Service): readonly Said[] {
  return [
    { name: 'DefaultInitialState', description: 'The state of a new machine', value: 'STARTED' },
    { name: 'InitialStates', description: 'States that a new machine can have', value: 'STARTED' },
    { name: 'MachineConfigByValue', description: 'A size that there is may be described', value: 'true' },
    { name: 'MachineCredentialByValue', description: 'A public key may be given with the machine', value: 'true' },
    { name: 'MachineImageByValue', description: 'Images are named, not described', value: 'false' },
    {
      name: 'MachineVolumeTemplatesByValue',
      description: 'New volumes may be described',
      value: `${hasVolumes(service)}`,
    },
    { name: 'MachineStopForce', description: 'A stop may be forced', value: 'true' },
    {
      name: 'MachineStopForceDefault',
      description: 'Whether a stop is forced unless it says otherwise',
      value: 'false',
    },
    ...userDataCapabilities(service),
  ]
}

function hasVolumes(service: Service): boolean {
  return service.makers('volumes').length > 0
}

/** One client looks for a URI that ends in `userData`, another for one in `UserData`. */
function userDataCapabilities(service: Service): readonly Said[] {
  const abilities = service.abilities()
  const used = METHODS.filter((method) => abilities.some(({ methods }) => methods.includes(method)))
  const description = 'How user data reach the machine, in the order in which it should look'
  const value = used.map((method) => WAYS[method]).join(',')
  const maxBytes = Math.max(0, ...abilities.map(({ userDataMaxBytes }) => userDataMaxBytes))
  return [
    { name: 'UserData', description, value },
    { name: 'UserData', description, value, uriName: 'userData' },
    { name: 'UserDataMaxBytes', description: 'The most that any provider here takes, decoded', value: `${maxBytes}` },
  ]
}

function toMetadata({ segment, type, said }: Entry, { url }: Pick<Exchange, 'url'>): Resource {
  return toResource('ResourceMetadata', {
    id: url(PATH, segment),
    name: type,
    description: `What can be done with a ${type} here`,
    typeURI: typeUri(type),
    capabilities: said.map(({ name, description, value, uriName = name }) =>
      toResource('Capability', { name, uri: `${NAMESPACE}/capability/${type}/${uriName}`, description, value }),
    ),
  })
}
