import { Buffer } from 'node:buffer'
import { isCloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { headerValues, type GuardedHandler, type HttpRequest, type HttpResponse } from '../http.ts'
import { catalogueOf, discover } from './catalogue.ts'
import { COMPUTE, ENTITY } from './categories.ts'
import { computeResources, type Exchange, type Method, type Resource } from './compute.ts'
import { fromError, refusal } from './error.ts'
import { filterOf } from './filter.ts'
import { ACCEPTED, FALLBACK, requestCodec, responseCodec } from './negotiate.ts'
import type { Codec, Outcome } from './representation.ts'

const DISCOVERY: ReadonlySet<string> = new Set(['/-', '/.well-known/org/ogf/occi/-'])

/** What the OCCI front end is made of. */
export interface OcciOptions {
  readonly service: Service
  /** How clients reach us, without path: every URL we write starts with it. */
  readonly publicUrl: string
  /** Bellhop's version. */
  readonly version: string
}

/** The value of `Server`; clients look for both versions of OCCI in it. */
export function occiProduct(version: string): string {
  return `bellhop/${version} OCCI/1.1 OCCI/1.2`
}

/**
 * OCCI 1.1 and 1.2 over HTTP.
 *
 * | path | what lies there |
 * |---|---|
 * | `/-/`, `/.well-known/org/ogf/occi/-/` | discovery: all kinds, mixins and actions |
 * | `/compute/`, `/compute/{id}` | computes, which are our instances |
 * | `/` | every entity |
 * | the location of any other kind or mixin | the entities that carry it |
 *
 * @see GFD.221 (core), GFD.223 (HTTP), GFD.224 (infrastructure), GFD.229 (text)
 */
export function occiFrontend({ service, publicUrl, version }: OcciOptions): GuardedHandler {
  const computes = computeResources({ service, publicUrl: publicUrl.replace(/\/+$/, '') })
  const fixed: HttpResponse['headers'] = [
    ['Server', occiProduct(version)],
    ['Accept', ACCEPTED],
  ]

  async function resourceAt(path: string, { catalogue }: Exchange): Promise<Resource | undefined> {
    if (DISCOVERY.has(path)) return DISCOVERY_RESOURCE
    if (path === '') return computes.root(ENTITY)
    const slash = path.lastIndexOf('/')
    if (path.slice(0, slash + 1) === COMPUTE.location) return computes.one(path.slice(slash + 1))
    // Computes are there whether or not the clouds can tell their images now.
    const definition = ALWAYS.at(path) ?? (await catalogue()).at(path)
    return definition === COMPUTE ? computes.all() : definition && computes.carrying(definition)
  }

  async function outcomeOf(exchange: Exchange, codec: Codec | undefined): Promise<Outcome> {
    const { request } = exchange
    if (!codec) return refusal(406, `none of what you accept is written here; these are: ${ACCEPTED}`)
    if (isAbove12(request)) return refusal(501, 'this server speaks OCCI 1.1 and 1.2')
    const resource = await resourceAt(toPath(request.path), exchange)
    if (!resource) return refusal(404, `there is nothing at ${request.path.slice(0, 200)}; GET /-/ lists what there is`)
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = resource.methods[method as Method]
    if (!route) return refusal(405, `${method.slice(0, 20)} is not allowed here`, [['Allow', allowed(resource)]])
    if (codec.listsOnly && !(resource.isList && method === 'GET'))
      return refusal(400, `${codec.contentType} shows lists of locations; there is none to show here`)
    if (method === 'POST' && !requestCodec(request))
      return refusal(406, `the Content-Type is none that is read here; these are: ${ACCEPTED}`)
    return await route(exchange)
  }

  return async (request, caller) => {
    const exchange = toExchange(request, caller, service)
    const codec = responseCodec(request)
    try {
      return toResponse(await outcomeOf(exchange, codec), codec, fixed)
    } catch (error) {
      if (!isCloudError(error)) throw error
      return toResponse(fromError(error), codec, fixed)
    }
  }
}

const ALWAYS = catalogueOf([], [])

const DISCOVERY_RESOURCE: Resource = {
  isList: false,
  methods: {
    GET: async ({ request, catalogue }) => {
      const categories = discover(await catalogue(), filterOf(request).categories)
      return { status: 200, answer: { shows: 'categories', categories } }
    },
  },
}

function toExchange(request: HttpRequest, caller: Caller, service: Service): Exchange {
  return {
    request,
    caller,
    read: () => (requestCodec(request) ?? FALLBACK).parse(request),
    catalogue: async () => catalogueOf(...(await Promise.all([service.images(caller), service.sizes(caller)]))),
  }
}

function toResponse(outcome: Outcome, codec: Codec | undefined, fixed: HttpResponse['headers']): HttpResponse {
  const { status, answer, headers = [] } = outcome
  const writer = !codec || (codec.listsOnly && answer.shows === 'error') ? FALLBACK : codec
  const rendered = writer.render(answer)
  return {
    status,
    headers: [['Content-Type', writer.contentType], ...fixed, ...headers, ...rendered.headers],
    body: Buffer.from(rendered.body, 'utf8'),
  }
}

/** Clients put slashes at the end or not, and some double them. */
function toPath(path: string): string {
  return path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '')
}

function allowed({ methods }: Resource): string {
  return Object.keys(methods)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}

/** GFD.223 section 5.3: a client that wants a later version must be told. */
function isAbove12(request: HttpRequest): boolean {
  return headerValues(request, 'User-Agent').some((agent) => {
    const [, major = '0', minor = '0'] = /(?:^|\s)OCCI\/(\d{1,6})(?:\.(\d{1,6}))?/.exec(agent) ?? []
    return Number(major) > 1 || (Number(major) === 1 && Number(minor) > 2)
  })
}
