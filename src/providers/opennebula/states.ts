import type { InstanceState } from '../../model/instance.ts'

/** Where a VM is on its way. Those ending in -ing are under way to something else. */
export type Phase =
  | 'creating'
  | 'active'
  | 'stopping'
  | 'inactive'
  | 'starting'
  | 'suspending'
  | 'suspended'
  | 'resuming'
  | 'deleting'
  | 'deleted'
  | 'error'
  | 'unknown'

/** STATE of a VM that does something: the rest is in LCM_STATE. */
const ACTIVE = 3

/** By STATE, but for 3 ACTIVE. */
const PHASES: ReadonlyMap<number, Phase> = new Map([
  [0, 'creating'], // INIT
  [1, 'creating'], // PENDING
  [2, 'inactive'], // HOLD
  [4, 'suspended'], // STOPPED: its memory is saved
  [5, 'suspended'], // SUSPENDED
  [6, 'deleted'], // DONE
  [7, 'error'], // FAILED, up to 4.x
  [8, 'inactive'], // POWEROFF
  [9, 'inactive'], // UNDEPLOYED
  [10, 'creating'], // CLONING
  [11, 'error'], // CLONING_FAILURE
])

/** By LCM_STATE. */
const PHASES_OF_ACTIVE: readonly (readonly [Phase, readonly number[]])[] = [
  // LCM_INIT, PROLOG, BOOT, CLEANUP_RESUBMIT
  ['creating', [0, 1, 2, 15]],
  // RUNNING; MIGRATE, SAVE_, PROLOG_ and BOOT_MIGRATE; HOTPLUG and HOTPLUG_…; DISK_SNAPSHOT…, DISK_RESIZE, BACKUP
  ['active', [3, 4, 7, 8, 35, 17, 24, 25, 26, 57, 59, 62, 66, 69]],
  // SHUTDOWN_POWEROFF, SHUTDOWN_UNDEPLOY, EPILOG_UNDEPLOY
  ['stopping', [18, 29, 30]],
  // The same work as above on what is switched off
  ['inactive', [27, 33, 34, 43, 51, 52, 53, 63, 64, 65, 67, 70]],
  // BOOT_UNKNOWN, BOOT_POWEROFF, PROLOG_UNDEPLOY, BOOT_UNDEPLOY
  ['starting', [19, 20, 31, 32]],
  // SAVE_STOP, SAVE_SUSPEND, EPILOG_STOP
  ['suspending', [5, 6, 10]],
  // The same work as above on what is suspended
  ['suspended', [28, 45, 54, 56, 68]],
  // PROLOG_RESUME, BOOT_SUSPENDED, BOOT_STOPPED
  ['resuming', [9, 21, 22]],
  // EPILOG, SHUTDOWN, CLEANUP_DELETE
  ['deleting', [11, 12, 23]],
  // FAILURE, up to 3.x; BOOT_FAILURE and all others of that kind
  ['error', [14, 36, 37, 38, 39, 40, 41, 42, 44, 46, 47, 48, 49, 50, 61]],
]

const BY_LCM_STATE: ReadonlyMap<number, Phase> = new Map(
  PHASES_OF_ACTIVE.flatMap(([phase, states]) => states.map((state) => [state, phase] as const)),
)

/** HOTPLUG, HOTPLUG_NIC and HOTPLUG_NIC_POWEROFF: a disk of its own or a card is being changed. */
const PLUGGING: ReadonlySet<number> = new Set([17, 25, 65])
/** HOLD: it waits for `release`. */
const HOLD = 2

/** What OpenNebula says of a VM's state. */
interface OneState {
  readonly state: number
  readonly lcmState: number
}

/** Where a VM is; numbers that nobody told us of are unknown. @see OpenNebula, Virtual Machine States Reference */
export function phaseOf({ state, lcmState }: OneState): Phase {
  return (state === ACTIVE ? BY_LCM_STATE.get(lcmState) : PHASES.get(state)) ?? 'unknown'
}

/** Until it is where it goes, it is where it was. */
const STATES: Readonly<Record<Phase, InstanceState>> = {
  creating: 'creating',
  active: 'active',
  stopping: 'active',
  inactive: 'inactive',
  starting: 'inactive',
  suspending: 'active',
  suspended: 'suspended',
  resuming: 'suspended',
  deleting: 'deleting',
  deleted: 'deleted',
  error: 'error',
  unknown: 'unknown',
}

/** A VM's state in our words. */
export function stateOf(vm: OneState): InstanceState {
  return STATES[phaseOf(vm)]
}

/** Whether a change of its devices is not over. */
export function isPlugging({ state, lcmState }: OneState): boolean {
  return state === ACTIVE && PLUGGING.has(lcmState)
}

/** Whether it waits to be released. */
export function isHeld({ state }: OneState): boolean {
  return state === HOLD
}

/** Most changes take OpenNebula no longer than this, in milliseconds. */
export const PACE = { firstPauseMs: 100 } as const
