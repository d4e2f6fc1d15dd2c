import { Buffer } from 'node:buffer'
import type { ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { headerValues, textResponse, type HttpRequest, type HttpResponse } from './http.ts'

/** What each error is in HTTP; a front end may override a row in its `error.ts`. */
export const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'rate-limited': 429,
  unsupported: 501,
  'provider-failed': 502,
  unavailable: 503,
  timeout: 504,
} as const satisfies Record<ErrorCode, number>

/** After how many seconds a client may ask again. */
const RETRY_AFTER_S: Readonly<Partial<Record<ErrorCode, number>>> = { unavailable: 5, 'rate-limited': 5, timeout: 5 }

/** Tells when to ask again, where that may help. */
export function retryHeaders(code: ErrorCode): HttpResponse['headers'] {
  const seconds = RETRY_AFTER_S[code]
  return seconds === undefined ? [] : [['Retry-After', `${seconds}`]]
}

/**
 * Tells OCCI clients where to get a token. They match it by regular expressions: single quotes, nothing behind it.
 *
 * @param uri Keystone's, without version and without slash at its end
 */
export function keystoneChallenge(uri: string): string {
  return `Keystone uri='${uri}'`
}

/** Whom the guard let in, or the answer for one whom it did not. */
type Admission = { readonly caller: Caller } | { readonly refusal: HttpResponse }

/** Asked with a request's headers alone, before its body is read. */
export type Guard = (request: Pick<HttpRequest, 'headers'>) => Promise<Admission>

/** How the guard finds out who asks. */
export interface GuardOptions {
  /** Whose token it is; `undefined` when nobody's. */
  readonly authenticate: (token: string) => Promise<Caller | undefined>
  /** The one `WWW-Authenticate` of a 401: a second challenge breaks OCCI clients. Default: Basic. */
  readonly challenge?: string
}

/**
 * Lets in those whose credential is known. A token may come as `Authorization: Bearer`, as `X-Auth-Token` or as the
 * password of `Authorization: Basic` (any user name): it is the same token each time.
 */
export function createGuard({ authenticate, challenge = 'Basic realm="bellhop"' }: GuardOptions): Guard {
  function refuse(why: string): Admission {
    const response = textResponse(
      STATUS.unauthenticated,
      `${why}; send a token as "Authorization: Bearer …", "X-Auth-Token: …" or as a Basic password`,
    )
    return { refusal: { ...response, headers: [...response.headers, ['WWW-Authenticate', challenge]] } }
  }

  return async (request) => {
    const tokens = tokensOf(request)
    if (tokens.length === 0) return refuse('this needs a credential')
    // Two that differ leave open whose rights are meant.
    if (tokens.length > 1) return refuse('there are two different credentials')
    const caller = await authenticate(tokens[0] ?? '')
    return caller === undefined ? refuse('the credential is not known here') : { caller }
  }
}

/** Whether a request shows any credential, be it known or not. */
export function hasCredential(request: Pick<HttpRequest, 'headers'>): boolean {
  return ['X-Auth-Token', 'Authorization'].some((name) => headerValues(request, name).length > 0)
}

function tokensOf(request: Pick<HttpRequest, 'headers'>): readonly string[] {
  const found = [
    ...headerValues(request, 'X-Auth-Token').map((value) => value.trim()),
    ...headerValues(request, 'Authorization').map(tokenIn),
  ]
  return [...new Set(found.filter((token) => token !== undefined && token !== ''))] as readonly string[]
}

function tokenIn(authorization: string): string | undefined {
  const [, scheme, credentials = ''] = /^\s*(\S+)\s+(\S+)\s*$/.exec(authorization) ?? []
  if (scheme?.toLowerCase() === 'bearer') return credentials
  if (scheme?.toLowerCase() !== 'basic') return undefined
  const pair = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? undefined : pair.slice(colon + 1)
}
