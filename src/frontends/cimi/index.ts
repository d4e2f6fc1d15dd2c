import { isCloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { allowedMethods, type GuardedHandler, type HttpHandler, type HttpRequest, type HttpResponse } from '../http.ts'
import { fromError, refusal, toResponse } from './answer.ts'
import { createExchange, type Exchange, type Outcome } from './exchange.ts'
import { entryPoint, isEntryPoint } from './entry-point.ts'
import { kindsOf } from './kinds/index.ts'
import { shownBy, type Follow } from './look.ts'
import { mountOf, ROOT, segmentsOf, TENANT_ROOT, urlOf, type Mounted } from './mount.ts'
import { DEFAULT, MEDIA_TYPES, requestCodec, requireVersion, responseCodec, type Codec } from './negotiate.ts'
import { formatOf, parseQuery } from './query.ts'
import { locate } from './route.ts'
import { collectionOf, routesAt, type Method, type Routes } from './routes.ts'

/** Where the front end lies on the API port. */
export const MOUNTS: readonly string[] = [ROOT, TENANT_ROOT]

/** Paths at which clients look for the entry point before they show who they are. */
export const ENTRY_POINTS: readonly string[] = [ROOT, `${ROOT}/`, `${ROOT}/cloudEntryPoint`]

/** What the CIMI front end is made of. */
export interface CimiOptions {
  readonly service: Service
  /** How clients reach us, without path: every URL we write starts with it. */
  readonly publicUrl: string
}

/** The front end, and the part of it that needs no credential. */
export interface CimiFrontend {
  /** Takes `/cimi`, `/cimiv1` and all below them. */
  readonly handler: GuardedHandler
  /** The entry point for those whom nobody knows: it tells where things are, and nothing of them. */
  readonly entryPoint: HttpHandler
}

/**
 * CIMI 1.1 over HTTP, in JSON and XML; 1.0 is the same here.
 *
 * | path below `/cimi` and `/cimiv1/{project}` | what lies there |
 * |---|---|
 * | `/`, `/cloudEntryPoint` | where everything else is |
 * | `/machines`, `/volumes`, `/jobs` … (`kinds/index.ts`) | a collection |
 * | `/machines/{id}` | one of its items |
 * | `/machines/{id}/disks` … | a collection of that item |
 * | `/machines/{id}/stop` … | an action on it |
 *
 * @see DSP0263 1.1.0
 */
export function cimiFrontend(options: CimiOptions): CimiFrontend {
  const publicUrl = options.publicUrl.replace(/\/+$/, '')
  const kinds = kindsOf(options.service)

  function followWithin({ base }: Mounted, exchange: Omit<Exchange, 'query'>): Follow {
    const plain = { ...exchange, query: parseQuery(new URLSearchParams()) }
    const follow: Follow = async (href) => {
      const located = locate(segmentsOf(href, base) ?? [], kinds)
      if (!located || located.verb !== undefined) return undefined
      try {
        return located.id === undefined
          ? await collectionOf(located, plain, follow)
          : await located.kind.get(located.id, plain)
      } catch (error) {
        if (isCloudError(error, 'not-found')) return undefined
        throw error
      }
    }
    return follow
  }

  function routesFor({ base, segments }: Mounted, follow: Follow): Routes | undefined {
    if (isEntryPoint(segments))
      return {
        GET: async ({ query }) => ({ status: 200, resource: await shownBy(query, entryPoint(base, kinds), follow) }),
      }
    const located = locate(segments, kinds)
    return located && routesAt(located, follow)
  }

  async function outcomeOf(
    request: HttpRequest,
    caller: Caller,
    writer: Codec,
    warn: Exchange['warn'],
  ): Promise<Outcome> {
    const mounted = mountOf(request.path, caller, publicUrl)
    const reader = requestCodec(request)
    const exchange = createExchange({
      request,
      caller,
      base: mounted.base,
      query: parseQuery(request.query),
      parse: (reader ?? writer).parse,
      warn,
    })
    const routes = routesFor(mounted, followWithin(mounted, exchange))
    if (!routes) {
      const start = urlOf(mounted.base, 'cloudEntryPoint')
      return refusal(
        404,
        'not-found',
        `there is nothing at ${request.path.slice(0, 200)}; ${start} tells what there is`,
      )
    }
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = routes[method as Method]
    if (!route)
      return refusal(405, 'unsupported', `${method.slice(0, 20)} is not allowed here`, [
        ['Allow', allowedMethods(routes)],
      ])
    if (!reader && request.body.byteLength > 0 && method !== 'GET')
      return refusal(415, 'invalid', `the Content-Type is none that is read here; these are: ${MEDIA_TYPES}`)
    return await route(exchange)
  }

  /** The rules that hold whoever asks, and what he asks for. */
  async function answer(
    request: HttpRequest,
    toOutcome: (writer: Codec, warn: Exchange['warn']) => Promise<Outcome>,
  ): Promise<HttpResponse> {
    const chosen = responseCodec(request, formatOf(request.query))
    if (!chosen) return toResponse(NOT_ACCEPTABLE, DEFAULT, request)
    const warnings: string[] = []
    try {
      requireVersion(request)
      const outcome = await toOutcome(chosen.codec, (text) => void warnings.push(text))
      return toResponse(outcome, chosen, request, warnings)
    } catch (error) {
      if (!isCloudError(error)) throw error
      // What was left aside is often what is missing.
      return toResponse(fromError(error), chosen, request, warnings)
    }
  }

  return {
    handler: (request, caller) => answer(request, (writer, warn) => outcomeOf(request, caller, writer, warn)),
    entryPoint: (request) =>
      answer(request, async () => {
        if (!isRead(request.method))
          return refusal(405, 'unsupported', 'the entry point can only be read', [['Allow', 'GET, HEAD']])
        const resource = entryPoint(`${publicUrl}${ROOT}`, kinds)
        // Where the references lead is for those whom we know.
        return { status: 200, resource: await shownBy(parseQuery(request.query), resource, async () => undefined) }
      }),
  }
}

const NOT_ACCEPTABLE = refusal(406, 'invalid', `none of what you accept is written here; these are: ${MEDIA_TYPES}`)

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}
