import { createHash } from 'node:crypto'
import type { NetworkConfig } from '../../model/context.ts'

/**
 * QEMU's user-mode network, in its own words. Its `guestfwd` must lie within it, and 169.254.169.254 is not in the default.
 * As it holds all link-local addresses, none leads a guest to the metadata server of the cloud that the host may run in.
 */
export const NETWORK = {
  net: '169.254.0.0/16',
  host: '169.254.2.2',
  dns: '169.254.2.3',
  dhcpstart: '169.254.2.15',
} as const
/** What the guest's one network card is; known before it boots, for QEMU's DHCP server is ours alone. */
export function networkOf(id: string): NetworkConfig {
  const address = {
    address: NETWORK.dhcpstart,
    prefixLength: 16,
    gateway: NETWORK.host,
    assignment: 'dhcp',
    nameServers: [NETWORK.dns],
  } as const
  return { nics: [{ id: 'net0', mac: macOf(id), addresses: [address] }] }
}

/** The card's address: QEMU's own prefix, then what follows from the id, so it stays over restarts. */
export function macOf(id: string): string {
  const tail = createHash('sha256').update(id).digest('hex').slice(0, 6)
  return `52:54:00:${tail.replaceAll(/(..)(?=.)/g, '$1:')}`
}
