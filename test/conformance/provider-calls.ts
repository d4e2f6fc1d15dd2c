import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError, isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import type { InstanceState } from '../../src/model/instance.ts'
import type { Call, CreateRequest, Provider } from '../../src/providers/provider.ts'

/** How long a call of the suites may take, in milliseconds. */
export const CALL_MS = 60_000

/** A provider with a machine's beginnings, as the suites need it. */
export interface Bench {
  readonly provider: Provider
  /** How long a change of state may take, in milliseconds. */
  readonly patienceMs: number
  requestFor(id: string, change?: Partial<CreateRequest>): CreateRequest
  /** A new machine that runs; it is deleted after all tests at the latest. @returns its remote id */
  running(change?: Partial<CreateRequest>): Promise<string>
  /** Waits until it is in that state. */
  reach(remoteId: string, state: InstanceState): Promise<void>
}

/** A call with time for anything. */
export function call(): Call {
  return { signal: AbortSignal.timeout(CALL_MS), deadline: Date.now() + CALL_MS }
}

export function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(promise, (error) => isCloudError(error, code))
}

export function conflictAsUndefined(error: unknown): undefined {
  if (!(error instanceof CloudError && error.code === 'conflict')) throw error
}

/** Tries `attempt` again until it holds; after `patienceMs` its last failure is the test's. */
export async function eventually(what: string, patienceMs: number, attempt: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, 500)) {
    try {
      return await attempt()
    } catch (cause) {
      if (Date.now() >= deadline) throw new Error(`not within ${patienceMs} ms: ${what}`, { cause })
    }
    await sleep(waitMs)
  }
}
