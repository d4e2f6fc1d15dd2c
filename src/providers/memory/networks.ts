import { createHash, randomUUID } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { NetworkAction } from '../../model/network.ts'
import type { Attached, NetworkAttachment, NetworkGroup, RemoteNetwork, SharedNetwork } from '../provider.ts'
import { firstFree, known, livingVms, type MemoryCard, type MemoryNetwork, type MemoryState } from './state.ts'

export const NETWORK_ACTIONS: readonly NetworkAction[] = ['up', 'down']

const SHARED = 'public'

/** The networks and what can be done to them, at once and without fault. @param changed called after each change */
export function memoryNetworks(provider: string, state: MemoryState, changed: () => void) {
  const change = (network: MemoryNetwork) => {
    state.networks.set(network.remoteId, network)
    changed()
  }
  const shared: SharedNetwork = {
    name: `${provider}-${SHARED}`,
    provider,
    title: 'Public',
    remoteId: SHARED,
    state: 'active',
  }
  const knownNetwork = (remoteId: string) => known(state.networks, remoteId, 'network')
  const withId = (ourId: string) =>
    [...state.networks.values()].find(({ request, state }) => request.id === ourId && state !== 'deleted')
  const refuseShared = (remoteId: string, what: string) => {
    if (remoteId === SHARED) throw new CloudError('unsupported', `${what}: network ${SHARED} is for all`)
  }
  const toCard = (attachment: NetworkAttachment, beside: readonly MemoryCard[]): MemoryCard => {
    if (attachment.networkRemoteId !== SHARED) knownNetwork(attachment.networkRemoteId)
    return { mac: macOf(attachment.linkId), ...attachment, device: firstFree('0123456789', 'eth', beside) }
  }

  return {
    shared: (): readonly SharedNetwork[] => [shared],
    create(request: Parameters<NetworkGroup['create']>[0]): RemoteNetwork {
      const earlier = withId(request.id)
      if (earlier) return toRemote(earlier)
      const network: MemoryNetwork = { remoteId: randomUUID(), request, state: 'active' }
      change(network)
      return toRemote(network)
    },
    find(ourId: string): RemoteNetwork | undefined {
      const network = withId(ourId)
      return network && toRemote(network)
    },
    get: (remoteId: string): RemoteNetwork => (remoteId === SHARED ? shared : toRemote(knownNetwork(remoteId))),
    act(remoteId: string, action: NetworkAction): void {
      refuseShared(remoteId, action)
      change({ ...knownNetwork(remoteId), state: action === 'up' ? 'active' : 'inactive' })
    },
    delete(remoteId: string): void {
      refuseShared(remoteId, 'delete')
      const network = state.networks.get(remoteId)
      if (!network || network.state === 'deleted') return
      const vm = livingVms(state).find(({ cards }) => cards.some((card) => card.networkRemoteId === remoteId))
      if (vm) throw new CloudError('conflict', `delete: machine ${vm.remoteId} is on network ${remoteId}`)
      change({ ...network, state: 'deleted' })
    },
    /** What a machine has from its first boot on. @throws {CloudError} not-found */
    toCards: (attachments: readonly NetworkAttachment[]): readonly MemoryCard[] =>
      attachments.reduce<readonly MemoryCard[]>((cards, each) => [...cards, toCard(each, cards)], []),
    attach(vmRemoteId: string, attachment: NetworkAttachment): Attached {
      const vm = known(state.vms, vmRemoteId, 'machine')
      const earlier = vm.cards.find(({ linkId }) => linkId === attachment.linkId)
      const card = earlier ?? toCard(attachment, vm.cards)
      if (!earlier) {
        state.vms.set(vmRemoteId, { ...vm, cards: [...vm.cards, card] })
        changed()
      }
      return toAttachedCard(card)
    },
    detach(vmRemoteId: string, { linkId }: NetworkAttachment): void {
      const vm = state.vms.get(vmRemoteId)
      if (!vm) return
      state.vms.set(vmRemoteId, { ...vm, cards: vm.cards.filter((card) => card.linkId !== linkId) })
      changed()
    },
    made: (ourId?: string): readonly MemoryNetwork[] =>
      [...state.networks.values()].filter(({ request }) => ourId === undefined || request.id === ourId),
  }
}

/** A card as its cloud tells of it. */
export function toAttachedCard({ linkId, device, mac, address, gateway }: MemoryCard): Attached {
  return {
    linkId,
    device,
    mac,
    ...(address === undefined ? {} : { address }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

function toRemote({ remoteId, request, state }: MemoryNetwork): RemoteNetwork {
  const { id, cidr, gateway } = request
  return {
    remoteId,
    ourId: id,
    state: state === 'deleted' ? 'unknown' : state,
    ...(cidr === undefined ? {} : { cidr }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

/** Locally administered, and the same for the same link. */
function macOf(linkId: string): string {
  const tail = createHash('sha256').update(linkId).digest('hex').slice(0, 10)
  return `02:${tail.replaceAll(/(..)(?=.)/g, '$1:')}`
}
