import { refusal, type Lease, type Network } from './model.ts'

/**
 * Leases a VM the lowest free address of a network, or the one it wants.
 *
 * @throws {Refusal} 16384 when the network is not ready, or the address is not free
 */
export function lease(network: Network, vmId: number, wanted: string | undefined): Lease {
  const { range } = network
  const free = Array.from({ length: range.size }, (_, offset) => addressAt(range.first, offset)).find(
    (ip) => !network.leases.has(ip) && (wanted === undefined || ip === wanted),
  )
  if (network.state !== 1 || free === undefined)
    throw refusal(16384, `Cannot get IP/MAC lease from virtual network ${network.id}.`)
  const mac = macOf(free)
  const host = hostPart(mac)
  const { globalPrefix, ulaPrefix } = range
  const ip6 =
    globalPrefix === undefined && ulaPrefix === undefined
      ? undefined
      : {
          ...(globalPrefix !== undefined && { global: globalPrefix + host }),
          ...(ulaPrefix !== undefined && { ula: ulaPrefix + host }),
          link: `fe80::${host}`,
        }
  const made: Lease = { vmId, ip: free, mac, ...(ip6 && { ip6 }) }
  network.leases.set(free, made)
  return made
}

/** Gives back whatever a VM has of a network. */
export function release(network: Network, vmId: number): void {
  for (const [ip, one] of network.leases) if (one.vmId === vmId) network.leases.delete(ip)
}

/** The IPv4 address so many after another. */
export function addressAt(first: string, offset: number): string {
  const number = first.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + offset
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}

/** The front end makes a MAC of an address: `02:00:` and its four bytes. */
export function macOf(ip: string): string {
  return ['02', '00', ...ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':')
}

/** The last 64 bits that SLAAC makes of a MAC, without the leading zero group. */
function hostPart(mac: string): string {
  const [, , third = '', fourth = '', fifth = '', sixth = ''] = mac.split(':')
  const group = (text: string): string => Number.parseInt(text, 16).toString(16)
  return [group(`${third}ff`.padStart(4, '0')), group(`fe${fourth}`), group(fifth + sixth)].join(':')
}
