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

  return {
    async pass(instanceId, task) {
      const passing = inTurn(instanceId, () => hold(instanceId, task))
      const all = running.get(instanceId) ?? []
      running.set(instanceId, [...all, passing])
      try {
        return await passing
      } finally {
        const left = running.get(instanceId)?.filter((each) => each !== passing) ?? []
        if (left.length === 0) running.delete(instanceId)
        else running.set(instanceId, left)
      }
    },
    isBusy: (instanceId) => running.has(instanceId),
    idle: async () => void (await Promise.allSettled([...running.values()].flat())),
  }
}
