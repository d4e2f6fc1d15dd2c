import { stateName, isFailed } from './states.ts'
import { refusal, type Version, type Vm } from './model.ts'

/** What begins with an action. */
export type Step =
  | 'hold' | 'release' | 'poweroff' | 'resume' | 'suspend' | 'stop' | 'undeploy' | 'terminate' | 'nothing' // prettier-ignore

interface Action {
  readonly step: Step
  /** Its number in history records. */
  readonly code: number
  readonly from: readonly string[]
  /** Those that end a VM say their refusal in their own words. */
  readonly ends?: true
}

const ENDING = ['RUNNING', 'UNKNOWN', 'POWEROFF', 'SUSPENDED', 'STOPPED', 'UNDEPLOYED', 'PENDING', 'HOLD', 'CLONING', 'CLONING_FAILURE', 'DONE'] // prettier-ignore

const COMMON: Readonly<Record<string, Action>> = {
  hold: { step: 'hold', code: 7, from: ['PENDING'] },
  release: { step: 'release', code: 8, from: ['HOLD'] },
  stop: { step: 'stop', code: 9, from: ['RUNNING', 'SUSPENDED'] },
  suspend: { step: 'suspend', code: 10, from: ['RUNNING'] },
  resume: { step: 'resume', code: 11, from: ['POWEROFF', 'SUSPENDED', 'STOPPED', 'UNDEPLOYED', 'UNKNOWN'] },
  reboot: { step: 'nothing', code: 15, from: ['RUNNING'] },
}

const MODERN: Readonly<Record<string, Action>> = {
  ...COMMON,
  'reboot-hard': { step: 'nothing', code: 16, from: ['RUNNING'] },
  undeploy: { step: 'undeploy', code: 5, from: ['RUNNING', 'POWEROFF'] },
  'undeploy-hard': { step: 'undeploy', code: 6, from: ['RUNNING', 'POWEROFF'] },
  poweroff: { step: 'poweroff', code: 19, from: ['RUNNING', 'UNKNOWN'] },
  'poweroff-hard': { step: 'poweroff', code: 20, from: ['RUNNING', 'UNKNOWN', 'SHUTDOWN_POWEROFF'] },
  terminate: { step: 'terminate', code: 27, from: ENDING, ends: true },
  'terminate-hard': { step: 'terminate', code: 28, from: ENDING, ends: true },
}

/** 3.2's. `finalize` ends a VM in whatever state it is. */
const OLD: Readonly<Record<string, Action>> = {
  ...COMMON,
  shutdown: { step: 'terminate', code: 3, from: ['RUNNING'] },
  finalize: { step: 'terminate', code: 13, from: [] },
}

/**
 * What an action does with a VM in its present state.
 *
 * @throws {Refusal} 2048 when there is no such action, or not in this state
 */
export function actionOn(name: string, vm: Vm, version: Version): Action {
  const known = version.startsWith('3.') ? OLD : MODERN
  const action = Object.hasOwn(known, name) ? known[name] : undefined
  if (action === undefined) throw refusal(2048, `Action "${name}" is not supported`)
  const state = stateName(vm)
  const allowed = name === 'finalize' || action.from.includes(state) || (action.ends && isFailed(vm))
  if (!allowed)
    throw refusal(
      2048,
      `Error performing action "${name}": ${
        action.ends
          ? `Could not terminate VM ${vm.id}, wrong state ${state}`
          : `This action is not available for state ${state}`
      }`,
    )
  return action
}
