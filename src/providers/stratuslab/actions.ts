import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Action, InstanceState } from '../../model/instance.ts'
import { pollUntil } from '../polling.ts'
import type { Call } from '../provider.ts'
import type { StratusLabApi } from './api.ts'
import type { LabVm } from './api-bodies.ts'
import { stateOf } from './states.ts'

// Their own client looks once a second.
const PACE = { firstPauseMs: 100, longestPauseMs: 1000 } as const

/** How an action is done. */
interface Step {
  /** OpenNebula's own word. */
  readonly word: string
  /** Where it leads; absent: it stays as it is. */
  readonly to?: InstanceState
}

/**
 * What OpenNebula 3.2 has to be told for an action of ours.
 *
 * @throws {CloudError} unsupported for what it cannot do, conflict where it would do something else than what was asked for
 * @see OpenNebula 3.2, Managing Virtual Machines: life-cycle
 */
export function stepFor(vm: LabVm, action: Action, method: string | undefined): Step {
  switch (action) {
    case 'start':
    case 'stop':
      throw new CloudError(
        'unsupported',
        'StratusLab switches no machine off and on: its "shutdown" ends one for good. Suspend it, or delete it',
      )
    case 'restart':
      return { word: 'reboot' }
    case 'suspend':
      return { word: method === 'hibernate' ? 'stop' : 'suspend', to: 'suspended' }
    case 'resume':
    default: {
      const state = stateOf(vm)
      if (state !== 'suspended')
        throw new CloudError('conflict', `VM ${vm.id} is ${state}; only a suspended one is resumed`)
      return { word: 'resume', to: 'active' }
    }
  }
}

/**
 * Does it, and waits until it is done: OpenNebula answers before.
 *
 * @throws {CloudError} conflict when the state does not allow it; provider-failed; timeout
 */
export async function perform(
  api: StratusLabApi,
  { id }: LabVm,
  { word, to }: Step,
  call: Call,
  name: string,
): Promise<void> {
  const what = `${name}: ${word} ${id}`
  await api.act(id, word, call)
  if (to === undefined) return
  await pollUntil(
    call,
    what,
    async () => {
      const state = stateOf(await api.vm(id, call))
      if (state === 'error') throw new CloudError('provider-failed', `${what}: StratusLab could not do it`)
      if (state === 'deleting' || state === 'deleted') throw new CloudError('conflict', `${what}: it is being deleted`)
      return state === to ? true : undefined
    },
    PACE,
  )
}

/** Deletes a VM in whatever state it is, and waits until it is gone. What is gone is no error. */
export async function finalize(api: StratusLabApi, id: number, call: Call, name: string): Promise<void> {
  let isAsked = false
  await pollUntil(
    call,
    `${name}: delete ${id}`,
    async () => {
      try {
        if (stateOf(await api.vm(id, call)) === 'deleted') return true
        if (!isAsked) await api.act(id, 'finalize', call)
        isAsked = true
        return undefined
      } catch (error) {
        if (isCloudError(error, 'not-found')) return true
        // Somebody else may have been faster: the next look tells.
        if (isCloudError(error, 'conflict')) return undefined
        throw error
      }
    },
    PACE,
  )
}
