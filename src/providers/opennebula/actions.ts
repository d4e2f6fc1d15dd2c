import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Action } from '../../model/instance.ts'
import type { Call } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneVm } from './api-vms.ts'
import { isHeld, PACE, phaseOf, type Phase } from './states.ts'
import { pollUntil } from '../polling.ts'

/** How an action is done. */
interface Step {
  /** OpenNebula's own word. */
  readonly word: string
  /** Where it leads; absent: it stays as it is. */
  readonly to?: Phase
}

/**
 * What OpenNebula has to be told for an action of ours.
 *
 * @throws {CloudError} conflict where OpenNebula would do something else than what was asked for
 * @see OpenNebula, Virtual Machine Instances: life-cycle operations
 */
export function stepFor(vm: OneVm, action: Action, method: string | undefined): Step {
  const phase = phaseOf(vm)
  switch (action) {
    case 'start':
      return isHeld(vm) ? { word: 'release', to: 'creating' } : { word: 'resume', to: 'active' }
    case 'stop':
      return { word: method === 'poweroff' ? 'poweroff-hard' : 'poweroff', to: 'inactive' }
    case 'restart':
      return { word: method === 'cold' ? 'reboot-hard' : 'reboot' }
    case 'suspend':
      return { word: method === 'hibernate' ? 'stop' : 'suspend', to: 'suspended' }
    case 'resume':
    default:
      // OpenNebula has one word for both.
      if (phase !== 'suspended')
        throw new CloudError('conflict', `VM ${vm.id} is ${phase}; only a suspended one is resumed`)
      return { word: 'resume', to: 'active' }
  }
}

const UNDER_WAY: ReadonlySet<Phase> = new Set(['stopping', 'starting', 'suspending', 'resuming', 'creating'])

/**
 * Does it, and waits until it is done: OpenNebula answers before.
 *
 * @throws {CloudError} conflict when the state does not allow it, or the guest does not obey; provider-failed
 */
export async function perform(api: OpenNebulaApi, vm: OneVm, step: Step, call: Call, name: string): Promise<void> {
  const { word, to } = step
  const [{ id }, what] = [vm, `${name}: ${word} ${vm.id}`]
  await api.act(id, word, call)
  if (to === undefined) return
  let hasMoved = false
  await pollUntil(
    call,
    what,
    async () => {
      const phase = phaseOf(await api.vm(id, call))
      if (phase === to || (to === 'creating' && phase === 'active')) return true
      if (phase === 'error') throw new CloudError('provider-failed', `${what}: OpenNebula could not do it`)
      if (phase === 'deleted' || phase === 'deleting') throw new CloudError('conflict', `${what}: it is being deleted`)
      if (UNDER_WAY.has(phase)) hasMoved = true
      else if (hasMoved)
        throw new CloudError('conflict', `${what}: the guest did not obey, it is ${phase}; ask for the hard way`)
      return undefined
    },
    PACE,
  )
}

/**
 * Deletes a VM, and waits until it is gone. What is gone is no error; while it is busy with something else, it is tried again.
 *
 * @throws {CloudError} conflict where it stays busy as long as the call lasts, or is locked
 */
export async function terminate(api: OpenNebulaApi, id: number, call: Call, name: string): Promise<void> {
  const what = `${name}: delete ${id}`
  let refused: CloudError | undefined
  await pollUntil(
    call,
    what,
    async () => {
      try {
        const phase = phaseOf(await api.vm(id, call))
        if (phase === 'deleted') return true
        if (phase !== 'deleting') await api.act(id, 'terminate-hard', call)
        return undefined
      } catch (error) {
        if (isCloudError(error, 'not-found')) return true
        // Why it was not done says more than that the time is over.
        if (refused && isCloudError(error, 'timeout')) throw refused
        if (!isCloudError(error, 'conflict') || error.message.includes('is locked')) throw error
        refused = error
        return undefined
      }
    },
    { ...PACE, last: () => refused },
  )
}
