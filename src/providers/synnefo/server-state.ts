import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { InstanceFacts, NetworkConfig } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { InstanceState } from '../../model/instance.ts'
import { quoteShort } from '../../wire/http-answer.ts'
import type { Attached, RemoteInstance } from '../provider.ts'
import { idInName, OUR_ID, OUR_LINKS } from './server-body.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** A card. Synnefo's own word beside `addresses`, which lacks the hardware address. */
const Attachment = Type.Object({
  id: Type.Union([Type.Integer(), Type.String()]),
  network_id: Type.String(),
  mac_address: TextOrNull,
  ipv4: Type.String(),
  ipv6: Type.String(),
  'OS-EXT-IPS:type': Type.Optional(Type.String()),
})
type Attachment = Static<typeof Attachment>

const Server = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  status: Type.String(),
  tenant_id: Type.Optional(TextOrNull),
  'SNF:task_state': Type.Optional(TextOrNull),
  metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  attachments: Type.Optional(Type.Array(Attachment)),
  diagnostics: Type.Optional(
    Type.Array(Type.Object({ level: Type.String(), message: Type.String(), details: Type.Optional(TextOrNull) })),
  ),
})

/** A server as Cyclades shows it, as far as we look. */
export type Server = Static<typeof Server>

const one = Compile(Type.Object({ server: Server }))
const many = Compile(Type.Object({ servers: Type.Array(Server) }))

/** @returns nothing where it is no server as Cyclades shows one */
export function readServer(json: unknown): Server | undefined {
  return one.Check(json) ? json.server : undefined
}

/** @throws {CloudError} provider-failed when it is no list of servers as Cyclades shows one */
export function readServers(json: unknown, what: string): readonly Server[] {
  if (many.Check(json)) return json.servers
  throw new CloudError('provider-failed', `${what}: the answer is no list of servers as Cyclades shows one`)
}

/** What a state of Cyclades' is in our words; every other is unknown. */
const STATES: Readonly<Record<string, InstanceState>> = {
  ACTIVE: 'active',
  BUILD: 'creating',
  REBOOT: 'active',
  // Only what is stopped is resized.
  RESIZE: 'inactive',
  STOPPED: 'inactive',
  ERROR: 'error',
  DELETED: 'deleted',
}

/** A server as the rest of Bellhop sees it. */
export function toRemoteInstance(server: Server): RemoteInstance {
  const ourId = ourIdOf(server)
  const state = isGoing(server) ? 'deleting' : (STATES[server.status] ?? 'unknown')
  const reason = state === 'error' ? reasonOf(server) : undefined
  const network = networkOf(server)
  return {
    remoteId: String(server.id),
    ...(ourId === undefined ? {} : { ourId }),
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(network ? { network } : {}),
    facts: factsOf(server),
    attached: attachedTo(server),
  }
}

/** Whether it is being deleted. */
export function isGoing({ status, 'SNF:task_state': task }: Server): boolean {
  return status !== 'DELETED' && task === 'DESTROYING'
}

export function ourIdOf({ metadata, name }: Pick<Server, 'metadata' | 'name'>): string | undefined {
  return metadata?.[OUR_ID] ?? idInName(name)
}

/** What snf-image says last, such as an owner that an image does not have. */
function reasonOf({ diagnostics = [] }: Server): string {
  const [last] = diagnostics
  if (!last) return 'Synnefo does not say why'
  return quoteShort([last.message, last.details ?? ''].join(' '))
}

function factsOf(server: Server): Partial<InstanceFacts> {
  const { tenant_id: projectId, attachments = [] } = server
  const floating = attachments.find((each) => each['OS-EXT-IPS:type'] === 'floating' && each.ipv4 !== '')
  return {
    ...(projectId ? { projectId } : {}),
    ...(floating ? { publicIpv4: floating.ipv4 } : {}),
  }
}

/** While it is being made, it has no cards. */
function networkOf({ attachments = [] }: Server): NetworkConfig | undefined {
  if (attachments.length === 0) return undefined
  return {
    nics: attachments.map((each) => ({
      id: String(each.id),
      mac: macOf(each) ?? '',
      addresses: addressesOf(each).map((address) => ({ address, networkId: each.network_id, assignment: 'dhcp' })),
    })),
  }
}

function addressesOf({ ipv4, ipv6 }: Attachment): readonly string[] {
  return [ipv4, ipv6].filter((address) => address !== '')
}

function macOf({ mac_address: mac }: Attachment): string | undefined {
  return mac?.toLowerCase()
}

/** The cards of our links. The site may put others before them: of those on one network, ours are the last. */
export function attachedTo({ metadata = {}, attachments = [] }: Server): readonly Attached[] {
  const links = (metadata[OUR_LINKS] ?? '').split(' ').flatMap((text) => {
    const [linkId = '', networkId = ''] = text.split('=')
    return networkId === '' ? [] : [{ linkId, networkId }]
  })
  const cards = [...attachments]
  return links
    .toReversed()
    .map(({ linkId, networkId }): Attached => {
      const index = cards.findLastIndex((card) => card.network_id === networkId)
      const [card] = index === -1 ? [] : cards.splice(index, 1)
      const [address] = card ? addressesOf(card) : []
      const mac = card && macOf(card)
      return { linkId, ...(mac === undefined ? {} : { mac }), ...(address === undefined ? {} : { address }) }
    })
    .toReversed()
}
