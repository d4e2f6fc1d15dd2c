import { CloudError } from '../../model/errors.ts'
import { attachedTo, OUR_LINK } from '../one-cards.ts'
import { IN_OPENNEBULA, toSiteNetwork } from '../one-networks.ts'
import type { OurVms } from '../one-vms.ts'
import type { NetworkAttachment, NetworkGroup } from '../provider.ts'
import { siteNetworks } from '../site-networks.ts'
import type { StratusLabApi } from './api.ts'
import type { LabNetwork, LabVm } from './api-bodies.ts'
import type { TemplatePart } from './template.ts'

/**
 * The site's virtual networks; VMs are put on them when they are made, for OpenNebula 3.2 plugs no cards.
 *
 * @see StratusLab, User Guide: Networks
 */
export function virtualNetworks(api: StratusLabApi, vms: OurVms<LabVm>, name: string): NetworkGroup {
  return siteNetworks({
    name,
    changed: IN_OPENNEBULA,
    // OpenNebula 3.2's have no state.
    all: async (call) => (await api.networks(call)).map((each) => toSiteNetwork(each, 'active')),
    network: async (remoteId, call) => toSiteNetwork(networkOf(await api.networks(call), remoteId), 'active'),
    attach: async (remoteId, { linkId, networkRemoteId }, call) => {
      const card = attachedTo(await vms.get(remoteId, call)).find((each) => each.linkId === linkId)
      if (card) return card
      throw new CloudError(
        'unsupported',
        `${name}: OpenNebula 3.2 gives a VM that is there no further card; make another VM with a link to network ${networkRemoteId}`,
      )
    },
    detach: async (remoteId, { linkId }, call) => {
      if (!attachedTo(await vms.get(remoteId, call)).some((each) => each.linkId === linkId)) return
      throw new CloudError(
        'unsupported',
        `${name}: OpenNebula 3.2 takes no card from a VM that is there; bring the card down in the guest, or delete the VM`,
      )
    },
  })
}

/** A card on one of the networks that are there. @throws {CloudError} not-found, unsupported for an address that is not IPv4 */
export function toNic(networks: readonly LabNetwork[], attachment: NetworkAttachment): readonly TemplatePart[] {
  const { linkId, networkRemoteId, mac, address } = attachment
  const { owner, name } = networkOf(networks, networkRemoteId)
  if (address?.includes(':'))
    throw new CloudError(
      'unsupported',
      'address: StratusLab gives out IPv4 addresses alone; leave it out, or wish for one',
    )
  return [
    ['network_uname', owner],
    ['network', name],
    [OUR_LINK, linkId],
    ...(address === undefined ? [] : [['IP', address] as const]),
    ...(mac === undefined ? [] : [['MAC', mac] as const]),
  ]
}

function networkOf(networks: readonly LabNetwork[], remoteId: string): LabNetwork {
  const network = networks.find(({ id }) => String(id) === remoteId)
  if (network) return network
  throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
}
