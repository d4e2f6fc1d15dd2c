import ipaddr from 'ipaddr.js'
import { CloudError } from '../model/errors.ts'
import type { NetworkSpec } from '../model/network.ts'

/** The addresses of a network as numbers, which IPv4 alone allows: IPv6 guests number themselves. */
interface Range {
  readonly first: number
  readonly last: number
  readonly prefixLength: number
}

/**
 * Checks that a network's addresses make sense.
 *
 * @throws {CloudError} invalid naming what is wrong
 */
export function checkNumbering({ cidr, gateway }: Pick<NetworkSpec, 'cidr' | 'gateway'>): void {
  if (cidr !== undefined && !ipaddr.isValidCIDR(cidr))
    throw new CloudError('invalid', `network address: "${cidr.slice(0, 50)}" is not like 192.0.2.0/24`)
  if (gateway !== undefined && !ipaddr.isValid(gateway))
    throw new CloudError('invalid', `network gateway: "${gateway.slice(0, 50)}" is no IP address`)
  if (cidr === undefined || gateway === undefined) return
  const [gate, [net, bits]] = [ipaddr.parse(gateway), ipaddr.parseCIDR(cidr)]
  if (gate.kind() !== net.kind() || !gate.match(net, bits))
    throw new CloudError('invalid', `network gateway: ${gateway} is not in ${cidr}`)
}

/**
 * The lowest address that nobody has, or the one that is wished for.
 *
 * @param taken addresses that others have
 * @returns `undefined` where the network has no addresses that we could give
 * @throws {CloudError} invalid when the wish is not in the network; conflict when it, or every address, is taken
 */
export function chooseAddress(
  { cidr, gateway }: Pick<NetworkSpec, 'cidr' | 'gateway'>,
  taken: readonly string[],
  wish?: string,
): { readonly address: string; readonly prefixLength: number } | undefined {
  const range = cidr === undefined ? undefined : rangeOf(cidr)
  if (!range) return undefined
  const { first, last, prefixLength } = range
  const used = new Set([...taken, ...(gateway === undefined ? [] : [gateway])])
  if (wish !== undefined) {
    const number = ipaddr.IPv4.isValidFourPartDecimal(wish) ? toNumber(wish) : -1
    if (number < first || number > last)
      throw new CloudError('invalid', `address: ${wish.slice(0, 50)} is not in ${cidr}`)
    if (used.has(wish)) throw new CloudError('conflict', `address: ${wish} is taken`)
    return { address: wish, prefixLength }
  }
  for (let number = first; number <= last; number++)
    if (!used.has(toText(number))) return { address: toText(number), prefixLength }
  throw new CloudError('conflict', `every address of ${cidr} is taken`)
}

/** Without the network's own address and the broadcast's; /31 and /32 have neither (RFC 3021). */
function rangeOf(cidr: string): Range | undefined {
  const [address, prefixLength] = ipaddr.parseCIDR(cidr)
  if (address.kind() !== 'ipv4') return undefined
  const count = 2 ** (32 - prefixLength)
  const base = Math.floor(toNumber(address.toString()) / count) * count
  return count <= 2
    ? { first: base, last: base + count - 1, prefixLength }
    : { first: base + 1, last: base + count - 2, prefixLength }
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}
