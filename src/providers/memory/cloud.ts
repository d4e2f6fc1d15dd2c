import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { Action, InstanceState } from '../../model/instance.ts'
import type { CreateRequest, RemoteInstance } from '../provider.ts'

/** One virtual machine as the cloud keeps it, with what it was made of. */
export interface MemoryVm {
  readonly remoteId: string
  readonly request: CreateRequest
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly state: InstanceState
  readonly actions: readonly { readonly action: Action; readonly method?: string }[]
  readonly console: string
}

/** How the cloud behaves. */
export interface CloudRules {
  /** How long a new machine is `creating`, in milliseconds. */
  readonly bootMs: number
  /** How long `find` and `list` miss a new machine, in milliseconds. */
  readonly settleMs: number
  /** What a second create with the same id does: clouds that do not know our id make another machine. */
  readonly secondCreate: 'adopts' | 'duplicates'
  /** Called after each change, with all machines that ever were. */
  readonly changed: (vms: readonly MemoryVm[]) => void
}

// From which states an action is possible, and where it leads.
const TRANSITIONS: Readonly<Record<Action, { readonly from: InstanceState; readonly to: InstanceState }>> = {
  start: { from: 'inactive', to: 'active' },
  stop: { from: 'active', to: 'inactive' },
  restart: { from: 'active', to: 'active' },
  suspend: { from: 'active', to: 'suspended' },
  resume: { from: 'suspended', to: 'active' },
}

/** The machines and what can be done to them, at once and without fault. @param before machines of an earlier run */
export function memoryCloud(rules: CloudRules, before: readonly MemoryVm[] = []) {
  const vms = new Map(before.map((vm) => [vm.remoteId, vm]))

  const change = (vm: MemoryVm) => {
    vms.set(vm.remoteId, vm)
    rules.changed([...vms.values()])
  }
  const alive = () => [...vms.values()].filter(({ state }) => state !== 'deleted')
  const settled = () => alive().filter(({ createdAt }) => Date.now() - createdAt >= rules.settleMs)
  const known = (remoteId: string): MemoryVm => {
    const vm = vms.get(remoteId)
    if (!vm || vm.state === 'deleted') throw new CloudError('not-found', `there is no machine ${remoteId}`)
    return { ...vm, state: stateOf(vm) }
  }
  const stateOf = ({ state, createdAt }: MemoryVm): InstanceState =>
    state === 'creating' && Date.now() - createdAt >= rules.bootMs ? 'active' : state
  const toRemote = (vm: MemoryVm): RemoteInstance => ({
    remoteId: vm.remoteId,
    ourId: vm.request.id,
    state: stateOf(vm),
  })

  return {
    create(request: CreateRequest): RemoteInstance {
      const earlier = alive().find((vm) => vm.request.id === request.id)
      if (earlier && rules.secondCreate === 'adopts') return toRemote(earlier)
      const vm: MemoryVm = {
        remoteId: randomUUID(),
        request,
        createdAt: Date.now(),
        state: 'creating',
        actions: [],
        console: 'booted\n',
      }
      change(vm)
      return { remoteId: vm.remoteId, ourId: request.id, state: 'creating' }
    },
    find(ourId: string): RemoteInstance | undefined {
      const vm = settled().find(({ request }) => request.id === ourId)
      return vm && toRemote(vm)
    },
    get: (remoteId: string): RemoteInstance => toRemote(known(remoteId)),
    list: (): readonly RemoteInstance[] => settled().map(toRemote),
    act(remoteId: string, action: Action, method?: string): void {
      const vm = known(remoteId)
      const { from, to } = TRANSITIONS[action]
      if (vm.state !== from)
        throw new CloudError('conflict', `${action}: machine ${remoteId} is ${vm.state}; it must be ${from}`)
      change({ ...vm, state: to, actions: [...vm.actions, { action, ...(method === undefined ? {} : { method }) }] })
    },
    delete(remoteId: string): void {
      const vm = vms.get(remoteId)
      if (vm && vm.state !== 'deleted') change({ ...vm, state: 'deleted' })
    },
    console(remoteId: string, from: number): { readonly text: string; readonly next: number } {
      const bytes = Buffer.from(known(remoteId).console)
      return { text: bytes.subarray(from).toString(), next: bytes.length }
    },
    writeConsole(remoteId: string, text: string): void {
      const vm = known(remoteId)
      change({ ...vm, console: vm.console + text })
    },
    made: (ourId?: string): readonly MemoryVm[] =>
      [...vms.values()]
        .filter(({ request }) => ourId === undefined || request.id === ourId)
        .map((vm) => ({ ...vm, state: stateOf(vm) })),
  }
}
