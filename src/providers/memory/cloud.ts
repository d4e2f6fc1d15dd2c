import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { Action, Image, InstanceState } from '../../model/instance.ts'
import type { ContextUpdate, CreateRequest, DiskOffer, RemoteInstance, SaveRequest } from '../provider.ts'
import { memoryNetworks, toAttachedCard } from './networks.ts'
import { emptyState, known, livingVms, type MemoryState, type MemoryVm } from './state.ts'
import { memoryVolumes } from './volumes.ts'

/** How the cloud behaves. */
export interface CloudRules {
  /** Prefix of the names of what it has for all. */
  readonly name: string
  /** How long a new machine is `creating`, in milliseconds. */
  readonly bootMs: number
  /** How long `find` and `list` miss a new machine, in milliseconds. */
  readonly settleMs: number
  /** What a second create with the same id does: clouds that do not know our id make another machine. */
  readonly secondCreate: 'adopts' | 'duplicates'
  /** Called after each change, with all that ever was. */
  readonly changed: (state: MemoryState) => void
}

// From which states an action is possible, and where it leads.
const TRANSITIONS: Readonly<Record<Action, { readonly from: InstanceState; readonly to: InstanceState }>> = {
  start: { from: 'inactive', to: 'active' },
  stop: { from: 'active', to: 'inactive' },
  restart: { from: 'active', to: 'active' },
  suspend: { from: 'active', to: 'suspended' },
  resume: { from: 'suspended', to: 'active' },
}

/** The machines and what can be done to them, at once and without fault. @param state what there is from an earlier run */
export function memoryCloud(rules: CloudRules, state: MemoryState = emptyState()) {
  const changed = () => rules.changed(state)
  const volumes = memoryVolumes(state, changed)
  const networks = memoryNetworks(rules.name, state, changed)

  const change = (vm: MemoryVm) => {
    state.vms.set(vm.remoteId, vm)
    changed()
  }
  const settled = () => livingVms(state).filter(({ createdAt }) => Date.now() - createdAt >= rules.settleMs)
  const knownVm = (remoteId: string): MemoryVm => {
    const vm = known(state.vms, remoteId, 'machine')
    return { ...vm, state: stateOf(vm) }
  }
  const stateOf = ({ state, createdAt }: MemoryVm): InstanceState =>
    state === 'creating' && Date.now() - createdAt >= rules.bootMs ? 'active' : state
  const toRemote = (vm: MemoryVm, state = stateOf(vm)): RemoteInstance => ({
    remoteId: vm.remoteId,
    ourId: vm.request.id,
    state,
    attached: [...vm.disks.map(({ linkId, device }) => ({ linkId, device })), ...vm.cards.map(toAttachedCard)],
  })

  return {
    volumes,
    networks,
    create(request: CreateRequest): RemoteInstance {
      const earlier = livingVms(state).find((vm) => vm.request.id === request.id)
      if (earlier && rules.secondCreate === 'adopts') return toRemote(earlier)
      const vm: MemoryVm = {
        remoteId: randomUUID(),
        request,
        createdAt: Date.now(),
        state: 'creating',
        actions: [],
        console: 'booted\n',
        disks: volumes.toDisks(request.volumes ?? []),
        cards: networks.toCards(request.networks ?? []),
      }
      change(vm)
      return toRemote(vm, 'creating')
    },
    find(ourId: string): RemoteInstance | undefined {
      const vm = settled().find(({ request }) => request.id === ourId)
      return vm && toRemote(vm)
    },
    get: (remoteId: string): RemoteInstance => toRemote(knownVm(remoteId)),
    list: (): readonly RemoteInstance[] => settled().map((vm) => toRemote(vm)),
    act(remoteId: string, action: Action, method?: string): void {
      const vm = knownVm(remoteId)
      const { from, to } = TRANSITIONS[action]
      if (vm.state !== from)
        throw new CloudError('conflict', `${action}: machine ${remoteId} is ${vm.state}; it must be ${from}`)
      change({ ...vm, state: to, actions: [...vm.actions, { action, ...(method === undefined ? {} : { method }) }] })
    },
    delete(remoteId: string): void {
      const vm = state.vms.get(remoteId)
      if (vm && vm.state !== 'deleted') change({ ...vm, state: 'deleted' })
    },
    discard(ourId: string, keep?: string): void {
      for (const vm of livingVms(state))
        if (vm.request.id === ourId && vm.remoteId !== keep) change({ ...vm, state: 'deleted' })
    },
    savedImages: (): readonly Image[] => [...state.images.values()],
    saveImage(remoteId: string, { id, title, project }: SaveRequest): Image {
      const earlier = state.images.get(id)
      if (earlier) return earlier
      knownVm(remoteId)
      const image = { name: `${rules.name}-${id}`, provider: rules.name, remoteId: id, title, project }
      state.images.set(id, image)
      changed()
      return image
    },
    deleteImage(remoteId: string): void {
      const user = livingVms(state).find(({ request }) => request.image.remoteId === remoteId)
      if (user)
        throw new CloudError(
          'conflict',
          `instance ${user.request.id} was started from image ${remoteId}; delete it first`,
        )
      if (state.images.delete(remoteId)) changed()
    },
    updateContext(remoteId: string, { userData }: ContextUpdate): void {
      const vm = knownVm(remoteId)
      const { userData: _, ...spec } = vm.request.spec
      change({ ...vm, request: { ...vm.request, spec: userData ? { ...spec, userData } : spec } })
    },
    renewDisk(remoteId: string, disk: DiskOffer): void {
      const vm = knownVm(remoteId)
      const { offers } = vm.request
      if (!offers.some(({ method }) => method === 'disk'))
        throw new CloudError('unsupported', `machine ${remoteId} was made without a disk of ours`)
      const renewed = offers.map((offer) => (offer.method === 'disk' ? disk : offer))
      change({ ...vm, request: { ...vm.request, offers: renewed } })
    },
    console(remoteId: string, from: number): { readonly text: string; readonly next: number } {
      const bytes = Buffer.from(knownVm(remoteId).console)
      return { text: bytes.subarray(from).toString(), next: bytes.length }
    },
    writeConsole(remoteId: string, text: string): void {
      const vm = knownVm(remoteId)
      change({ ...vm, console: vm.console + text })
    },
    made: (ourId?: string): readonly MemoryVm[] =>
      [...state.vms.values()]
        .filter(({ request }) => ourId === undefined || request.id === ourId)
        .map((vm) => ({ ...vm, state: stateOf(vm) })),
  }
}
