import type { Outcome } from './http-try.ts'

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 8_000

/** What the wait depends on, besides what happened. */
interface Circumstances {
  /** How often it was tried already, from 1. */
  readonly tries: number
  /** Whether doing it twice is as good as once. */
  readonly isSafe: boolean
  readonly random: () => number
  readonly now: () => number
}

/**
 * How long to wait, in milliseconds, before a request may be sent again; nothing where it must not be.
 *
 * What never reached the server may always be sent again, and so may what a 429 answers: the server says that it did
 * nothing. A 503 says so less clearly, for a service behind a proxy may have begun; like every other trouble on the way it
 * is taken for that only where twice is as good as once.
 *
 * @see RFC 9110 sections 9.2.2 (idempotent methods), 10.2.3 (Retry-After); RFC 6585 section 4
 */
export function waitBeforeNext(outcome: Outcome, circumstances: Circumstances): number | undefined {
  const { tries, isSafe, random, now } = circumstances
  const backOffMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)) * (0.5 + random() / 2)
  if ('failure' in outcome) {
    const { isSent, mayPass } = outcome.failure
    return mayPass && (isSafe || !isSent) ? backOffMs : undefined
  }
  const { status, headers } = outcome.answer
  if (status === 429 || (status === 503 && isSafe)) return Math.max(backOffMs, retryAfterMs(headers, now()))
  return isSafe && (status === 502 || status === 504) ? backOffMs : undefined
}

/** What `Retry-After` asks for: seconds, or a date; 0 where it says nothing that can be understood. */
export function retryAfterMs(headers: ReadonlyMap<string, string>, nowMs: number): number {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  // Only dates as HTTP writes them: Date.parse takes much more.
  if (!/^[A-Z][a-z]{2}, .* GMT$/.test(text)) return 0
  const at = Date.parse(text)
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs)
}
