import type { InstanceSpec } from '../../../model/instance.ts'
import { UNTRACKED, WRAPPED, type Definition } from '../categories.ts'

/** What a user says of what may be in his guest beside his data. */
type Switches = Pick<InstanceSpec, 'tracking' | 'wrap'>

/** What mixins without attributes say, in the service's words. */
export function toSwitches(mixins: readonly Definition[]): Switches {
  return {
    ...(mixins.includes(UNTRACKED) ? { tracking: false } : {}),
    ...(mixins.includes(WRAPPED) ? { wrap: true } : {}),
  }
}

/** The mixins that say so, by whichever front end it was said. */
export function fromSwitches({ tracking, wrap }: Switches): readonly Definition[] {
  return [...(tracking === false ? [UNTRACKED] : []), ...(wrap === true ? [WRAPPED] : [])]
}
