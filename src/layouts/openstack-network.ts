import { isIPv6 } from 'node:net'
import type { NetworkConfig, Nic, NicAddress } from '../model/context.ts'
import { given } from './given.ts'
import { type JsonObject, numberIn, objectsIn, textIn } from './json.ts'
import { netmaskOf, prefixLengthOf } from './netmask.ts'

/** A card whose cloud has no word for its link. */
const PHYSICAL = 'phy'

/**
 * `network_data.json`, in Nova's order of keys and names; `{}` where there is no card.
 *
 * @see https://docs.openstack.org/nova/latest/user/metadata.html (network_data.json)
 */
export function toNetworkData({ nics, nameServers = [] }: NetworkConfig): JsonObject {
  if (nics.length === 0) return {}
  const links = linkIds(nics)
  const addresses = nics.flatMap((nic, index) => nic.addresses.map((address) => ({ address, link: links[index] })))
  const servers = new Set([...addresses.flatMap(({ address }) => address.nameServers ?? []), ...nameServers])
  return {
    links: nics.map((nic, index) => toLink(nic, links[index])),
    networks: addresses.map(({ address, link }, index) => toNetwork(address, `network${index}`, link)),
    services: toServices([...servers]),
  }
}

/**
 * The network that such a file, ours or Nova's, tells of. Of a card that asks by DHCP its address is not in it: such an
 * address reads as empty.
 */
export function fromNetworkData(data: JsonObject): NetworkConfig {
  const networks = objectsIn(data['networks'])
  const nics = objectsIn(data['links']).map((link): Nic => {
    const type = textIn(link['type'])
    const own = networks.filter((network) => network['link'] === link['id'])
    return {
      id: textIn(link['vif_id']) ?? textIn(link['id']) ?? '',
      mac: textIn(link['ethernet_mac_address'])?.toLowerCase() ?? '',
      ...given({ mtu: numberIn(link['mtu']), linkType: type === PHYSICAL ? undefined : type }),
      addresses: own.map(fromNetwork),
    }
  })
  const told = new Set(nics.flatMap((nic) => nic.addresses.flatMap((address) => address.nameServers ?? [])))
  const nameServers = fromServices(data['services']).filter((server) => !told.has(server))
  return { nics, ...(nameServers.length > 0 ? { nameServers } : {}) }
}

// Nova's hosts name the tap device so, as long as Linux lets it be; ids of other clouds may differ only after that.
function linkIds(nics: readonly Nic[]): readonly string[] {
  const taps = nics.map(({ id }) => `tap${id.slice(0, 11)}`)
  return new Set(taps).size === taps.length ? taps : nics.map((_, index) => `tap${index}`)
}

function toLink(nic: Nic, id: string | undefined): JsonObject {
  return {
    id,
    vif_id: nic.id,
    type: nic.linkType ?? PHYSICAL,
    mtu: nic.mtu ?? null,
    ethernet_mac_address: nic.mac,
  }
}

function toNetwork(nic: NicAddress, id: string, link: string | undefined): JsonObject {
  const { address, prefixLength, gateway, networkId: network_id, assignment, nameServers } = nic
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (assignment === 'dhcp') return { id, type: `${family}_dhcp`, link, network_id }
  return {
    id,
    type: assignment === 'slaac' ? 'ipv6_slaac' : family,
    link,
    ip_address: address,
    netmask: netmaskOf(family, prefixLength),
    routes: gateway === undefined ? [] : [defaultRoute(family, gateway)],
    network_id,
    services: toServices(nameServers ?? []),
  }
}

function fromNetwork(network: JsonObject): NicAddress {
  const type = textIn(network['type']) ?? ''
  const netmask = textIn(network['netmask'])
  const route = objectsIn(network['routes']).find((route) => isDefault(route))
  const nameServers = fromServices(network['services'])
  return {
    address: textIn(network['ip_address']) ?? '',
    ...given({
      prefixLength: netmask === undefined ? undefined : prefixLengthOf(netmask),
      gateway: textIn(route?.['gateway']),
      networkId: textIn(network['network_id']),
    }),
    assignment: type.endsWith('_slaac') ? 'slaac' : type.includes('dhcp') ? 'dhcp' : 'static',
    ...(nameServers.length > 0 ? { nameServers } : {}),
  }
}

function defaultRoute(family: 'ipv4' | 'ipv6', gateway: string): JsonObject {
  const any = family === 'ipv6' ? '::' : '0.0.0.0'
  return { network: any, netmask: any, gateway }
}

function isDefault({ network, netmask }: JsonObject): boolean {
  return network === netmask && (network === '::' || network === '0.0.0.0')
}

function toServices(servers: readonly string[]): readonly JsonObject[] {
  return servers.map((address) => ({ type: 'dns', address }))
}

function fromServices(services: unknown): string[] {
  return objectsIn(services).flatMap(({ type, address }) =>
    type === 'dns' && typeof address === 'string' ? [address] : [],
  )
}
