import { CloudError } from '../../model/errors.ts'
import { pause } from '../call.ts'
import type { Call } from '../provider.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/**
 * Looks again and again, as long as the call lasts, until there is something.
 *
 * @param last what it fails with where the call is too short; default: timeout
 * @throws {CloudError} `last`, timeout, and what `look` throws
 */
export async function lookUntil<T>(
  call: Call,
  what: string,
  look: () => Promise<T | undefined>,
  last?: () => CloudError | undefined,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() + pauseMs >= call.deadline)
      throw last?.() ?? new CloudError('timeout', `${what}: it takes longer than the call`)
    await pause(pauseMs, call, what)
  }
}
