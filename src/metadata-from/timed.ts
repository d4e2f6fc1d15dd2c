import { setTimeout as sleep } from 'node:timers/promises'
import type { Call } from '../providers/provider.ts'

/** A call that ends with `signal`, or after `ms`. */
export function callFor(ms: number, signal: AbortSignal): Call {
  return { signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]), deadline: Date.now() + ms }
}

/** Whether `work` ended, well or not, within `ms`; it goes on all the same. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const enough = new AbortController()
  const ended = work.then(
    () => true,
    () => true,
  )
  const late = sleep(ms, false, { signal: enough.signal }).catch(() => false)
  try {
    return await Promise.race([ended, late])
  } finally {
    enough.abort()
  }
}
