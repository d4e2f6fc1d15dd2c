import { CloudError, type ErrorCode } from '../model/errors.ts'
import type { RawAnswer } from './http-try.ts'

/** Why a request failed, and how far it got. */
interface Refusal {
  readonly code: ErrorCode
  readonly why: string
  readonly isSent: boolean
}

/**
 * What a status means that every server means alike: it, or what stands before it, cannot serve now. Nothing where the
 * caller must judge.
 *
 * @see RFC 9110 sections 15.4, 15.6.3 to 15.6.5; RFC 6585 section 4
 */
export function explainStatus(answer: RawAnswer, retryAfterMs: number): Refusal | undefined {
  const { status } = answer
  const later = retryAfterMs > 0 ? `; it asks to wait ${Math.ceil(retryAfterMs / 1000)} s` : ''
  // A 429 did nothing, whatever the method.
  if (status === 429) return { code: 'rate-limited', why: `answers 429, too many requests${later}`, isSent: false }
  if (status === 503) return { code: 'unavailable', why: `answers 503, not available${later}`, isSent: true }
  if (status === 504) return { code: 'timeout', why: `answers 504: a server behind it was too slow`, isSent: true }
  if (status === 502) return { code: 'provider-failed', why: `answers 502 with ${mediaType(answer)}`, isSent: true }
  if (status < 300 || status >= 400 || status === 304) return undefined
  const why = `answers ${status}, a redirect, and none is followed; put the address that it leads to in the settings`
  return { code: 'provider-failed', why, isSent: false }
}

/** @throws {CloudError} as `HttpAnswer.json` */
export function readJson(what: string, answer: RawAnswer, isSafe: boolean): unknown {
  const json = parseJson(answer.bytes)
  if (json !== undefined) return json
  const why = `answers ${answer.status} with ${mediaType(answer)} of ${answer.bytes.length} bytes, which is no JSON`
  throw toError(what, { code: 'provider-failed', why, isSent: true }, isSafe)
}

/** What JSON text holds; nothing where it is none. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

/** An error for people. Where the request may have been done it says so, with a code that means it. */
export function toError(what: string, { code, why, isSent }: Refusal, isSafe: boolean): CloudError {
  if (isSafe || !isSent) return new CloudError(code, `${what}: ${why}`)
  return new CloudError(code === 'timeout' ? code : 'unavailable', `${what}: ${why}; whether it was done is unknown`)
}

function mediaType({ headers }: RawAnswer): string {
  return /^[\w.+-]{1,40}\/[\w.+-]{1,40}/.exec(headers.get('content-type') ?? '')?.[0] ?? 'no content type'
}

const QUOTED_CHARACTERS = 200

/** What another server says, as far as an error may repeat it: one line of at most 200 characters, without markup. */
export function quoteShort(text: string): string {
  const line = text
    // Long texts are cut first: they may be as long as what was sent.
    .slice(0, 4 * QUOTED_CHARACTERS)
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return line.length > QUOTED_CHARACTERS ? `${line.slice(0, QUOTED_CHARACTERS - 1)}…` : line
}
