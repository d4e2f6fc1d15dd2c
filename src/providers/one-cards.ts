import type { OneRecord } from './one-xml.ts'
import type { Attached } from './provider.ts'

/** The part of a card (NIC) that holds the id of our link to it. Only a whole body shows it. */
export const OUR_LINK = 'BELLHOP_LINK'

/** The cards that bear links of ours. */
export function attachedTo({ nics }: { readonly nics: readonly OneRecord[] }): readonly Attached[] {
  return nics.flatMap((nic) => {
    const linkId = nic[OUR_LINK]
    return linkId ? [toAttached(linkId, nic)] : []
  })
}

function toAttached(linkId: string, { MAC: mac, GATEWAY: gateway, ...nic }: OneRecord): Attached {
  const address = nic['IP'] || nic['IP6'] || nic['IP6_GLOBAL']
  return {
    linkId,
    ...(mac ? { mac: mac.toLowerCase() } : {}),
    ...(address ? { address } : {}),
    ...(gateway ? { gateway } : {}),
  }
}
