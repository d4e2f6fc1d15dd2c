import { setTimeout as sleepFor } from 'node:timers/promises'
import type { SecureVersion } from 'node:tls'
import { Agent } from 'undici'
import { explainStatus, readJson, toError } from './http-answer.ts'
import { rememberHolds } from './http-hold.ts'
import { retryAfterMs, waitBeforeNext } from './http-retry.ts'
import { held, tryOnce, type Outcome, type RawAnswer, type Sending, type TimeLimit } from './http-try.ts'

/** Whom to trust, and who we are. */
export interface TlsSettings {
  /** PEM; absent: the certificates that Node.js brings. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** False where whoever answers is believed (`insecure`). */
  readonly isVerified?: boolean
  /** The oldest that is spoken; absent: that of Node.js. */
  readonly minVersion?: SecureVersion
  /** As OpenSSL writes them; absent: those of Node.js. */
  readonly ciphers?: string
}

/** How one cloud is reached. */
export interface HttpClientOptions {
  readonly tls?: TlsSettings
  /** How long one try may take, in milliseconds, connecting and reading included (default 30 s). */
  readonly tryMs?: number
  /** How often a request may be sent (default 4). */
  readonly maxTries?: number
  /** Longer answers are not read (default 16 MiB). */
  readonly maxBytes?: number
  /** For tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
  readonly random?: () => number
  readonly now?: () => number
}

/** One request. Nothing of its headers, its body or its query is ever in an error. */
export interface HttpRequest extends Omit<Sending, 'headers'> {
  /** What it is, for people: `openstack-cesnet: create server`. */
  readonly what: string
  readonly headers?: Readonly<Record<string, string>>
  readonly call: TimeLimit
  /** Who answers, where several stand behind one address: what one asks to wait is waited for him alone (default: the address). */
  readonly server?: string
  /** Whether doing it twice is as good as once; default: what the method promises, where GET, HEAD and DELETE do. */
  readonly isSafe?: boolean
}

/** A whole answer, whatever its status. */
export interface HttpAnswer extends RawAnswer {
  /** @throws {CloudError} provider-failed when it is no JSON; unavailable where what was done is then unknown */
  readonly json: () => unknown
}

/** A client whose connections are kept for its one cloud. */
export interface HttpClient {
  /**
   * Sends a request, again where that is safe, and never past the deadline, nor before a time that its server asked to wait
   * for, in whatever answer. Redirects are not followed: a token would go with them.
   *
   * Where a request is not safe, `unavailable` and `timeout` mean that nobody knows whether it was done.
   *
   * @throws {CloudError} unavailable (refused, broken off, 503), timeout, rate-limited (429), provider-failed (redirect,
   *   certificate, too long, 502); every other status is an answer
   */
  readonly request: (request: HttpRequest) => Promise<HttpAnswer>
  readonly close: () => Promise<void>
}

/** A client for one cloud: its certificates, its connections, its limits. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { tls = {}, tryMs = 30_000, maxTries = 4, maxBytes = 16 * 1024 * 1024 } = options
  const { random = Math.random, now = Date.now } = options
  const sleep = options.sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal }))
  const { isVerified = true, ...credentials } = tls
  const holds = rememberHolds(now)
  const dispatcher = new Agent({
    // Each try has its limit for the whole; no limit on its parts is needed.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { ...credentials, rejectUnauthorized: isVerified, timeout: tryMs },
    allowH2: false,
  })

  /** @returns false where the call would be over by then, or was given up */
  async function wait(ms: number, { signal, deadline }: TimeLimit): Promise<boolean> {
    if (now() + ms >= deadline) return false
    return await sleep(ms, signal).then(
      () => true,
      () => false,
    )
  }

  async function lastOutcome(request: HttpRequest, isSafe: boolean): Promise<Outcome> {
    const { call, headers = {}, server = new URL(request.url).origin } = request
    const heldMs = holds.leftMs(server)
    if (heldMs > 0 && !(await wait(heldMs, call))) return { failure: held(holds.why(server), heldMs) }
    for (let tries = 1; ; tries++) {
      const outcome = await tryOnce({ ...request, headers }, { dispatcher, call, tryMs, maxBytes, now })
      holds.note(server, outcome)
      const backOffMs = tries < maxTries ? waitBeforeNext(outcome, { tries, isSafe, random, now }) : undefined
      if (backOffMs === undefined || !(await wait(Math.max(backOffMs, holds.leftMs(server)), call))) return outcome
    }
  }

  return {
    request: async (request) => {
      const isSafe = request.isSafe ?? ['GET', 'HEAD', 'DELETE'].includes(request.method)
      const outcome = await lastOutcome(request, isSafe)
      if ('failure' in outcome) throw toError(request.what, outcome.failure, isSafe)
      const { answer } = outcome
      const failure = explainStatus(answer, retryAfterMs(answer.headers, now()))
      if (failure) throw toError(request.what, failure, isSafe)
      return { ...answer, json: () => readJson(request.what, answer, isSafe) }
    },
    close: () => dispatcher.close(),
  }
}
