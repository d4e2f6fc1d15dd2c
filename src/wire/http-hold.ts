import type { Outcome } from './http-try.ts'
import { retryAfterMs } from './http-retry.ts'

/** Until when servers asked to be left alone. */
export interface Holds {
  /** What a server's answer asks for is kept in mind. */
  readonly note: (server: string, outcome: Outcome) => void
  /** How long it is still to be left alone, in milliseconds; 0: it may be asked. */
  readonly leftMs: (server: string) => number
  /** Whether it is too many requests, or the server itself, that made it ask. */
  readonly why: (server: string) => 'rate-limited' | 'unavailable'
}

// Whoever asks for more has his clock wrong, or does not mean it.
const LONGEST_MS = 3_600_000

/**
 * What a 429 or 503 asks of whoever sent the request, `Retry-After`, it asks of all that comes after it: another request
 * would be answered alike.
 *
 * @see RFC 9110 section 10.2.3
 */
export function rememberHolds(now: () => number): Holds {
  const held = new Map<string, { readonly until: number; readonly status: number }>()
  return {
    note: (server, outcome) => {
      if (!('answer' in outcome)) return
      const { status, headers } = outcome.answer
      if (status !== 429 && status !== 503) return
      const until = now() + Math.min(LONGEST_MS, retryAfterMs(headers, now()))
      if (until > (held.get(server)?.until ?? now())) held.set(server, { until, status })
    },
    leftMs: (server) => Math.max(0, (held.get(server)?.until ?? 0) - now()),
    why: (server) => (held.get(server)?.status === 429 ? 'rate-limited' : 'unavailable'),
  }
}
