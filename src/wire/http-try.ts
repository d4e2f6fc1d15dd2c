import { request as send, type Dispatcher } from 'undici'
import type { ErrorCode } from '../model/errors.ts'

/** How long a caller waits; a provider's `Call` is one. */
export interface TimeLimit {
  readonly signal: AbortSignal
  /** Milliseconds since the epoch. */
  readonly deadline: number
}

/** What one request sends. */
export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A whole answer; header names are in lower case, and repeated ones are joined by commas. */
export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

/** Why no whole answer came. */
interface Failure {
  readonly code: Extract<ErrorCode, 'unavailable' | 'timeout' | 'rate-limited' | 'provider-failed'>
  /** For people. Only codes of the system stand in it: its messages may hold bytes of the wire. */
  readonly why: string
  /** False where it is certain that the server never saw the request. */
  readonly isSent: boolean
  /** Whether the same request may fare better. */
  readonly mayPass: boolean
}

export type Outcome = { readonly answer: RawAnswer } | { readonly failure: Failure }

/** What one try may take. */
interface Bounds {
  readonly dispatcher: Dispatcher
  readonly call: TimeLimit
  readonly tryMs: number
  readonly maxBytes: number
  readonly now: () => number
}

/** Sends a request once and reads the whole answer, or says why there is none. */
export async function tryOnce(sending: Sending, { dispatcher, call, tryMs, maxBytes, now }: Bounds): Promise<Outcome> {
  const leftMs = call.deadline - now()
  if (call.signal.aborted || leftMs <= 0) return { failure: { ...NO_TIME, isSent: false } }
  const limit = AbortSignal.timeout(Math.min(tryMs, leftMs))
  try {
    const { method, headers, body = null } = sending
    const signal = AbortSignal.any([call.signal, limit])
    const reply = await send(sending.url, { dispatcher, method, headers, body, signal })
    const bytes = await readWhole(reply, maxBytes)
    if (!bytes) return { failure: tooLong(maxBytes) }
    return { answer: { status: reply.statusCode, headers: toMap(reply.headers), bytes } }
  } catch (error) {
    // The call's own end comes first: a try that ends with it is the last one.
    if (call.signal.aborted || now() >= call.deadline) return { failure: NO_TIME }
    return { failure: limit.aborted ? SLOW : failureOf(error) }
  }
}

const NO_TIME: Failure = { code: 'timeout', why: 'no answer in time', isSent: true, mayPass: false }
const SLOW: Failure = { ...NO_TIME, mayPass: true }

/** It was not asked, since it said that it does not want to be. */
export function held(code: 'unavailable' | 'rate-limited', ms: number): Failure {
  return { code, why: `asked to be left alone for ${Math.ceil(ms / 1000)} s more`, isSent: false, mayPass: false }
}

function tooLong(maxBytes: number): Failure {
  const why = `answers with more than ${maxBytes} bytes, the most that is read`
  return { code: 'provider-failed', why, isSent: true, mayPass: false }
}

/** Nothing where it is longer than `maxBytes`; then the connection is closed. */
async function readWhole(reply: Dispatcher.ResponseData, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    // Leaving the loop destroys the body.
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function toMap(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')] as const],
    ),
  )
}

// What Node calls a certificate that it does not trust; the names of OpenSSL's X509_V_ERR_….
const DISTRUST = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/

const NO_TLS = /^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/

function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  if (DISTRUST.test(code)) {
    const why = `its certificate is refused or refuses ours (${code}); give the site's CA, or the client certificate`
    return { code: 'provider-failed', why, isSent: false, mayPass: false }
  }
  if (NO_TLS.test(code))
    return { code: 'provider-failed', why: `no TLS there (${code}); is it http?`, isSent: false, mayPass: false }
  if (isBeforeSending(error, code)) {
    const isUnknown = code === 'ENOTFOUND'
    const why = isUnknown ? 'its host name is not known (ENOTFOUND)' : `cannot be reached (${code})`
    return { code: 'unavailable', why, isSent: false, mayPass: !isUnknown }
  }
  return {
    code: 'unavailable',
    why: `the connection broke before the answer was whole (${code})`,
    isSent: true,
    mayPass: true,
  }
}

function isBeforeSending(error: unknown, code: string): boolean {
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT') return true
  // Where a host has several addresses, the error of each stands in a list.
  const [first = error] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  const call = first instanceof Error && 'syscall' in first ? first.syscall : undefined
  return call === 'connect' || call === 'getaddrinfo'
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no code'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
