import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { NetworkConfig, Nic, NicAddress } from '../model/context.ts'
import { given } from './given.ts'
import { netmaskOf, prefixLengthOf } from './netmask.ts'

/**
 * The `ETHn_…` variables, named as OpenNebula's, of a network in which every card has an IPv4 address to be told; none else.
 *
 * All or nothing, because cloud-init writes a fixed network for every card as soon as one has an address here, and makes one up,
 * of its MAC, for each card that has none: a card that is to ask by DHCP would never do so. Of several fixed addresses of one
 * family the first is told.
 */
export function toEthVariables({ nics, nameServers = [] }: NetworkConfig): readonly (readonly [string, string])[] {
  const cards = nics.map((nic) => ({ nic, ipv4: fixedAddress(nic, isIPv4), ipv6: fixedAddress(nic, isIPv6) }))
  if (cards.length === 0 || cards.some(({ ipv4 }) => ipv4 === undefined)) return []
  const eths = cards.flatMap(({ nic, ipv4, ipv6 }, index) => {
    const servers = [...(ipv4?.nameServers ?? []), ...(ipv6?.nameServers ?? []), ...nameServers]
    const values = given({
      MAC: nic.mac,
      ...(ipv4 ? ipv4Values(ipv4) : {}),
      ...(ipv6 ? ipv6Values(ipv6) : {}),
      DNS: servers.length === 0 ? undefined : [...new Set(servers)].join(' '),
      MTU: nic.mtu?.toString(),
    })
    return Object.entries(values).map(([name, value]) => [`ETH${index}_${name}`, value] as const)
  })
  return [['NETWORK', 'YES'], ...eths]
}

/** The network that such variables, ours or OpenNebula's, tell of; `undefined` where they tell of none. */
export function fromEthVariables(variables: ReadonlyMap<string, string>): NetworkConfig | undefined {
  const numbers = [...variables.keys()].flatMap((key) => /^ETH(\d{1,3})_(?:MAC|IP6?)$/.exec(key)?.[1] ?? [])
  const ordered = [...new Set(numbers)].toSorted((one, other) => Number(one) - Number(other))
  const nics = ordered.map((number) => toNic(number, variables))
  return nics.length > 0 ? { nics } : undefined
}

function fixedAddress({ addresses }: Nic, isOfFamily: (address: string) => boolean): NicAddress | undefined {
  return addresses.find(({ address, assignment }) => assignment === 'static' && isOfFamily(address))
}

// one-context and cloud-init take the network's own address as given, and guess a /24 where it is not.
function ipv4Values({ address, prefixLength, gateway }: NicAddress): Readonly<Record<string, string | undefined>> {
  const network = ipaddr.IPv4.networkAddressFromCIDR(`${address}/${prefixLength ?? 32}`).toString()
  return { IP: address, MASK: netmaskOf('ipv4', prefixLength), NETWORK: network, GATEWAY: gateway }
}

function ipv6Values({ address, prefixLength, gateway }: NicAddress): Readonly<Record<string, string | undefined>> {
  return { IP6: address, IP6_PREFIX_LENGTH: prefixLength?.toString(), IP6_GATEWAY: gateway }
}

function toNic(number: string, variables: ReadonlyMap<string, string>): Nic {
  // OpenNebula writes what it does not know as empty.
  const value = (name: string): string | undefined => variables.get(`ETH${number}_${name}`) || undefined
  const mask = value('MASK')
  const nameServers = (value('DNS') ?? '').split(/\s+/).filter((server) => server !== '')
  const ipv4 = toAddress(value('IP'), value('METHOD'), {
    prefixLength: mask === undefined ? undefined : prefixLengthOf(mask),
    gateway: value('GATEWAY'),
    nameServers: nameServers.length > 0 ? nameServers : undefined,
  })
  const ipv6 = toAddress(value('IP6'), value('IP6_METHOD'), {
    prefixLength: toNumber(value('IP6_PREFIX_LENGTH')),
    gateway: value('IP6_GATEWAY'),
  })
  return {
    id: `eth${number}`,
    mac: value('MAC')?.toLowerCase() ?? '',
    ...given({ mtu: toNumber(value('MTU')) }),
    addresses: [...ipv4, ...ipv6],
  }
}

function toAddress(
  address: string | undefined,
  method: string | undefined,
  more: Partial<{ readonly [K in keyof NicAddress]: NicAddress[K] | undefined }>,
): readonly NicAddress[] {
  if (address === undefined) return []
  const { prefixLength, gateway, nameServers } = more
  const assignment = method === 'dhcp' ? 'dhcp' : method === 'auto' ? 'slaac' : 'static'
  return [{ address, ...given({ prefixLength, gateway, nameServers }), assignment }]
}

function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
