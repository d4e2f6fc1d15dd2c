import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { CloudError } from '../model/errors.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** The prefix by which a network without IPv4 reaches all of it. @see RFC 6052 section 2.1 */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * Whether a webhook may go to an address: one of the public network, or of the networks named here. Loopback, link-local,
 * private, shared, multicast, reserved, and those that carry another address in them are none of the public's.
 *
 * @param networks such as `10.0.0.0/8`
 * @throws {CloudError} invalid when one of them is no network
 */
export function allowedAddresses(networks: readonly string[]): (address: string) => boolean {
  const allowed = networks.map(toNetwork)
  return (text) => {
    // Stricter than the library, which takes 1.2.3 for 1.2.0.3.
    if (isIP(text) === 0) return false
    const address = bare(ipaddr.parse(text))
    return (
      address.range() === 'unicast' ||
      allowed.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))
    )
  }
}

function toNetwork(text: string): readonly [Address, number] {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  throw new CloudError(
    'invalid',
    `configuration: webhooks.allowPrivate: "${text}" is no network; write it as 10.0.0.0/8`,
  )
}

/** The IPv4 address that packets to this one come to; else itself. */
function bare(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address
  if (address.isIPv4MappedAddress()) return address.toIPv4Address()
  return address.match(NAT64) ? new ipaddr.IPv4(address.toByteArray().slice(-4)) : address
}
