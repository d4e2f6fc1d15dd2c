import type { Vm } from './model.ts'

/** Names of STATE, by number. */
const STATES = [
  'INIT', 'PENDING', 'HOLD', 'ACTIVE', 'STOPPED', 'SUSPENDED', 'DONE', 'FAILED', 'POWEROFF', 'UNDEPLOYED', 'CLONING', 'CLONING_FAILURE',
] // prettier-ignore

/** Names of those LCM_STATEs that VMs here come to, by number. */
const LCM_STATES: Readonly<Record<number, string>> = {
  0: 'LCM_INIT',
  1: 'PROLOG',
  2: 'BOOT',
  3: 'RUNNING',
  5: 'SAVE_STOP',
  6: 'SAVE_SUSPEND',
  9: 'PROLOG_RESUME',
  10: 'EPILOG_STOP',
  11: 'EPILOG',
  12: 'SHUTDOWN',
  16: 'UNKNOWN',
  17: 'HOTPLUG',
  18: 'SHUTDOWN_POWEROFF',
  19: 'BOOT_UNKNOWN',
  20: 'BOOT_POWEROFF',
  21: 'BOOT_SUSPENDED',
  22: 'BOOT_STOPPED',
  23: 'CLEANUP_DELETE',
  25: 'HOTPLUG_NIC',
  29: 'SHUTDOWN_UNDEPLOY',
  30: 'EPILOG_UNDEPLOY',
  31: 'PROLOG_UNDEPLOY',
  32: 'BOOT_UNDEPLOY',
  36: 'BOOT_FAILURE',
  39: 'PROLOG_FAILURE',
}

/** The largest number that STATE has. */
export const STATE_MAX = STATES.length - 1

/** A VM's state as messages name it: that of its life cycle where it is on a host. */
export function stateName({ state, lcmState }: Pick<Vm, 'state' | 'lcmState'>): string {
  return state === 3 ? (LCM_STATES[lcmState] ?? String(lcmState)) : (STATES[state] ?? String(state))
}

/** A failure that a VM can be in. */
export function isFailed({ state, lcmState }: Pick<Vm, 'state' | 'lcmState'>): boolean {
  return state === 7 || state === 11 || (state === 3 && (lcmState === 14 || (lcmState >= 36 && lcmState <= 50)))
}
