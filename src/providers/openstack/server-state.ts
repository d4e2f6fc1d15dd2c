import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { InstanceState } from '../../model/instance.ts'
import type { RemoteInstance } from '../provider.ts'
import { tagFor } from './server-body.ts'
import { factsOf } from './server-facts.ts'

const Address = Type.Object({
  version: Type.Integer(),
  addr: Type.String(),
  'OS-EXT-IPS:type': Type.Optional(Type.String()),
  'OS-EXT-IPS-MAC:mac_addr': Type.Optional(Type.String()),
})

const TextOrNull = Type.Union([Type.String(), Type.Null()])

const Server = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  status: Type.String(),
  addresses: Type.Optional(Type.Record(Type.String(), Type.Array(Address))),
  tenant_id: Type.Optional(Type.String()),
  user_id: Type.Optional(Type.String()),
  flavor: Type.Optional(Type.Object({ original_name: Type.Optional(Type.String()) })),
  security_groups: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
  'OS-EXT-AZ:availability_zone': Type.Optional(TextOrNull),
  // Shown to administrators alone.
  'OS-EXT-SRV-ATTR:launch_index': Type.Optional(Type.Integer()),
  'OS-EXT-SRV-ATTR:root_device_name': Type.Optional(TextOrNull),
  'OS-EXT-SRV-ATTR:reservation_id': Type.Optional(TextOrNull),
  tags: Type.Optional(Type.Array(Type.String())),
  'OS-EXT-STS:task_state': Type.Optional(TextOrNull),
  'os-extended-volumes:volumes_attached': Type.Optional(Type.Array(Type.Object({ id: Type.String() }))),
  fault: Type.Optional(Type.Object({ message: Type.String() })),
})

/** A server as Nova shows it, as far as we look. */
export type Server = Static<typeof Server>

const one = Compile(Type.Object({ server: Server }))
const many = Compile(
  Type.Object({
    servers: Type.Array(Server),
    servers_links: Type.Optional(Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }))),
  }),
)

/** @throws {CloudError} provider-failed when it is no server as Nova shows one */
export function readServer(json: unknown, what: string): Server {
  if (one.Check(json)) return json.server
  throw new CloudError('provider-failed', `${what}: the answer is no server as Nova shows one`)
}

/** @throws {CloudError} provider-failed when it is no list of servers as Nova shows one */
export function readServers(
  json: unknown,
  what: string,
): { readonly servers: readonly Server[]; readonly hasMore: boolean } {
  if (many.Check(json))
    return { servers: json.servers, hasMore: json.servers_links?.some(({ rel }) => rel === 'next') === true }
  throw new CloudError('provider-failed', `${what}: the answer is no list of servers as Nova shows one`)
}

/** What a state of Nova's is in our words; every other is unknown. */
const STATES: Readonly<Record<string, InstanceState>> = {
  ACTIVE: 'active',
  BUILD: 'creating',
  REBUILD: 'creating',
  REBOOT: 'active',
  HARD_REBOOT: 'active',
  PASSWORD: 'active',
  MIGRATING: 'active',
  RESIZE: 'active',
  VERIFY_RESIZE: 'active',
  REVERT_RESIZE: 'active',
  RESCUE: 'active',
  SHUTOFF: 'inactive',
  SHELVED: 'inactive',
  SHELVED_OFFLOADED: 'inactive',
  PAUSED: 'suspended',
  SUSPENDED: 'suspended',
  ERROR: 'error',
  DELETED: 'deleted',
  SOFT_DELETED: 'deleted',
}

const MAX_REASON_CHARACTERS = 300

/** A server as the rest of Bellhop sees it, but for its network cards, of which Neutron knows more. */
export function toRemoteInstance(server: Server): RemoteInstance {
  const { id, status, fault } = server
  const ourId = ourIdOf(server)
  const isDeleting = server['OS-EXT-STS:task_state'] === 'deleting'
  const reason = status === 'ERROR' ? fault?.message.trim().slice(0, MAX_REASON_CHARACTERS) : undefined
  return {
    remoteId: id,
    ...(ourId === undefined ? {} : { ourId }),
    state: isDeleting ? 'deleting' : (STATES[status] ?? 'unknown'),
    ...(reason === undefined || reason === '' ? {} : { reason }),
    facts: factsOf(server),
  }
}

/** Our id, from the tag that the server was made with, or from its name where the cloud has no tags. */
export function ourIdOf({ tags = [], name }: Pick<Server, 'tags' | 'name'>): string | undefined {
  const prefix = tagFor('')
  const tag = tags.find((each) => each.startsWith(prefix)) ?? (/ (bellhop:[0-9a-f-]{36})$/.exec(name) ?? [])[1]
  return tag?.slice(prefix.length)
}
