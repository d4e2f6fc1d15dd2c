import { Type, type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { NetworkConfig, Nic, NicAddress } from '../../model/context.ts'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Server } from './server-state.ts'
import type { Session } from './session.ts'

const Port = Type.Object({
  id: Type.String({ minLength: 1 }),
  mac_address: Type.String(),
  network_id: Type.String(),
  fixed_ips: Type.Array(Type.Object({ ip_address: Type.String(), subnet_id: Type.String() })),
  // For administrators' eyes alone, as clouds are set up.
  'binding:vif_type': Type.Optional(Type.Union([Type.String(), Type.Null()])),
})
type Port = Static<typeof Port>

const Subnet = Type.Object({
  id: Type.String({ minLength: 1 }),
  ip_version: Type.Union([Type.Literal(4), Type.Literal(6)]),
  cidr: Type.String({ pattern: '/\\d{1,3}$' }),
  gateway_ip: Type.Union([Type.String(), Type.Null()]),
  enable_dhcp: Type.Boolean(),
  ipv6_address_mode: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  dns_nameservers: Type.Array(Type.String()),
})
type Subnet = Static<typeof Subnet>

const Network = Type.Object({
  id: Type.String({ minLength: 1 }),
  mtu: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
})

const ports = Compile(Type.Object({ ports: Type.Array(Port) }))
const subnets = Compile(Type.Object({ subnets: Type.Array(Subnet) }))
const networks = Compile(Type.Object({ networks: Type.Array(Network) }))

/** The words for a link that Nova tells guests; every other is `phy` to them. @see Nova, network/model.py */
const LINK_TYPES: ReadonlySet<string> = new Set(['bridge', 'dvs', 'hw_veb', 'hyperv', 'ovs', 'tap', 'vhostuser', 'vif'])

/**
 * A server's network cards, as its guest is told of them: what Neutron knows of them, in Nova's order. Where there is no
 * Neutron, or it does not answer, what Nova alone tells; `undefined` where nothing is known.
 *
 * @see Neutron, Networking API v2: Ports, Subnets, Networks
 */
export async function networkOf(session: Session, server: Server): Promise<NetworkConfig | undefined> {
  // Until it has been placed, its cards come and go.
  if (server.status === 'BUILD') return undefined
  const told = cardsOf(server)
  if (session.has('network'))
    try {
      return { nics: await askNeutron(session, server.id, told) }
    } catch (error) {
      if (!isCloudError(error)) throw error
    }
  return told.size === 0 ? undefined : { nics: [...told].map(([mac, addresses]) => toBareNic(mac, addresses)) }
}

/** The fixed addresses of each card, by its MAC, in Nova's order: floating ones are not the guest's, it never sees them. */
function cardsOf({ addresses = {} }: Server): ReadonlyMap<string, readonly string[]> {
  const cards = new Map<string, string[]>()
  for (const address of Object.values(addresses).flat()) {
    const mac = address['OS-EXT-IPS-MAC:mac_addr']?.toLowerCase()
    if (mac === undefined || address['OS-EXT-IPS:type'] === 'floating') continue
    cards.set(mac, [...(cards.get(mac) ?? []), address.addr])
  }
  return cards
}

function toBareNic(mac: string, addresses: readonly string[]): Nic {
  return { id: mac, mac, addresses: addresses.map((address) => ({ address, assignment: 'dhcp' })) }
}

async function askNeutron(
  session: Session,
  serverId: string,
  told: ReadonlyMap<string, readonly string[]>,
): Promise<readonly Nic[]> {
  const query = { device_id: serverId }
  const found = (await list(session, '/ports', query, ports)).ports
  // Of a card without an address Nova tells its guest nothing.
  const cards = found.filter(({ fixed_ips: fixed }) => fixed.length > 0)
  const subnetIds = [...new Set(cards.flatMap(({ fixed_ips: fixed }) => fixed.map(({ subnet_id: id }) => id)))]
  const networkIds = [...new Set(cards.map(({ network_id: id }) => id))]
  // A list of no ids would be one of everything.
  const [ofCards, onNetworks] =
    cards.length === 0
      ? [[], []]
      : await Promise.all([
          list(session, '/subnets', { id: subnetIds }, subnets).then((answer) => answer.subnets),
          list(session, '/networks', { id: networkIds }, networks).then((answer) => answer.networks),
        ])
  const mtus = new Map(onNetworks.map(({ id, mtu }) => [id, mtu ?? undefined]))
  const byMac = new Map(
    cards.map((port) => [port.mac_address.toLowerCase(), toNic(port, ofCards, mtus.get(port.network_id))]),
  )
  // Neutron has them in no order; what it does not show us, Nova told.
  const macs = new Set([...told.keys(), ...byMac.keys()])
  return [...macs].map((mac) => byMac.get(mac) ?? toBareNic(mac, told.get(mac) ?? []))
}

async function list<Schema extends TSchema>(
  session: Session,
  path: string,
  query: Readonly<Record<string, string | readonly string[]>>,
  answer: ReturnType<typeof Compile<Schema>>,
): Promise<Static<Schema>> {
  const json = (await session.request('network', { method: 'GET', path, query })).json()
  if (answer.Check(json)) return json
  throw new CloudError('provider-failed', `GET ${path}: the answer is no list as Neutron shows one`)
}

function toNic(port: Port, known: readonly Subnet[], mtu: number | undefined): Nic {
  const { id, mac_address: mac, fixed_ips: fixed, 'binding:vif_type': type } = port
  const own = known.filter((subnet) => fixed.some(({ subnet_id: subnetId }) => subnetId === subnet.id))
  // As Nova has it: of each family the first alone, IPv4 before IPv6.
  const first = ([4, 6] as const).flatMap((version) => own.find(({ ip_version: each }) => each === version) ?? [])
  const addresses = first.flatMap((subnet) => {
    const ip = fixed.find(({ subnet_id: subnetId }) => subnetId === subnet.id)
    return ip ? [toAddress(ip.ip_address, subnet, port.network_id)] : []
  })
  // Of subnets that we are not shown.
  const unknown = fixed.map(
    ({ ip_address: address }) => ({ address, networkId: port.network_id, assignment: 'dhcp' }) as const,
  )
  // Who asks by DHCP is told the MTU there.
  const isToldMtu = mtu !== undefined && own.length > 0 && !own.some(({ enable_dhcp: hasDhcp }) => hasDhcp)
  return {
    id,
    mac: mac.toLowerCase(),
    ...(isToldMtu ? { mtu } : {}),
    ...(typeof type === 'string' && LINK_TYPES.has(type) ? { linkType: type } : {}),
    addresses: addresses.length > 0 ? addresses : unknown,
  }
}

function toAddress(address: string, subnet: Subnet, networkId: string): NicAddress {
  const { cidr, gateway_ip: gateway, dns_nameservers: nameServers } = subnet
  return {
    address,
    prefixLength: Number(cidr.slice(cidr.indexOf('/') + 1)),
    ...(gateway === null ? {} : { gateway }),
    networkId,
    assignment: assignmentOf(subnet),
    ...(nameServers.length > 0 ? { nameServers } : {}),
  }
}

/** @see Neutron, Networking guide: IPv6, address modes */
function assignmentOf({ enable_dhcp: hasDhcp, ipv6_address_mode: mode }: Subnet): NicAddress['assignment'] {
  // Stateless DHCPv6 tells the rest; the address is the guest's own.
  if (mode === 'slaac' || mode === 'dhcpv6-stateless') return 'slaac'
  return hasDhcp || mode === 'dhcpv6-stateful' ? 'dhcp' : 'static'
}
