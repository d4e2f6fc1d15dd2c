import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Attached, NetworkAttachment } from '../provider.ts'
import { unlessGone } from '../outcome.ts'
import type { Port } from './ports.ts'
import type { Session } from './session.ts'

const FloatingAddress = Type.Object({
  id: Type.String({ minLength: 1 }),
  floating_ip_address: Type.String(),
  port_id: Type.Union([Type.String(), Type.Null()]),
  description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  created_at: Type.Optional(Type.String()),
})

/** A floating address as Neutron shows it, as far as we look. */
export type FloatingAddress = Static<typeof FloatingAddress>

const one = Compile(Type.Object({ floatingip: FloatingAddress }))
const many = Compile(Type.Object({ floatingips: Type.Array(FloatingAddress) }))

const routers = Compile(
  Type.Object({
    routers: Type.Array(
      Type.Object({
        id: Type.String({ minLength: 1 }),
        external_gateway_info: Type.Optional(Type.Union([Type.Object({ network_id: Type.String() }), Type.Null()])),
      }),
    ),
  }),
)
const interfaces = Compile(Type.Object({ ports: Type.Array(Type.Object({ network_id: Type.String() })) }))

// Neutron keeps one text for each: whose it is, by its link, and by the instance that it goes with.
const OURS = /^bellhop:([0-9a-f-]{36}) bellhop:([0-9a-f-]{36})$/

/** Public addresses that lead to machines. @see Neutron, Networking API v2: Floating IPs */
export interface FloatingAddresses {
  /**
   * Takes an address and leads it to the first of the cards that it can reach; the same again gives the same.
   *
   * @throws {CloudError} conflict when there is no card, no router in between or no address left; unsupported
   */
  readonly join: (ourId: string, cards: readonly Port[], attachment: NetworkAttachment) => Promise<FloatingAddress>
  /** The one of a link. */
  readonly ofLink: (linkId: string) => Promise<FloatingAddress | undefined>
  readonly ofInstance: (ourId: string) => Promise<readonly FloatingAddress[]>
  /** All that we took, whosever it is. */
  readonly ours: () => Promise<readonly FloatingAddress[]>
  /** No error when it is gone. */
  readonly release: (id: string) => Promise<void>
}

export function floatingAddresses(session: Session, provider: string): FloatingAddresses {
  async function ours(): Promise<readonly FloatingAddress[]> {
    const query = { project_id: session.project.id }
    const answer = await session.request('network', { method: 'GET', path: '/floatingips', query, accepts: [404] })
    // A Neutron without routers has none.
    if (answer.status === 404) return []
    const json = answer.json()
    if (many.Check(json)) return json.floatingips.filter((each) => idsOf(each) !== undefined)
    throw new CloudError('provider-failed', `${provider}: the answer is no list of addresses as Neutron shows one`)
  }

  const ofLink = async (linkId: string): Promise<FloatingAddress | undefined> =>
    (await ours()).find((each) => idsOf(each)?.linkId === linkId)

  async function send(method: 'POST' | 'PUT', path: string, floatingip: object): Promise<FloatingAddress> {
    const isSafe = method === 'PUT'
    const json = (await session.request('network', { method, path, json: { floatingip }, isSafe })).json()
    if (one.Check(json)) return json.floatingip
    throw new CloudError('unavailable', `${provider}: the answer is no address as Neutron shows one`)
  }

  return {
    join: async (ourId, cards, { linkId, networkRemoteId, mac, address }) => {
      const earlier = await ofLink(linkId)
      if (earlier && earlier.port_id !== null) return earlier
      if (mac !== undefined)
        throw new CloudError('unsupported', `mac: an address of network ${networkRemoteId} has no card of its own`)
      let refusal: CloudError | undefined
      for (const { id: port_id } of cards) {
        try {
          if (earlier) return await send('PUT', pathOf(earlier.id), { port_id })
          return await send('POST', '/floatingips', {
            floating_network_id: networkRemoteId,
            port_id,
            description: `bellhop:${linkId} bellhop:${ourId}`,
            ...(address === undefined ? {} : { floating_ip_address: address }),
          })
        } catch (error) {
          if (!isCloudError(error) || !MAY_DIFFER.has(error.code)) throw error
          // From another card it may be reached.
          refusal = error
        }
      }
      throw reasonFor(networkRemoteId, refusal)
    },
    ofLink,
    ofInstance: async (ourId) => (await ours()).filter((each) => idsOf(each)?.ourId === ourId),
    ours,
    release: (id) => unlessGone(session.request('network', { method: 'DELETE', path: pathOf(id) })),
  }
}

/**
 * The networks from which a router leads to a public one, as far as the project sees the routers: a site may have others.
 *
 * @see Neutron, Networking API v2: Routers
 */
export async function networksBehind(session: Session, publicId: string): Promise<ReadonlySet<string>> {
  const ask = async (path: string, query: Readonly<Record<string, string>>): Promise<unknown> => {
    const answer = await session.request('network', { method: 'GET', path, query, accepts: [404] })
    return answer.status === 404 ? undefined : answer.json()
  }
  const found = await ask('/routers', {})
  const all = routers.Check(found) ? found.routers : []
  const behind = new Set<string>()
  for (const { id } of all.filter((each) => each.external_gateway_info?.network_id === publicId)) {
    const ports = await ask('/ports', { device_id: id })
    if (interfaces.Check(ports)) for (const port of ports.ports) behind.add(port.network_id)
  }
  return behind
}

/** What became of a link to a public network. */
export function toJoined(floating: FloatingAddress): Attached {
  return { linkId: idsOf(floating)?.linkId ?? '', address: floating.floating_ip_address }
}

/** Whose it is; `undefined` where it is none of ours. */
export function idsOf({
  description,
}: FloatingAddress): { readonly linkId: string; readonly ourId: string } | undefined {
  const [, linkId, ourId] = OURS.exec(description ?? '') ?? []
  return linkId !== undefined && ourId !== undefined ? { linkId, ourId } : undefined
}

const MAY_DIFFER: ReadonlySet<CloudError['code']> = new Set(['not-found', 'invalid', 'conflict'])

/** Neutron's words, with what helps. */
function reasonFor(networkId: string, refusal: CloudError | undefined): CloudError {
  const network = `network ${networkId}`
  if (!refusal)
    return new CloudError(
      'conflict',
      `${network}: the machine has no card yet to which an address of it could lead; link it to another network first`,
    )
  const { code, message, cause = refusal } = refusal
  if (code === 'not-found')
    return new CloudError(
      'conflict',
      `${network}: no router leads from it to the machine; join its networks by a router first (${message})`,
      { cause },
    )
  if (code === 'conflict')
    return new CloudError('conflict', `${network}: no address is to be had: ${message}; release one first`, { cause })
  return refusal
}

function pathOf(id: string): string {
  return `/floatingips/${encodeURIComponent(id)}`
}
