import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { NetworkState } from '../../model/network.ts'
import type { Call, NetworkGroup } from '../provider.ts'
import { siteNetworks, type SiteNetwork } from '../site-networks.ts'
import { attachedTo } from './server-state.ts'
import type { Servers } from './servers.ts'
import type { Session } from './session.ts'

const STATES: Readonly<Record<string, NetworkState>> = {
  ACTIVE: 'active',
  PENDING: 'creating',
  // No new cards are put on it.
  'SNF:DRAINED': 'inactive',
  DELETED: 'deleting',
  ERROR: 'error',
}

const Network = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  status: Type.String(),
  deleted: Type.Optional(Type.Boolean()),
})

type Network = Static<typeof Network>

const one = Compile(Type.Object({ network: Network }))
const many = Compile(Type.Object({ networks: Type.Array(Network) }))

/** What is known while a call lasts. */
interface Opened {
  readonly session: Session
  readonly servers: Servers
}

/**
 * The networks that the account can use are for all; servers are put on them when they are made.
 *
 * @see Synnefo, Network API: Networks
 */
export function cycladesNetworks(open: (call: Call) => Promise<Opened>, name: string): NetworkGroup {
  return siteNetworks({
    name,
    changed: "at the site, by the account's owner",
    all: async (call) => {
      const { session } = await open(call)
      const json = (await session.request('network', { method: 'GET', path: '/networks' })).json()
      if (many.Check(json)) return json.networks.map(toSiteNetwork)
      throw new CloudError('provider-failed', `${name}: the answer is no list of networks as Cyclades shows one`)
    },
    network: async (remoteId, call) => {
      const { session } = await open(call)
      // Of what is no number Synnefo says that the question is wrong.
      if (!/^\d{1,15}$/.test(remoteId))
        throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
      const json = (await session.request('network', { method: 'GET', path: `/networks/${remoteId}` })).json()
      if (!one.Check(json))
        throw new CloudError('provider-failed', `${name}: the answer is no network as Cyclades shows one`)
      if (json.network.deleted === true) throw new CloudError('not-found', `network ${remoteId} is deleted`)
      return toSiteNetwork(json.network)
    },
    attach: async (instanceRemoteId, { linkId, networkRemoteId }, call) => {
      const { servers } = await open(call)
      const card = attachedTo(await servers.get(instanceRemoteId)).find((each) => each.linkId === linkId)
      if (card) return card
      throw new CloudError(
        'unsupported',
        `${name}: a server is put on networks when it is made; make one with a link to network ${networkRemoteId}`,
      )
    },
    detach: async (instanceRemoteId, { linkId }, call) => {
      const { servers } = await open(call)
      if (attachedTo(await servers.get(instanceRemoteId)).every((each) => each.linkId !== linkId)) return
      throw new CloudError(
        'unsupported',
        `${name}: a server stays on the networks that it was made with; delete the server, or take the card away at the site`,
      )
    },
  })
}

function toSiteNetwork({ id, name, status }: Network): SiteNetwork {
  return { remoteId: id, title: name || id, state: STATES[status] ?? 'unknown' }
}
