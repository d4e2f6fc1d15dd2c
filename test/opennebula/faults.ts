/** What goes wrong with a call. */
export interface CallFault {
  /** Which method; absent: any. */
  readonly method?: string
  /** The first call of it that is struck, from 1. Default 1. Counting begins when faults are set. */
  readonly from?: number
  /** How many are struck. Default: all that follow. */
  readonly times?: number
  /** How long it takes before anything else, in milliseconds. */
  readonly delayMs?: number
  /**
   * `drop-before`: the connection is closed, and nothing is done. `drop-after`: it is done, but not answered. `half`: it is
   * done, and half the answer is sent. `503`: HTTP 503, and nothing is done.
   */
  readonly happens?: 'drop-before' | 'drop-after' | 'half' | '503'
}

/** Knows which call is struck. */
export interface FaultPlan {
  /** Replaces all faults. */
  set(faults: readonly CallFault[]): void
  /** Counts a call. @returns the first fault that strikes it */
  strike(method: string): CallFault | undefined
}

/** Nothing goes wrong until it is set. */
export function createFaultPlan(): FaultPlan {
  let faults: readonly { readonly fault: CallFault; count: number }[] = []
  return {
    set: (given) => {
      faults = given.map((fault) => ({ fault, count: 0 }))
    },
    strike: (method) => {
      let struck: CallFault | undefined
      for (const one of faults) {
        const { from = 1, times = Infinity } = one.fault
        if (one.fault.method !== undefined && one.fault.method !== method) continue
        one.count += 1
        if (one.count >= from && one.count < from + times) struck ??= one.fault
      }
      return struck
    },
  }
}
