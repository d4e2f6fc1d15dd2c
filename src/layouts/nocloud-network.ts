import { isIPv6 } from 'node:net'
import type { NetworkConfig, Nic, NicAddress } from '../model/context.ts'
import type { JsonObject } from './json.ts'

/**
 * cloud-init's network config of version 2 (netplan's). Cards are known by their MAC and named in order, as renderers other
 * than netplan need a name to write down.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/network-config-format-v2.html
 */
export function toNetworkConfig({ nics, nameServers = [] }: NetworkConfig): JsonObject {
  const ethernets = nics.map((nic, index) => [`eth${index}`, toEthernet(nic, `eth${index}`, nameServers)])
  return { version: 2, ethernets: Object.fromEntries(ethernets) as JsonObject }
}

function toEthernet(nic: Nic, name: string, nameServers: readonly string[]): JsonObject {
  const { addresses } = nic
  const asks = (v6: boolean) => addresses.some((a) => a.assignment === 'dhcp' && isIPv6(a.address) === v6)
  const fixed = addresses.filter(({ assignment }) => assignment === 'static')
  const servers = [...new Set([...fixed.flatMap((address) => address.nameServers ?? []), ...nameServers])]
  return {
    match: { macaddress: nic.mac },
    'set-name': name,
    mtu: nic.mtu,
    dhcp4: asks(false),
    dhcp6: asks(true),
    'accept-ra': addresses.some(({ assignment }) => assignment === 'slaac') ? true : undefined,
    addresses: fixed.length > 0 ? fixed.map(cidrOf) : undefined,
    routes: fixed.some(({ gateway }) => gateway !== undefined) ? fixed.flatMap(toRoute) : undefined,
    nameservers: servers.length > 0 ? { addresses: servers } : undefined,
  }
}

// Without a prefix the address stands alone, as it does in a netmask.
function cidrOf({ address, prefixLength }: NicAddress): string {
  return prefixLength === undefined ? `${address}/${isIPv6(address) ? 128 : 32}` : `${address}/${prefixLength}`
}

// The word `default` came later than these.
function toRoute({ address, gateway }: NicAddress): readonly JsonObject[] {
  return gateway === undefined ? [] : [{ to: isIPv6(address) ? '::/0' : '0.0.0.0/0', via: gateway }]
}
