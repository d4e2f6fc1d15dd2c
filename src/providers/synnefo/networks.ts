import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { NetworkState } from '../../model/network.ts'
import { unlessGone } from '../outcome.ts'
import type { Call, NetworkGroup, RemoteNetwork } from '../provider.ts'
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
export function cycladesNetworks(open: (call: Call) => Promise<Opened>, provider: string): NetworkGroup {
  async function get(remoteId: string, call: Call): Promise<Network> {
    const { session } = await open(call)
    // Of what is no number Synnefo says that the question is wrong.
    if (!/^\d{1,15}$/.test(remoteId)) throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
    const json = (await session.request('network', { method: 'GET', path: `/networks/${remoteId}` })).json()
    if (!one.Check(json))
      throw new CloudError('provider-failed', `${provider}: the answer is no network as Cyclades shows one`)
    if (json.network.deleted === true) throw new CloudError('not-found', `network ${remoteId} is deleted`)
    return json.network
  }

  return {
    actions: [],
    numberedBy: 'provider',
    shared: async (call) => {
      const { session } = await open(call)
      const json = (await session.request('network', { method: 'GET', path: '/networks' })).json()
      if (!many.Check(json))
        throw new CloudError('provider-failed', `${provider}: the answer is no list of networks as Cyclades shows one`)
      return json.networks.map((network) => ({
        ...toRemote(network),
        name: `${provider}-${network.id}`,
        provider,
        title: network.name || network.id,
      }))
    },
    create: () => Promise.reject(ofTheSite(provider, 'made')),
    find: () => Promise.resolve(undefined),
    get: async (remoteId, call) => toRemote(await get(remoteId, call)),
    act: async (remoteId, _action, call) => {
      await get(remoteId, call)
      throw ofTheSite(provider, 'changed')
    },
    delete: async (remoteId, call) => {
      await unlessGone(
        get(remoteId, call).then(() => {
          throw ofTheSite(provider, 'deleted')
        }),
      )
    },
    attach: async (instanceRemoteId, { linkId, networkRemoteId }, call) => {
      await get(networkRemoteId, call)
      const { servers } = await open(call)
      const card = attachedTo(await servers.get(instanceRemoteId)).find((each) => each.linkId === linkId)
      if (card) return card
      throw new CloudError(
        'unsupported',
        `${provider}: a server is put on networks when it is made; make one with a link to network ${networkRemoteId}`,
      )
    },
    detach: async (instanceRemoteId, { linkId }, call) => {
      const { servers } = await open(call)
      await unlessGone(
        servers.get(instanceRemoteId).then((server) => {
          if (attachedTo(server).every((each) => each.linkId !== linkId)) return
          throw new CloudError(
            'unsupported',
            `${provider}: a server stays on the networks that it was made with; delete the server, or take the card away at the site`,
          )
        }),
      )
    },
  }
}

function ofTheSite(provider: string, done: string): CloudError {
  return new CloudError(
    'unsupported',
    `${provider}: networks are not ${done} here, but at the site, by the account's owner; whatever the account can use is listed`,
  )
}

function toRemote({ id, status }: Network): RemoteNetwork {
  return { remoteId: id, state: STATES[status] ?? 'unknown' }
}
