import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '../model/errors.ts'
import type { Call } from './provider.ts'

// setTimeout takes no longer delay than this.
const LONGEST_MS = 2 ** 31 - 1

/** @throws {CloudError} timeout when the call was given up or its time is over; `what` names it for people */
export function checkCall(call: Call, what: string): void {
  if (call.signal.aborted || Date.now() >= call.deadline) throw timeout(what, call.signal.reason)
}

/**
 * Waits, but never longer than the call may take.
 *
 * @param ms `Infinity` waits until the call is given up
 * @throws {CloudError} timeout as {@link checkCall}
 */
export async function pause(ms: number, call: Call, what: string): Promise<void> {
  checkCall(call, what)
  const waitMs = Math.min(ms, call.deadline - Date.now(), LONGEST_MS)
  try {
    await sleep(waitMs, undefined, { signal: call.signal })
  } catch (cause) {
    throw timeout(what, cause)
  }
  if (waitMs < ms) throw timeout(what)
}

/** A call that was given up: whether it was done is unknown. */
export function timeout(what: string, cause?: unknown): CloudError {
  return new CloudError('timeout', `${what}: no answer in time`, { cause })
}
