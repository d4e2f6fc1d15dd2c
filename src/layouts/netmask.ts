import ipaddr from 'ipaddr.js'

const BITS = { ipv4: 32, ipv6: 128 } as const
const PARSERS = { ipv4: ipaddr.IPv4, ipv6: ipaddr.IPv6 } as const

/** The netmask of a prefix, spelled out (`255.255.0.0`, `ffff:ffff::`); without a prefix, that of a single address. */
export function netmaskOf(family: 'ipv4' | 'ipv6', prefixLength: number = BITS[family]): string {
  return PARSERS[family].subnetMaskFromPrefixLength(prefixLength).toString()
}

/** A netmask's prefix in bits; `undefined` where it is none, or has holes. */
export function prefixLengthOf(netmask: string): number | undefined {
  return ipaddr.isValid(netmask) ? (ipaddr.parse(netmask).prefixLengthFromSubnetMask() ?? undefined) : undefined
}
