import { BlockList, isIP } from 'node:net'
import { CloudError } from '../model/errors.ts'

/** An IP address in one form: without brackets, port, zone or IPv6's cover over an IPv4 address. */
export function toAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text
  const [, inBrackets, withPort] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  const address = (inBrackets ?? withPort ?? text).replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '')
  return isIP(address) === 0 ? undefined : address.toLowerCase()
}

/**
 * Whether an address, as {@link toAddress} gives it, is one of these or in one of these networks (`10.0.0.0/8`).
 *
 * @throws {CloudError} invalid when one of them is neither
 */
export function within(networks: readonly string[]): (address: string) => boolean {
  const addresses = new Set(networks.map(toAddress))
  const subnets = networks.filter((network) => toAddress(network) === undefined)
  const list = new BlockList()
  for (const subnet of subnets) addSubnet(list, subnet)
  return (address) =>
    addresses.has(address) || (subnets.length > 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))
}

function addSubnet(list: BlockList, subnet: string): void {
  const [address = '', prefixLength = ''] = subnet.split('/')
  const version = isIP(address)
  if (version === 0 || !/^\d{1,3}$/.test(prefixLength) || Number(prefixLength) > (version === 6 ? 128 : 32))
    throw new CloudError(
      'invalid',
      `trustedProxies: "${subnet}" is neither an address nor a network such as 10.0.0.0/8`,
    )
  list.addSubnet(address, Number(prefixLength), version === 6 ? 'ipv6' : 'ipv4')
}
