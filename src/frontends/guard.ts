import { Buffer } from 'node:buffer'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
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
  return `Keystone uri='${uri.replaceAll("'", '%27')}'`
}

/** Whom the guard let in, or the answer for one whom it did not. */
type Admission = { readonly caller: Caller } | { readonly refusal: HttpResponse }

/** Asked with a request's headers alone, before its body is read. */
export type Guard = (request: Pick<HttpRequest, 'headers'>) => Promise<Admission>

/** How the guard finds out who asks. */
export interface GuardOptions {
  /**
   * Whose token it is; `undefined` when nobody's.
   *
   * @param issuerName the user name of `Authorization: Basic`: who gave the token, where several could have
   * @throws {CloudError} unauthenticated with the reason; another code where that could not be found out
   */
  readonly authenticate: (token: string, issuerName?: string) => Promise<Caller | undefined>
  /** The one `WWW-Authenticate` of a 401: a second challenge breaks OCCI clients. Default: Basic. */
  readonly challenge?: string
}

/**
 * Lets in those whose credential is known. A token may come as `Authorization: Bearer`, as `X-Auth-Token` or as the
 * password of `Authorization: Basic`: it is the same token each time. Basic's user name may tell who gave it.
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
    const shown = shownIn(request)
    const [first] = shown
    if (!first) return refuse('this needs a credential')
    // Two that differ leave open whose rights are meant.
    if (shown.some(({ token }) => token !== first.token)) return refuse('there are two different credentials')
    const issuerName = shown.find(({ user }) => user !== undefined)?.user
    try {
      const caller = await authenticate(first.token, issuerName)
      return caller === undefined ? refuse('the credential is not known here') : { caller }
    } catch (error) {
      if (!isCloudError(error)) throw error
      if (error.code === 'unauthenticated') return refuse(error.message)
      const response = textResponse(STATUS[error.code], `the credential cannot be checked now: ${error.message}`)
      return { refusal: { ...response, headers: [...response.headers, ...retryHeaders(error.code)] } }
    }
  }
}

/** Whether a request shows any credential, be it known or not. */
export function hasCredential(request: Pick<HttpRequest, 'headers'>): boolean {
  return ['X-Auth-Token', 'Authorization'].some((name) => headerValues(request, name).length > 0)
}

/** A token, and who gave it, where that is said. */
interface Shown {
  readonly token: string
  readonly user?: string
}

function shownIn(request: Pick<HttpRequest, 'headers'>): readonly Shown[] {
  const found = [
    ...headerValues(request, 'X-Auth-Token').map((value) => ({ token: value.trim() })),
    ...headerValues(request, 'Authorization').flatMap(shownBy),
  ]
  return found.filter(({ token }) => token !== '')
}

function shownBy(authorization: string): readonly Shown[] {
  const [, scheme, credentials = ''] = /^\s*(\S+)\s+(\S+)\s*$/.exec(authorization) ?? []
  if (scheme?.toLowerCase() === 'bearer') return [{ token: credentials }]
  if (scheme?.toLowerCase() !== 'basic') return []
  const pair = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? [] : [{ user: pair.slice(0, colon), token: pair.slice(colon + 1) }]
}
