import { CloudError } from '../../model/errors.ts'
import type { NetworkState } from '../../model/network.ts'
import { attachedTo, OUR_LINK } from '../one-cards.ts'
import { IN_OPENNEBULA, toSiteNetwork } from '../one-networks.ts'
import type { OurVms } from '../one-vms.ts'
import { toInteger, toOneId, type OneRecord } from '../one-xml.ts'
import { pollUntil } from '../polling.ts'
import type { Attached, Call, NetworkAttachment, NetworkGroup } from '../provider.ts'
import { siteNetworks, type SiteNetwork } from '../site-networks.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneNetwork } from './api-pools.ts'
import type { OneVm } from './api-vms.ts'
import { isPlugging, PACE } from './states.ts'
import { toTemplateXml } from './template-xml.ts'

/** INIT, READY, LOCK_CREATE, LOCK_DELETE, DONE, ERROR. */
const STATES: readonly NetworkState[] = ['creating', 'active', 'creating', 'deleting', 'deleting', 'error']

/**
 * OpenNebula's virtual networks. Cards on them come with a VM, or are plugged later, while it runs or is switched off.
 *
 * @see OpenNebula, Virtual Networks; XML-RPC API: one.vm.attachnic, one.vm.detachnic
 */
export function virtualNetworks(api: OpenNebulaApi, vms: OurVms<OneVm>, name: string): NetworkGroup {
  /** A VM, once no change of its devices is under way: then its cards are those that its guest has. */
  async function settled(remoteId: string, call: Call): Promise<OneVm> {
    const look = async () => {
      const vm = await vms.get(remoteId, call)
      return isPlugging(vm) ? undefined : vm
    }
    return await pollUntil(call, `${name}: cards of ${remoteId}`, look, PACE)
  }

  return siteNetworks({
    name,
    changed: IN_OPENNEBULA,
    all: async (call) => (await api.networks(call)).map(toOurs),
    network: async (remoteId, call) => {
      const id = toOneId(remoteId)
      if (id === undefined) throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
      return toOurs(await api.network(id, call))
    },
    attach: async (remoteId, attachment, call) => {
      const vm = await settled(remoteId, call)
      const there = cardOf(vm, attachment)
      if (there) return there
      await api.attachNic(vm.id, toTemplateXml([['NIC', toNic(attachment)]]), call)
      const after = await settled(remoteId, call)
      const card = cardOf(after, attachment)
      if (card) return card
      throw new CloudError(
        'provider-failed',
        `${name}: the hypervisor gave VM ${vm.id} no card on network ${attachment.networkRemoteId}; its log in OpenNebula says why`,
      )
    },
    detach: async (remoteId, attachment, call) => {
      const vm = await settled(remoteId, call)
      const nicId = toInteger(vm.nics.find((nic) => nic[OUR_LINK] === attachment.linkId)?.['NIC_ID'])
      if (nicId === undefined) return
      await api.detachNic(vm.id, nicId, call)
      if (!cardOf(await settled(remoteId, call), attachment)) return
      throw new CloudError(
        'conflict',
        `${name}: the guest of VM ${vm.id} does not let go of the card; let it bring the card down, or stop it first`,
      )
    },
  })
}

/** What OpenNebula is told of a card; a MAC is for administrators alone to choose. */
export function toNic({ linkId, networkRemoteId, mac, address }: NetworkAttachment): OneRecord {
  return {
    NETWORK_ID: networkRemoteId,
    [OUR_LINK]: linkId,
    ...(address === undefined ? {} : { [address.includes(':') ? 'IP6' : 'IP']: address }),
    ...(mac === undefined ? {} : { MAC: mac }),
  }
}

function cardOf(vm: OneVm, { linkId }: Pick<NetworkAttachment, 'linkId'>): Attached | undefined {
  return attachedTo(vm).find((each) => each.linkId === linkId)
}

function toOurs({ id, name, state, attributes: { single } }: OneNetwork): SiteNetwork {
  // Before 6.4 they have none.
  return toSiteNetwork({ id, name, template: single }, state === undefined ? 'active' : (STATES[state] ?? 'unknown'))
}
