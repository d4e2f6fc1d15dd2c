import { Buffer } from 'node:buffer'
import { isCloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { allowedMethods, headerValues, type GuardedHandler, type HttpRequest, type HttpResponse } from '../http.ts'
import { catalogueOf } from './catalogue.ts'
import { ENTITY, LINK, RESOURCE, type Definition } from './categories.ts'
import { createFrom, unionOf } from './collections.ts'
import { discovery } from './discovery.ts'
import { entitiesOf } from './entities.ts'
import type { Entities } from './entity-kind.ts'
import { fromError, refusal } from './error.ts'
import type { Exchange, Method, Resource } from './exchange.ts'
import { computeKind, type UserDataRules } from './kinds/compute.ts'
import { linkKind } from './kinds/links.ts'
import { networkKind } from './kinds/network.ts'
import { storageKind } from './kinds/storage.ts'
import { toPath } from './location.ts'
import { mixinCollection } from './mixin-collection.ts'
import { ACCEPTED, FALLBACK, requestCodec, responseCodec } from './negotiate.ts'
import type { Codec, Outcome } from './representation.ts'
import { listUsersMixins } from './users-mixins.ts'

const DISCOVERY: ReadonlySet<string> = new Set(['/-', '/.well-known/org/ogf/occi/-'])

/** Kinds that nothing is of directly: what lies there is what descends from them. */
const ABSTRACT: ReadonlySet<Definition> = new Set([ENTITY, RESOURCE, LINK])

/** What the OCCI front end is made of. */
export interface OcciOptions {
  readonly service: Service
  /** How clients reach us, without path: every URL we write starts with it. */
  readonly publicUrl: string
  /** Bellhop's version. */
  readonly version: string
  /** Default: base64, and never shown. */
  readonly userData?: UserDataRules
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
 * | `/compute/`, `/network/`, `/storage/`, `/networkinterface/`, `/storagelink/` | the entities of one kind |
 * | `/compute/{id}` and so on | one entity |
 * | `/` | every entity |
 * | the location of any other kind or mixin | the entities that carry it |
 *
 * @see GFD.221 (core), GFD.223 (HTTP), GFD.224 (infrastructure), GFD.226 (JSON), GFD.229 (text)
 */
export function occiFrontend(options: OcciOptions): GuardedHandler {
  const { service, version, userData = { encoding: 'base64', isShown: false } } = options
  const publicUrl = options.publicUrl.replace(/\/+$/, '')
  const kinds: readonly Entities[] = [
    entitiesOf(computeKind(service, userData), publicUrl),
    entitiesOf(networkKind(service), publicUrl),
    entitiesOf(storageKind(service), publicUrl),
    entitiesOf(linkKind(service, 'network'), publicUrl),
    entitiesOf(linkKind(service, 'volume'), publicUrl),
  ]
  const fixed: HttpResponse['headers'] = [
    ['Server', occiProduct(version)],
    ['Accept', ACCEPTED],
  ]
  const atDiscovery = discovery(service, kinds)
  const everything = unionOf(ENTITY, kinds, publicUrl)
  const atRoot: Resource = {
    ...everything,
    // OCCI 1.1's way to make one.
    methods: { ...everything.methods, POST: (exchange) => createFrom(exchange, kinds, exchange.read()) },
  }

  async function resourceAt(path: string, { catalogue }: Exchange): Promise<Resource | undefined> {
    if (DISCOVERY.has(path)) return atDiscovery
    if (path === '' || path === '/') return atRoot
    for (const entities of kinds) {
      const base = entities.kind.location ?? '\0'
      if (`${path}/` === base) return entities.all()
      const id = path.slice(base.length)
      if (path.startsWith(base) && !id.includes('/')) return entities.one(id)
    }
    // What is always there is there whether or not the clouds can tell their images now.
    const definition = ALWAYS.at(path) ?? (await catalogue()).at(path)
    if (!definition) return undefined
    return ABSTRACT.has(definition)
      ? unionOf(definition, kinds, publicUrl)
      : mixinCollection(definition, kinds, publicUrl)
  }

  async function outcomeOf(exchange: Exchange, codec: Codec | undefined): Promise<Outcome> {
    const { request } = exchange
    if (!codec) return refusal(406, `none of what you accept is written here; these are: ${ACCEPTED}`)
    if (isAbove12(request)) return refusal(501, 'this server speaks OCCI 1.1 and 1.2')
    const resource = await resourceAt(toPath(request.path), exchange)
    const where = request.path.slice(0, 200)
    if (!resource && request.method === 'PUT') return refusal(400, `nothing can be put at ${where}`)
    if (!resource) return refusal(404, `there is nothing at ${where}; GET /-/ lists what there is`)
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = resource.methods[method as Method]
    if (!route)
      return refusal(405, `${method.slice(0, 20)} is not allowed here`, [['Allow', allowedMethods(resource.methods)]])
    if (codec.listsOnly && !(resource.isList && method === 'GET'))
      return refusal(400, `${codec.contentType} shows lists of locations; there is none to show here`)
    if (isRead(request) && !requestCodec(request))
      return refusal(406, `the Content-Type is none that is read here; these are: ${ACCEPTED}`)
    return await route(exchange)
  }

  return async (request, caller) => {
    const codec = responseCodec(request)
    const exchange = toExchange(request, caller, service, codec ?? FALLBACK)
    try {
      return toResponse(await outcomeOf(exchange, codec), codec, fixed)
    } catch (error) {
      if (!isCloudError(error)) throw error
      return toResponse(fromError(error), codec, fixed)
    }
  }
}

const ALWAYS = catalogueOf()

/** Whether what the request says matters: most clients say nothing with DELETE. */
function isRead({ method, body }: HttpRequest): boolean {
  return method === 'POST' || method === 'PUT' || (method === 'DELETE' && body.byteLength > 0)
}

function toExchange(request: HttpRequest, caller: Caller, service: Service, codec: Codec): Exchange {
  const usersMixins = once(() => listUsersMixins(service, caller))
  return {
    request,
    caller,
    codec,
    read: () => (requestCodec(request) ?? FALLBACK).parse(request),
    usersMixins,
    catalogue: once(async () => {
      const [images, sizes] = await Promise.all([service.images(caller), service.sizes(caller)])
      const providers = [...new Set([...service.makers('volumes'), ...service.makers('networks')])]
      return catalogueOf({ images, sizes, providers, usersMixins: await usersMixins() })
    }),
  }
}

function once<T>(task: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => (done ??= task())
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

/** GFD.223 section 5.3: a client that wants a later version must be told. */
function isAbove12(request: HttpRequest): boolean {
  return headerValues(request, 'User-Agent').some((agent) => {
    const [, major = '0', minor = '0'] = /(?:^|\s)OCCI\/(\d{1,6})(?:\.(\d{1,6}))?/.exec(agent) ?? []
    return Number(major) > 1 || (Number(major) === 1 && Number(minor) > 2)
  })
}
