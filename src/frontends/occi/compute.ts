import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Caller, Instance } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { headerValues, type HttpRequest } from '../http.ts'
import { COMPUTE, COMPUTE_ACTIONS, type Definition } from './categories.ts'
import { checkAction, checkEntity } from './check.ts'
import type { Catalogue } from './catalogue.ts'
import { carries, filterOf, hasAll } from './filter.ts'
import { allows, definitionsOf, fromInstance, pathOf, toAction, toSpec, type OcciAction } from './map.ts'
import { typeId, type Outcome, type Representation } from './representation.ts'

/** One request on its way through a route. */
export interface Exchange {
  readonly request: HttpRequest
  readonly caller: Caller
  /** What the request says. @throws {CloudError} invalid when it cannot be read */
  readonly read: () => Representation
  readonly catalogue: () => Promise<Catalogue>
}

/** Methods of one URL; HEAD is GET. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** What lies at one URL. */
export interface Resource {
  /** Whether GET gives locations, which alone text/uri-list can show. */
  readonly isList: boolean
  readonly methods: Readonly<Partial<Record<Method, (exchange: Exchange) => Promise<Outcome>>>>
}

/** More would only repeat themselves. */
const WARNINGS_MAX = 10

/** Computes, alone and as collections. */
export function computeResources({ service, publicUrl }: { readonly service: Service; readonly publicUrl: string }) {
  const urlOf = ({ id }: Instance): string => `${publicUrl}${pathOf(id)}`

  async function represent(instance: Instance, caller: Caller): Promise<Representation> {
    return fromInstance(instance, await service.events(instance.id, caller))
  }

  /** The caller's computes that carry `definition`. */
  async function list({ request, caller }: Exchange, definition: Definition): Promise<Outcome> {
    const filter = filterOf(request)
    const found = (await service.list(caller)).filter((instance) => {
      const definitions = definitionsOf(instance)
      return carries(definitions, [definition, ...filter.categories])
    })
    const urls: string[] = []
    for (const instance of found)
      if (filter.attributes.size === 0 || hasAll(await represent(instance, caller), filter)) urls.push(urlOf(instance))
    return { status: 200, answer: { shows: 'collection', urls } }
  }

  async function create(exchange: Exchange): Promise<Outcome> {
    const { request, caller } = exchange
    const checked = checkEntity(exchange.read(), await exchange.catalogue())
    if (checked.kind !== COMPUTE) throw new CloudError('invalid', `${typeId(checked.kind)} cannot be created here`)
    const { spec, warnings } = toSpec(checked)
    const [idempotencyKey] = headerValues(request, 'Idempotency-Key')
    const instance = await service.create({ spec, ...(idempotencyKey ? { idempotencyKey } : {}) }, caller)
    const url = urlOf(instance)
    return { status: 201, answer: { shows: 'created', url }, headers: [['Location', url], ...toHeaders(warnings)] }
  }

  async function act(id: string, exchange: Exchange): Promise<Outcome> {
    const { term, method } = wantedAction(exchange)
    const { state } = await service.get(id, exchange.caller)
    const instance = await service.act(id, toAction(term, state), exchange.caller, method)
    return { status: 200, answer: { shows: 'entity', entity: await represent(instance, exchange.caller) } }
  }

  async function actOnAll(exchange: Exchange): Promise<Outcome> {
    const { term, method } = wantedAction(exchange)
    const listed = await service.list(exchange.caller)
    const all = await Promise.all(listed.map(({ id }) => service.get(id, exchange.caller)))
    const unfit = all.find(({ state }) => !allows(state, term))
    if (unfit)
      throw new CloudError('conflict', `${pathOf(unfit.id)} is ${unfit.state} and cannot ${term}; none was touched`)
    for (const { id, state } of all) await service.act(id, toAction(term, state), exchange.caller, method)
    return DONE
  }

  async function deleteAll({ caller }: Exchange): Promise<Outcome> {
    for (const { id } of await service.list(caller))
      await service.delete(id, caller).catch((error: unknown) => {
        // Another request was faster.
        if (!isCloudError(error, 'not-found')) throw error
      })
    return DONE
  }

  return {
    /** `/compute/`. */
    all: (): Resource => ({
      isList: true,
      methods: {
        GET: (exchange) => list(exchange, COMPUTE),
        POST: (exchange) => (exchange.request.query.has('action') ? actOnAll(exchange) : create(exchange)),
        DELETE: deleteAll,
      },
    }),
    /** `/`: every entity there is, and OCCI 1.1's way to make one. */
    root: (definition: Definition): Resource => ({
      isList: true,
      methods: { GET: (exchange) => list(exchange, definition), POST: create },
    }),
    /** Where a kind or mixin lies: those that carry it. */
    carrying: (definition: Definition): Resource => ({
      isList: true,
      methods: { GET: (exchange) => list(exchange, definition) },
    }),
    /** `/compute/{id}`. */
    one: (id: string): Resource => ({
      isList: false,
      methods: {
        GET: async ({ caller }) => {
          const entity = await represent(await service.get(id, caller), caller)
          return { status: 200, answer: { shows: 'entity', entity } }
        },
        POST: (exchange) => act(id, exchange),
        DELETE: async ({ caller }) => {
          await service.delete(id, caller)
          return DONE
        },
      },
    }),
  }
}

// OCCI clients expect 200 where HTTP would say 204.
const DONE: Outcome = { status: 200, answer: { shows: 'nothing' } }

function wantedAction(exchange: Exchange): { readonly term: OcciAction; readonly method: string | undefined } {
  const term = exchange.request.query.get('action')
  if (term === null)
    throw new CloudError('unsupported', 'a compute cannot be changed once made; an action needs ?action= in the URL')
  if (!isAction(term))
    throw new CloudError(
      'invalid',
      `action=${term.slice(0, 100)} is none of ${Object.keys(COMPUTE_ACTIONS).join(', ')}`,
    )
  return { term, method: checkAction(exchange.read(), COMPUTE_ACTIONS[term]) }
}

function isAction(term: string): term is OcciAction {
  return Object.hasOwn(COMPUTE_ACTIONS, term)
}

/** RFC 7234 section 5.5: OCCI has no place for warnings, and clients leave this header aside. */
function toHeaders(warnings: readonly string[]): NonNullable<Outcome['headers']> {
  return warnings.slice(0, WARNINGS_MAX).map((text) => {
    const printable = text
      .slice(0, 300)
      .replaceAll(/[^\x20-\x7E]/g, '?')
      .replaceAll(/["\\]/g, "'")
    return ['Warning', `299 bellhop "${printable}"`]
  })
}
