import { CloudError } from '../model/errors.ts'
import { oneAtATime } from '../providers/turns.ts'
import type { ServiceParts } from './parts.ts'

/** Lets one at a time change an instance: in this process by turns, among nodes by a lease. */
export interface Turnstile {
  /**
   * Runs the task once nothing else is done to the instance.
   *
   * @returns what it gives, or `undefined` where another node has the lease
   */
  pass<T>(instanceId: string, task: () => Promise<T>): Promise<T | undefined>
  /**
   * Keeps others from the instance that `make` inserts, from before it is there until `make` has ended: whoever looks for
   * what is unfinished would take it for that.
   *
   * @param make is given the lease to insert it with, and passes by itself
   */
  first<T>(instanceId: string, make: (lease: { holder: string; untilMs: number }) => Promise<T>): Promise<T>
  /** Whether something is done to the instance here, now. */
  isBusy(instanceId: string): boolean
  /** Resolves when nothing is done any more. */
  idle(): Promise<void>
}

const LEASE_MS = 60_000

/** @param holder names this node: the same after a restart, so that it need not wait for its own lease to end */
export function createTurnstile({ store }: Pick<ServiceParts, 'store'>, holder: string): Turnstile {
  const inTurn = oneAtATime()
  const running = new Map<string, Promise<unknown>[]>()

  const hold = async <T>(instanceId: string, task: () => Promise<T>): Promise<T | undefined> => {
    if (!(await store.lease(instanceId, holder, Date.now() + LEASE_MS))) return undefined
    const renewal = setInterval(
      // One that could not be renewed is tried again before it ends.
      () => void store.lease(instanceId, holder, Date.now() + LEASE_MS).catch(() => false),
      LEASE_MS / 3,
    )
    try {
      return await task()
    } finally {
      clearInterval(renewal)
      await store.release(instanceId, holder)
    }
  }

  /** It is busy as long as the promise is pending. */
  const during = async <T>(instanceId: string, passing: Promise<T>): Promise<T> => {
    running.set(instanceId, [...(running.get(instanceId) ?? []), passing])
    try {
      return await passing
    } finally {
      const left = running.get(instanceId)?.filter((each) => each !== passing) ?? []
      if (left.length === 0) running.delete(instanceId)
      else running.set(instanceId, left)
    }
  }

  return {
    pass: (instanceId, task) =>
      during(
        instanceId,
        inTurn(instanceId, () => hold(instanceId, task)),
      ),
    // Made in a later turn of the event loop than it is said to be busy.
    first: (instanceId, make) =>
      during(
        instanceId,
        Promise.resolve().then(() => make({ holder, untilMs: Date.now() + LEASE_MS })),
      ),
    isBusy: (instanceId) => running.has(instanceId),
    idle: async () => void (await Promise.allSettled([...running.values()].flat())),
  }
}

/** What a client is told where another node has the lease. */
export function busyElsewhere(instanceId: string): CloudError {
  return new CloudError('conflict', `instance ${instanceId} is being changed by another node; try again in a moment`)
}
