import type { CloudError } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'
import type { Call } from '../provider.ts'
import { endpointOf, hasService, versionRoot } from './catalogue.ts'
import type { Service } from './clouds-settings.ts'
import { toFault } from './faults.ts'
import type { Keystone } from './keystone.ts'
import type { Token, TokenOwner } from './token-facts.ts'

/** A request to one service of the cloud. */
export interface ServiceRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's versioned endpoint, from `/` on; parts that come from outside are encoded by the caller. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly json?: unknown
  /** `2.90`; absent: what the service takes for the oldest client. @see Nova, API reference: Microversions */
  readonly microversion?: string
  /** Asks the version's own root: some catalogues have the project's id behind it. */
  readonly atVersion?: boolean
  /** Statuses that are answers too, besides 200 to 299. */
  readonly accepts?: readonly number[]
  /** Whether doing it twice is as good as once (default: GET, HEAD and DELETE). */
  readonly isSafe?: boolean
}

/** A project of the cloud, for the time of one call, with the rights that the call has. */
export interface Session {
  /** Of the token. */
  readonly project: TokenOwner['project']
  readonly user: TokenOwner['user']
  /** Whether the cloud has the service at all. */
  readonly has: (service: Service) => boolean
  /**
   * Asks a service. A token that is refused is renewed once, where it is ours.
   *
   * @throws {CloudError} invalid (400), forbidden (403), not-found (404), conflict (409, or a quota), too-large (413),
   *   unsupported (no such service, microversion or action); unauthenticated where a caller's own token is refused;
   *   unavailable, timeout (then a request that is not safe may have been done), rate-limited, provider-failed
   */
  readonly request: (service: Service, request: ServiceRequest) => Promise<HttpAnswer>
}

/** The token of a session, and what is done when a service does not take it. */
export interface SessionToken {
  readonly token: Token
  /** Another token. @throws {CloudError} where there is none to be had */
  readonly replace: (refused: Token) => Promise<Token>
  /** The error for the second refusal. */
  readonly refusal: (what: string) => CloudError
}

export function openSession(keystone: Keystone, { token: first, replace, refusal }: SessionToken, call: Call): Session {
  const { name, settings, http } = keystone
  let token = first

  async function send(service: Service, request: ServiceRequest, what: string): Promise<HttpAnswer> {
    const { method, path, query = {}, json, microversion, atVersion = false, isSafe } = request
    const endpoint = endpointOf(service, token, settings)
    return http.request({
      what,
      method,
      url: `${atVersion ? versionRoot(endpoint) : endpoint}${path}${queryOf(query)}`,
      headers: {
        // Glance answers with HTML where nothing is said.
        accept: 'application/json',
        'x-auth-token': token.value,
        ...(microversion === undefined ? {} : { 'openstack-api-version': `${service} ${microversion}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      call,
      // One service may be busy while others are not, and limits are counted for each user.
      server: `${service} for ${token.user.id}`,
      ...(isSafe === undefined ? {} : { isSafe }),
    })
  }

  return {
    project: first.project,
    user: first.user,
    has: (service) => hasService(service, token, settings),
    request: async (service, request) => {
      const what = `${name}: ${service} ${request.method} ${request.path}`
      let answer = await send(service, request, what)
      if (answer.status === 401) {
        token = await replace(token)
        answer = await send(service, request, what)
        if (answer.status === 401) throw refusal(what)
      }
      const isFine = (answer.status >= 200 && answer.status < 300) || request.accepts?.includes(answer.status) === true
      if (isFine) return answer
      throw toFault(what, answer, request.json)
    },
  }
}

function queryOf(query: NonNullable<ServiceRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [key, each]),
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}
