import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import { setTimeout as sleepFor } from 'node:timers/promises'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 5000

/**
 * Looks again and again, as long as the call lasts, until there is something.
 *
 * @throws {CloudError} timeout, and what `look` throws
 */
export async function pollUntil<T>(call: Call, what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() + pauseMs >= call.deadline) throw new CloudError('timeout', `${what}: it takes longer than the call`)
    try {
      await sleepFor(pauseMs, undefined, { signal: call.signal })
    } catch (cause) {
      throw new CloudError('timeout', `${what}: the call was given up`, { cause })
    }
  }
}
