import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { HttpAnswer, HttpClient } from '../../wire/http.ts'
import type { Call } from '../provider.ts'
import { toFault } from './faults.ts'
import { withVersion, type SynnefoSettings } from './kamakirc.ts'

/** A request to one service of the cloud. */
interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the service's versioned endpoint, from `/` on; parts that come from outside are encoded by the caller. */
  readonly path: string
  readonly json?: unknown
  /** Statuses that are answers too, besides 200 to 299. */
  readonly accepts?: readonly number[]
  /** Whether doing it twice is as good as once (default: GET and DELETE). */
  readonly isSafe?: boolean
}

/** Cyclades: its servers, and their networks. */
type Service = 'compute' | 'network'

/** The cloud, for the time of one call. */
export interface Session {
  /**
   * Asks a service.
   *
   * @throws {CloudError} as {@link toFault}; provider-failed where the token is refused; unavailable, timeout (then a request
   *   that is not safe may have been done), rate-limited
   */
  readonly request: (service: Service, request: ServiceRequest) => Promise<HttpAnswer>
}

/** Where each service is, versioned and without a slash at its end. */
export type Catalogue = Readonly<Record<Service, string>>

/** A Synnefo, and how it is reached. */
export interface Site {
  /** The provider's name, for people. */
  readonly name: string
  readonly settings: SynnefoSettings
  readonly http: HttpClient
}

const body = Compile(
  Type.Object({
    access: Type.Object({
      user: Type.Object({ id: Type.String() }),
      serviceCatalog: Type.Array(
        Type.Object({
          type: Type.String(),
          endpoints: Type.Array(
            Type.Object({
              publicURL: Type.String(),
              versionId: Type.Optional(Type.Union([Type.String(), Type.Null()])),
            }),
          ),
        }),
      ),
    }),
  }),
)

/**
 * Shows Astakos the token, which says where the services are.
 *
 * @throws {CloudError} provider-failed when the token is refused, or it is not as Astakos has it; unavailable, timeout,
 *   rate-limited
 * @see Synnefo, Identity API: Authenticate
 */
export async function authenticate({ name, settings, http }: Site, call: Call): Promise<Catalogue> {
  const what = `${name}: login`
  const answer = await http.request({
    what,
    method: 'POST',
    url: `${settings.authUrl}/tokens`,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { token: { id: settings.token } } }),
    call,
    // It makes nothing.
    isSafe: true,
  })
  if (answer.status === 401) throw refused(what, settings)
  if (answer.status !== 200) throw toFault(what, answer)
  const json = answer.json()
  if (!body.Check(json))
    throw new CloudError('provider-failed', `${what}: the answer is no catalogue as Astakos shows one; look at url`)
  const catalogue = json.access.serviceCatalog
  const endpointOf = (service: Service): string => {
    const endpoints = catalogue.filter(({ type }) => type === service).flatMap((each) => each.endpoints)
    const { publicURL: url = '' } = endpoints.find(({ versionId }) => versionId === 'v2.0') ?? endpoints[0] ?? {}
    if (/^https?:\/\/[^\s?#]+$/.test(url) && URL.canParse(url)) return withVersion(url)
    throw new CloudError('provider-failed', `${name}: the catalogue has no usable address for ${service}`)
  }
  return { compute: endpointOf('compute'), network: endpointOf('network') }
}

export function openSession({ name, settings, http }: Site, catalogue: Catalogue, call: Call): Session {
  return {
    request: async (service, { method, path, json, accepts = [], isSafe }) => {
      const what = `${name}: ${service} ${method} ${path}`
      const answer = await http.request({
        what,
        method,
        url: `${catalogue[service]}${path}`,
        headers: {
          accept: 'application/json',
          'x-auth-token': settings.token,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        call,
        ...(isSafe === undefined ? {} : { isSafe }),
      })
      const { status } = answer
      if ((status >= 200 && status < 300) || accepts.includes(status)) return answer
      throw status === 401 ? refused(what, settings) : toFault(what, answer, json)
    },
  }
}

/** It is the site's, and no caller can do anything about it. */
function refused(what: string, { cloud }: SynnefoSettings): CloudError {
  return new CloudError(
    'provider-failed',
    `${what}: the token of cloud "${cloud}" is refused: it is wrong or has ended; put the one that the site's pages show into the file, and start again`,
  )
}
