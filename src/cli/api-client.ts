import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { baseDir } from '../base-dir.ts'
import { STATUS } from '../frontends/guard.ts'
import { isObject } from '../frontends/json-text.ts'
import { CloudError, isCloudError, reasonOf, type ErrorCode } from '../model/errors.ts'
import { tokenPath } from '../token.ts'

/** What a request carries. */
interface Sending {
  readonly json?: unknown
  readonly bytes?: Uint8Array
  /** Makes a request that may be sent again where its answer is lost. */
  readonly idempotencyKey?: string
}

/** The REST API of a gateway. Its refusals are thrown as they are, with the gateway's own code. */
export interface ApiClient {
  /** @param path below `/api/v1` @throws {CloudError} what the gateway refuses with; unavailable when none answers */
  get<T>(path: string): Promise<T>
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, sending?: Sending): Promise<T>
  /** The timeline of an instance as it comes, after the event `sequence`. @throws {CloudError} as `get` */
  stream(path: string, sequence: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

const DEFAULT_URL = 'http://127.0.0.1:8787'

/**
 * A client of the gateway at `url`, `BELLHOP_URL` or this host's usual port. Its token is `BELLHOP_TOKEN`, or what a gateway of
 * the same user made: that one is shown to nobody but this host.
 *
 * @throws {CloudError} invalid when the URL is none; unauthenticated when there is no token
 */
export async function openApiClient(
  url: string | undefined,
  env: Readonly<Partial<Record<string, string>>> = process.env,
): Promise<ApiClient> {
  const base = toUrl(url ?? (env['BELLHOP_URL'] || DEFAULT_URL))
  const token = env['BELLHOP_TOKEN'] || (await ownTokenFor(base, baseDir('state', env)))

  async function ask(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('Authorization', `Bearer ${token}`)
    try {
      return await fetch(`${base.href.replace(/\/+$/, '')}/api/v1${path}`, { ...init, headers })
    } catch (cause) {
      throw unreachable(base, cause)
    }
  }

  async function read<T>(path: string, init: RequestInit): Promise<T> {
    const response = await ask(path, init)
    const text = await response.text().catch((cause: unknown) => {
      throw unreachable(base, cause)
    })
    if (!response.ok) throw refusalOf(response, text)
    // What the gateway answers is as its description says.
    if (response.status === 204) return undefined as T
    return parsed(text, base) as T
  }

  return {
    get: (path) => read(path, {}),
    send: async (method, path, { json, bytes, idempotencyKey } = {}) => {
      const init = { method, ...bodyOf(json, bytes, idempotencyKey) }
      if (idempotencyKey === undefined) return await read(path, init)
      return await again(() => read(path, init))
    },
    stream: async (path, sequence, signal) => {
      const headers = { Accept: 'text/event-stream', ...(sequence > 0 ? { 'Last-Event-ID': String(sequence) } : {}) }
      const response = await ask(path, { headers, signal })
      if (!response.ok) throw refusalOf(response, await response.text())
      if (!response.body) throw unreachable(base, new Error('its answer has no body'))
      return response.body
    },
  }
}

function toUrl(text: string): URL {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url
  throw new CloudError('invalid', `--url: "${text}" is no URL of a gateway; write http://127.0.0.1:8787`)
}

/** A token in a file is this host's: whoever runs what another URL leads to could use it. */
async function ownTokenFor({ hostname, host }: URL, stateDir: string): Promise<string> {
  const path = tokenPath(stateDir)
  if (!/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname))
    throw new CloudError(
      'unauthenticated',
      `${host} needs a token: set BELLHOP_TOKEN (the one in ${path} is for this host)`,
    )
  try {
    const token = (await readFile(path, 'utf8')).trim()
    if (token !== '') return token
  } catch {
    // Said below.
  }
  throw new CloudError(
    'unauthenticated',
    `there is no token in ${path}: "bellhop serve" of the same user makes it; for another gateway set BELLHOP_TOKEN`,
  )
}

function bodyOf(
  json: unknown,
  bytes: Uint8Array | undefined,
  idempotencyKey: string | undefined,
): Pick<RequestInit, 'headers' | 'body'> {
  const key = idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }
  if (bytes) return { headers: { ...key, 'Content-Type': 'application/octet-stream' }, body: Buffer.from(bytes) }
  if (json === undefined) return { headers: key }
  return { headers: { ...key, 'Content-Type': 'application/json' }, body: JSON.stringify(json) }
}

const TRIES = 5
const TRY_AGAIN_MS = 1000

/** Tries again where an answer was lost on its way: not where nobody was there to begin with. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isLost(error) || tries >= TRIES || (tries === 1 && codeOf(error.cause) === 'ECONNREFUSED')) throw error
      await sleep(TRY_AGAIN_MS)
    }
  }
}

/** Whether no answer came at all: a gateway that answers is asked no second time. */
function isLost(error: unknown): error is CloudError {
  return isCloudError(error, 'unavailable') && error.cause !== undefined
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}

function unreachable({ origin }: URL, cause: unknown): CloudError {
  const why = codeOf(cause) ?? reasonOf(cause)
  return new CloudError(
    'unavailable',
    `no gateway answers at ${origin} (${why}); start one with "bellhop serve", or give its --url`,
    {
      cause,
    },
  )
}

function parsed(text: string, { origin }: URL): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CloudError('provider-failed', `what answers at ${origin} is no gateway of Bellhop`)
  }
}

/** The gateway's refusal in its own words. */
function refusalOf({ status }: Response, text: string): CloudError {
  const code = CODES.find((each) => STATUS[each] === status) ?? 'provider-failed'
  const body = said(text)
  if (body) return new CloudError(CODES.find((each) => each === body.code) ?? code, body.message)
  return new CloudError(code, `the gateway answered ${status}: ${text.slice(0, 500)}`)
}

const CODES = Object.keys(STATUS) as ErrorCode[]

function said(text: string): { readonly code: unknown; readonly message: string } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const error = isObject(value) && isObject(value['error']) ? value['error'] : {}
    return typeof error['message'] === 'string' ? { code: error['code'], message: error['message'] } : undefined
  } catch {
    return undefined
  }
}
