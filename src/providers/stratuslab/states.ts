import type { InstanceState } from '../../model/instance.ts'

/** What OpenNebula 3.2 says of a VM's state. */
interface LabState {
  readonly state: number
  readonly lcmState: number
}

/** STATE of a VM that does something: the rest is in LCM_STATE. */
const ACTIVE = 3

/** By STATE, but for 3 ACTIVE. */
const STATES: ReadonlyMap<number, InstanceState> = new Map([
  [0, 'creating'], // INIT
  [1, 'creating'], // PENDING
  [2, 'inactive'], // HOLD
  [4, 'suspended'], // STOPPED: its memory is saved
  [5, 'suspended'], // SUSPENDED
  [6, 'deleted'], // DONE
  [7, 'error'], // FAILED
])

/** By LCM_STATE. Until it is where it goes, it is where it was. */
const STATES_OF_ACTIVE: ReadonlyMap<number, InstanceState> = new Map([
  [0, 'creating'], // LCM_INIT
  [1, 'creating'], // PROLOG
  [2, 'creating'], // BOOT
  [3, 'active'], // RUNNING
  [4, 'active'], // MIGRATE
  [5, 'active'], // SAVE_STOP
  [6, 'active'], // SAVE_SUSPEND
  [7, 'active'], // SAVE_MIGRATE
  [8, 'active'], // PROLOG_MIGRATE
  [9, 'suspended'], // PROLOG_RESUME
  [10, 'active'], // EPILOG_STOP
  [11, 'deleting'], // EPILOG
  [12, 'deleting'], // SHUTDOWN
  [13, 'deleting'], // CANCEL
  [14, 'error'], // FAILURE
  [15, 'deleting'], // CLEANUP
  [16, 'unknown'], // UNKNOWN
])

/** A VM's state in our words; numbers that nobody told us of are unknown. @see OpenNebula 3.2, Managing Virtual Machines */
export function stateOf({ state, lcmState }: LabState): InstanceState {
  return (state === ACTIVE ? STATES_OF_ACTIVE.get(lcmState) : STATES.get(state)) ?? 'unknown'
}
