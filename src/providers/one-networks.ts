import { prefixLengthOf } from '../layouts/netmask.ts'
import type { NetworkState } from '../model/network.ts'
import type { OneRecord } from './one-xml.ts'
import type { SiteNetwork } from './site-networks.ts'

/** A virtual network as OpenNebula has it, of whatever version. */
interface VirtualNetwork {
  readonly id: number
  readonly name: string
  /** NETWORK_ADDRESS, NETWORK_MASK, GATEWAY …, as far as the site says them. */
  readonly template: OneRecord
}

/** A virtual network as the rest of Bellhop sees it. */
export function toSiteNetwork({ id, name, template }: VirtualNetwork, state: NetworkState): SiteNetwork {
  const { NETWORK_ADDRESS: address, NETWORK_MASK: mask = '', GATEWAY: gateway } = template
  const prefixLength = prefixLengthOf(mask)
  return {
    remoteId: String(id),
    title: name,
    state,
    ...(address && prefixLength !== undefined ? { cidr: `${address}/${prefixLength}` } : {}),
    ...(gateway ? { gateway } : {}),
  }
}

/** Who makes and changes them, for people. */
export const IN_OPENNEBULA = 'by the site, in OpenNebula'
