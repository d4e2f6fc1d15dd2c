import type { Attached, CreateRequest, NetworkAttachment } from '../provider.ts'
import { floatingAddresses, networksBehind, toJoined } from './floating.ts'
import { publicNetworkIds, sharedNetworks } from './networks.ts'
import { neutronPorts, toAttached, type Port } from './ports.ts'
import type { Surroundings } from './server-body.ts'
import type { Session } from './session.ts'

/** What a new server is on. */
interface Cards {
  readonly networks: Surroundings['networks']
  readonly attached: readonly Attached[]
}

/** The ports and public addresses of Neutron's that are made for an instance of ours. */
export interface InstanceCards {
  /** All of a request, before its server; where it names none, what the project has anyway. @throws {CloudError} conflict … */
  readonly make: (request: Pick<CreateRequest, 'id' | 'networks'>) => Promise<Cards>
  /** Those that are there. */
  readonly attached: (ourId: string) => Promise<readonly Attached[]>
  /** Takes all away; no error when they are gone. */
  readonly remove: (ourId: string) => Promise<void>
}

export function instanceCards(session: Session, provider: string): InstanceCards {
  const ports = neutronPorts(session, provider)
  const floating = floatingAddresses(session, provider)

  const hasNetwork = session.has('network')

  async function split(
    networks: readonly NetworkAttachment[],
  ): Promise<{ readonly own: readonly NetworkAttachment[]; readonly joined: readonly NetworkAttachment[] }> {
    if (networks.length === 0) return { own: [], joined: [] }
    const publicIds = await publicNetworkIds(session, provider)
    return {
      own: networks.filter(({ networkRemoteId }) => !publicIds.has(networkRemoteId)),
      joined: networks.filter(({ networkRemoteId }) => publicIds.has(networkRemoteId)),
    }
  }

  /** Of several Nova would not choose one. @param publicId to which a router should lead */
  async function defaultNetwork(publicId: string | undefined): Promise<string | undefined> {
    const all = hasNetwork ? await sharedNetworks(session, provider) : []
    const reached =
      publicId !== undefined && all.length > 1 ? await networksBehind(session, publicId) : new Set<string>()
    return (all.find(({ id }) => reached.has(id)) ?? all[0])?.id
  }

  return {
    make: async ({ id, networks = [] }) => {
      const { own, joined } = await split(networks)
      const made: Port[] = []
      for (const attachment of own) made.push(await ports.make(id, attachment))
      if (made.length === 0) {
        const uuid = await defaultNetwork(joined[0]?.networkRemoteId)
        // An address leads to a card that must be there before the server is; nobody's link has the instance's own id.
        if (uuid !== undefined && joined.length > 0)
          made.push(await ports.make(id, { linkId: id, networkRemoteId: uuid }))
        else if (uuid !== undefined) return { networks: [{ uuid }], attached: [] }
      }
      const addresses: Attached[] = []
      for (const attachment of joined) addresses.push(toJoined(await floating.join(id, made, attachment)))
      return { networks: made.map(({ id: port }) => ({ port })), attached: [...cardsOf(id, made), ...addresses] }
    },
    attached: async (ourId) => {
      if (!hasNetwork) return []
      const [made, addresses] = await Promise.all([ports.ofInstance(ourId), floating.ofInstance(ourId)])
      return [...cardsOf(ourId, made), ...addresses.map(toJoined)]
    },
    remove: async (ourId) => {
      if (!hasNetwork) return
      for (const { id } of await floating.ofInstance(ourId)) await floating.release(id)
      for (const { id } of await ports.ofInstance(ourId)) await ports.delete(id)
    },
  }
}

function cardsOf(ourId: string, ports: readonly Port[]): readonly Attached[] {
  return ports.map(toAttached).filter(({ linkId }) => linkId !== ourId)
}
