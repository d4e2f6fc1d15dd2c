import { CloudError } from '../model/errors.ts'
import type { TimeLimit } from './http-try.ts'

/** @throws {CloudError} timeout where the call is over before its turn comes */
type WithTurn = <T>(task: () => Promise<T>, call: TimeLimit, what: string) => Promise<T>

// setTimeout takes no longer delay than this.
const LONGEST_MS = 2 ** 31 - 1

/** Runs no more than `max` tasks at once; the others wait, in the order in which they came. */
export function atMost(max: number): WithTurn {
  let running = 0
  const waiting = new Set<() => void>()

  async function wait({ signal, deadline }: TimeLimit, what: string): Promise<void> {
    const over = AbortSignal.any([
      signal,
      AbortSignal.timeout(Math.min(LONGEST_MS, Math.max(0, deadline - Date.now()))),
    ])
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        waiting.delete(begin)
        reject(new CloudError('timeout', `${what}: not sent in time, for ${max} calls before it took too long`))
      }
      const begin = () => {
        over.removeEventListener('abort', leave)
        resolve()
      }
      if (over.aborted) return leave()
      waiting.add(begin)
      over.addEventListener('abort', leave, { once: true })
      return undefined
    })
  }

  return async (task, call, what) => {
    if (running < max) running++
    else await wait(call, what)
    try {
      return await task()
    } finally {
      // Whoever waits takes this place over.
      const [next] = waiting
      if (next) {
        waiting.delete(next)
        next()
      } else running--
    }
  }
}
