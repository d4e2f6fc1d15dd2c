import { CloudError, type ErrorCode } from '../../model/errors.ts'
import { checkCall, pause } from '../call.ts'
import type { Call } from '../provider.ts'
import type { CallMethod } from './methods.ts'

/** What goes wrong with a call, in this order; what is absent does not. */
interface Fault {
  /** It takes this long, in milliseconds, before anything is done. */
  readonly slowMs?: number
  /** Nothing is done: it fails with this code, or hangs until the caller gives up. */
  readonly before?: ErrorCode | 'hang'
  /** It is done, but the answer is lost: the caller gets this code, or hangs until he gives up. */
  readonly after?: ErrorCode | 'hang'
  /** How many calls it strikes; absent: every one. */
  readonly times?: number
}

/** What goes wrong, by method. */
export type Faults = Readonly<Partial<Record<CallMethod, Fault>>>

/** Strikes calls as it was told. */
export interface FaultInjector {
  /** Does `task` as a call of `method`, with whatever is to go wrong. @throws {CloudError} timeout, and the fault's code */
  readonly run: <T>(method: CallMethod, call: Call, task: () => T) => Promise<T>
  /** Replaces all faults and starts counting anew. */
  set(faults: Faults): void
}

/** @param initial the faults until `set` */
export function faultInjector(initial: Faults = {}): FaultInjector {
  let faults = initial
  let struck = new Map<CallMethod, number>()

  const next = (method: CallMethod): Fault => {
    const fault = faults[method] ?? {}
    const before = struck.get(method) ?? 0
    struck.set(method, before + 1)
    return before < (fault.times ?? Infinity) ? fault : {}
  }

  return {
    run: async (method, call, task) => {
      checkCall(call, method)
      const fault = next(method)
      if (fault.slowMs !== undefined) await pause(fault.slowMs, call, method)
      if (fault.before !== undefined) await strike(fault.before, method, call)
      const answer = task()
      if (fault.after !== undefined) await strike(fault.after, method, call)
      return answer
    },
    set: (changed) => {
      faults = changed
      struck = new Map()
    },
  }
}

async function strike(outcome: ErrorCode | 'hang', method: CallMethod, call: Call): Promise<void> {
  if (outcome === 'hang') return await pause(Infinity, call, method)
  throw new CloudError(outcome, `${method}: a fault that was asked for`)
}
