import { CloudError } from '../model/errors.ts'
import { pause } from './call.ts'
import type { Call } from './provider.ts'

/** How a cloud is asked again and again. */
interface Polling {
  /** In milliseconds; each later pause is half as long again. */
  readonly firstPauseMs?: number
  readonly longestPauseMs?: number
  /** What it fails with where the call is too short; default: timeout. */
  readonly last?: () => CloudError | undefined
}

/**
 * Looks again and again, as long as the call lasts, until there is something.
 *
 * @throws {CloudError} `last`, timeout, and what `look` throws
 */
export async function pollUntil<T>(
  call: Call,
  what: string,
  look: () => Promise<T | undefined>,
  { firstPauseMs = 500, longestPauseMs = 5000, last }: Polling = {},
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() + pauseMs >= call.deadline)
      throw last?.() ?? new CloudError('timeout', `${what}: it takes longer than the call`)
    await pause(pauseMs, call, what)
  }
}
