import { createHash } from 'node:crypto'
import type { NetworkConfig, Nic, NicAddress } from '../../model/context.ts'
import type { NetworkAttachment } from '../provider.ts'

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

/** The network that every machine is on, by its remote id. */
export const USER_NETWORK = 'user'

/**
 * What the guest's network cards are, known before it boots: QEMU's DHCP server on the first is ours alone. On others there
 * is no server, so those without an address of ours have none.
 */
export function networkOf(id: string, cards: readonly NetworkAttachment[] = []): NetworkConfig {
  const address = {
    address: NETWORK.dhcpstart,
    prefixLength: 16,
    gateway: NETWORK.host,
    assignment: 'dhcp',
    nameServers: [NETWORK.dns],
  } as const
  const others = cards.filter(({ networkRemoteId }) => networkRemoteId !== USER_NETWORK)
  return { nics: [{ id: 'net0', mac: macOf(id), addresses: [address] }, ...others.map(toNic)] }
}

function toNic({ linkId, networkRemoteId, mac, address, prefixLength, gateway }: NetworkAttachment): Nic {
  const told: NicAddress[] =
    address === undefined
      ? []
      : [
          {
            address,
            ...(prefixLength === undefined ? {} : { prefixLength }),
            ...(gateway === undefined ? {} : { gateway }),
            networkId: networkRemoteId,
            assignment: 'static',
          },
        ]
  return { id: linkId, mac: mac ?? macOf(linkId), addresses: told }
}

/** The card's address: QEMU's own prefix, then what follows from the id, so it stays over restarts. */
export function macOf(id: string): string {
  const tail = createHash('sha256').update(id).digest('hex').slice(0, 6)
  return `52:54:00:${tail.replaceAll(/(..)(?=.)/g, '$1:')}`
}
