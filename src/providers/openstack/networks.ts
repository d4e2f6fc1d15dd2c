import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { NetworkState } from '../../model/network.ts'
import type { Call, NetworkGroup, RemoteNetwork, SharedNetwork } from '../provider.ts'
import { isUnknown, unlessGone } from '../outcome.ts'
import { floatingAddresses, toJoined } from './floating.ts'
import { neutronPorts, toAttached } from './ports.ts'
import { ourIdOf } from './server-state.ts'
import type { Servers } from './servers.ts'
import type { Session } from './session.ts'

const NAME_PREFIX = 'bellhop:'
const AGREED_STATES: Readonly<Record<string, NetworkState>> = {
  ACTIVE: 'active',
  BUILD: 'creating',
  DOWN: 'inactive',
  ERROR: 'error',
}

const Network = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  status: Type.String(),
  admin_state_up: Type.Boolean(),
  'router:external': Type.Optional(Type.Boolean()),
})
type Network = Static<typeof Network>

const one = Compile(Type.Object({ network: Network }))
const many = Compile(Type.Object({ networks: Type.Array(Network) }))
const subnets = Compile(
  Type.Object({
    subnets: Type.Array(
      Type.Object({
        cidr: Type.String(),
        gateway_ip: Type.Union([Type.String(), Type.Null()]),
        network_id: Type.String(),
      }),
    ),
  }),
)

/** The networks that a machine can be on without having been made for us. */
export async function sharedNetworks(session: Session, provider: string): Promise<readonly Network[]> {
  const all = await search(session, provider, {})
  return all.filter((network) => !isPublic(network) && networkIdOf(network) === undefined)
}

/** Ids of the networks whose addresses can lead to machines that are on others. */
export async function publicNetworkIds(session: Session, provider: string): Promise<ReadonlySet<string>> {
  const found = await search(session, provider, { 'router:external': 'true' })
  return new Set(found.filter(isPublic).map(({ id }) => id))
}

function isPublic(network: Network): boolean {
  return network['router:external'] === true
}

async function search(
  session: Session,
  provider: string,
  query: Readonly<Record<string, string>>,
): Promise<readonly Network[]> {
  const json = (await session.request('network', { method: 'GET', path: '/networks', query })).json()
  if (many.Check(json)) return json.networks
  throw new CloudError('provider-failed', `${provider}: the answer is no list of networks as Neutron shows one`)
}

/** What is known while a call lasts. */
export interface Opened {
  readonly session: Session
  readonly servers: Servers
}

/**
 * Networks of Neutron's. Those that the project has already are for all. A machine can be on any but an external one, which
 * gives it an address that leads to another card of its.
 *
 * @see Neutron, Networking API v2: Networks, Subnets, Ports, Floating IPs
 */
export function neutronNetworks(open: (call: Call) => Promise<Opened>, provider: string): NetworkGroup {
  const session = async (call: Call): Promise<Session> => (await open(call)).session

  async function get(opened: Session, remoteId: string): Promise<Network> {
    const path = `/networks/${encodeURIComponent(remoteId)}`
    const json = (await opened.request('network', { method: 'GET', path })).json()
    if (one.Check(json)) return json.network
    throw new CloudError('provider-failed', `${provider}: the answer is no network as Neutron shows one`)
  }

  async function withSubnet(opened: Session, network: Network): Promise<RemoteNetwork> {
    const query = { network_id: network.id }
    const json = (await opened.request('network', { method: 'GET', path: '/subnets', query })).json()
    const [subnet] = subnets.Check(json) ? json.subnets : []
    return {
      ...toRemote(network),
      ...(subnet ? { cidr: subnet.cidr } : {}),
      ...(subnet?.gateway_ip ? { gateway: subnet.gateway_ip } : {}),
    }
  }

  async function find(opened: Session, ourId: string): Promise<Network | undefined> {
    return (await search(opened, provider, { description: `${NAME_PREFIX}${ourId}` }))[0]
  }

  async function deleteOwn(opened: Session, remoteId: string): Promise<void> {
    requireOwn(await get(opened, remoteId))
    await opened.request('network', { method: 'DELETE', path: `/networks/${encodeURIComponent(remoteId)}` })
  }

  return {
    actions: ['up', 'down'],
    numberedBy: 'provider',
    shared: async (call) => {
      const there = (await search(await session(call), provider, {})).filter((each) => networkIdOf(each) === undefined)
      // Those that a machine can be on stand first.
      return [...there.filter((each) => !isPublic(each)), ...there.filter(isPublic)].map((network): SharedNetwork => ({
        ...toRemote(network),
        name: `${provider}-${network.id}`,
        provider,
        title: network.name || network.id,
        // Its addresses lead to another card.
        ...(isPublic(network) ? { onlyAsked: true } : {}),
      }))
    },
    create: async ({ id, name, cidr, gateway, allocation }, call) => {
      const opened = await session(call)
      const description = `${NAME_PREFIX}${id}`
      const json = { network: { name: name ?? `bellhop-${id.slice(0, 8)}`, description } }
      let network = await find(opened, id)
      if (!network) {
        const made = (await opened.request('network', { method: 'POST', path: '/networks', json })).json()
        if (!one.Check(made))
          throw new CloudError('unavailable', `${provider}: the answer is no network as Neutron shows one`)
        network = made.network
      }
      const before = await withSubnet(opened, network)
      // Without addresses a machine could not be on it.
      if (before.cidr === undefined) {
        const subnet = {
          network_id: network.id,
          ip_version: 4,
          cidr: cidr ?? DEFAULT_CIDR,
          enable_dhcp: allocation !== 'static',
          ...(gateway === undefined ? {} : { gateway_ip: gateway }),
        }
        await opened.request('network', { method: 'POST', path: '/subnets', json: { subnet } })
      }
      return await withSubnet(opened, network)
    },
    find: async (ourId, call) => {
      const opened = await session(call)
      const network = await find(opened, ourId)
      return network && (await withSubnet(opened, network))
    },
    get: async (remoteId, call) => {
      const opened = await session(call)
      return await withSubnet(opened, await get(opened, remoteId))
    },
    act: async (remoteId, action, call) => {
      const opened = await session(call)
      const network = await get(opened, remoteId)
      requireOwn(network)
      const isUp = action === 'up'
      if (network.admin_state_up === isUp)
        throw new CloudError('conflict', `network ${remoteId} is ${isUp ? 'up' : 'down'} already`)
      const path = `/networks/${encodeURIComponent(remoteId)}`
      await opened.request('network', {
        method: 'PUT',
        path,
        json: { network: { admin_state_up: isUp } },
        isSafe: true,
      })
    },
    delete: async (remoteId, call) => {
      const opened = await session(call)
      await unlessGone(deleteOwn(opened, remoteId))
    },
    attach: async (instanceRemoteId, attachment, call) => {
      const { session: opened, servers } = await open(call)
      const ports = neutronPorts(opened, provider)
      const ourId = ourIdOf(await servers.get(instanceRemoteId)) ?? instanceRemoteId
      if ((await publicNetworkIds(opened, provider)).has(attachment.networkRemoteId)) {
        const cards = await ports.ofServer(instanceRemoteId)
        return toJoined(await floatingAddresses(opened, provider).join(ourId, cards, attachment))
      }
      const port = await ports.make(ourId, attachment)
      if (port.device_id !== '') return toAttached(port)
      try {
        await opened.request('compute', {
          method: 'POST',
          path: `/servers/${encodeURIComponent(instanceRemoteId)}/os-interface`,
          json: { interfaceAttachment: { port_id: port.id } },
        })
      } catch (error) {
        // Where nobody knows whether it is on the machine, it stays for whoever asks again.
        if (isCloudError(error) && !isUnknown(error)) await ports.delete(port.id)
        throw error
      }
      return toAttached(port)
    },
    detach: async (_instanceRemoteId, { linkId }, call) => {
      const opened = await session(call)
      const [ports, floating] = [neutronPorts(opened, provider), floatingAddresses(opened, provider)]
      const [port, address] = await Promise.all([ports.ofLink(linkId), floating.ofLink(linkId)])
      // Neutron tells Nova, which takes the card away.
      if (port) await ports.delete(port.id)
      if (address) await floating.release(address.id)
    },
  }
}

const DEFAULT_CIDR = '10.42.0.0/24'

function toRemote(network: Network): RemoteNetwork {
  const { id, status, admin_state_up: isUp } = network
  const ourId = networkIdOf(network)
  return {
    remoteId: id,
    ...(ourId === undefined ? {} : { ourId }),
    state: isUp ? (AGREED_STATES[status] ?? 'unknown') : 'inactive',
  }
}

function networkIdOf({ description }: Network): string | undefined {
  return description?.startsWith(NAME_PREFIX) === true ? description.slice(NAME_PREFIX.length) : undefined
}

/** @throws {CloudError} unsupported for a network that was there before us */
function requireOwn(network: Network): void {
  if (networkIdOf(network) !== undefined) return
  throw new CloudError('unsupported', `network ${network.id} is for all; it cannot be changed`)
}
