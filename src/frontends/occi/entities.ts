import { CloudError, isCloudError } from '../../model/errors.ts'
import { headerValues } from '../http.ts'
import { warningHeaders } from '../warnings.ts'
import type { Definition } from './categories.ts'
import { checkAction, checkEntity, type CheckedEntity } from './check.ts'
import { actOn, createFrom, toCollection } from './collections.ts'
import type { Changed, Entities, Entity, EntityKind, Listed } from './entity-kind.ts'
import { DONE, readOne, type Exchange } from './exchange.ts'
import { carries, filterOf, hasAll, NO_FILTER, type Filter } from './filter.ts'
import { typeId, type Outcome, type Representation } from './representation.ts'

/** The routes of one kind. @param publicUrl without slash at its end */
export function entitiesOf<T extends Entity>(kind: EntityKind<T>, publicUrl: string): Entities {
  const base = kind.kind.location ?? '/'
  const pathOf = ({ id }: Entity): string => `${base}${id}`
  // What was found is kept with its listing, so that nothing is asked twice.
  const found = new WeakMap<Listed, T>()

  const locationOf = (entity: T) => ['Location', `${publicUrl}${pathOf(entity)}`] as const

  function toListed(entity: T, exchange: Exchange): Listed {
    const listed: Listed = {
      id: entity.id,
      path: pathOf(entity),
      tags: kind.tags(entity),
      tag: (mixins) => kind.tag(entity, mixins, exchange),
      act: (action, attributes) => kind.act(entity, action, attributes, exchange),
      allows: (action) => kind.kind.actions?.includes(action) === true && kind.allows(entity, action),
      isDone: (action) => {
        const target = kind.target?.(action)
        return target !== undefined && kind.state?.(entity) === target
      },
    }
    found.set(listed, entity)
    return listed
  }

  async function represent(listed: readonly Listed[], exchange: Exchange): Promise<readonly Representation[]> {
    const entities = listed.map((each) => found.get(each)).filter((entity) => entity !== undefined)
    return await kind.represent(entities, exchange)
  }

  async function shown(entity: T, exchange: Exchange): Promise<Representation> {
    const [representation] = await kind.represent([entity], exchange)
    if (!representation) throw new Error(`${kind.kind.term} ${entity.id} has no representation`)
    return representation
  }

  async function find(exchange: Exchange, wanted: readonly Definition[], filter: Filter): Promise<readonly Listed[]> {
    const all = await kind.list(exchange.caller)
    const narrow = [...wanted, ...filter.categories].filter((category) => typeId(category) !== typeId(kind.kind))
    const usersMixins = narrow.length === 0 ? [] : await exchange.usersMixins()
    const carrying =
      narrow.length === 0 ? all : all.filter((entity) => carries(kind.definitions(entity, usersMixins), narrow))
    if (filter.attributes.size === 0) return carrying.map((entity) => toListed(entity, exchange))
    const representations = await kind.represent(carrying, exchange)
    return carrying.flatMap((entity, index) => {
      const representation = representations[index]
      return representation && hasAll(representation, filter) ? [toListed(entity, exchange)] : []
    })
  }

  async function create(checked: readonly CheckedEntity[], exchange: Exchange, id?: string): Promise<Outcome> {
    const { request, codec } = exchange
    const [idempotencyKey] = headerValues(request, 'Idempotency-Key')
    // All of them are checked before the first is made.
    const isAlone = checked.length === 1
    if (!isAlone && idempotencyKey)
      throw new CloudError('invalid', 'an Idempotency-Key is for one entity; send each on its own')
    const rest = { isAlone, ...(id === undefined ? {} : { id }), ...(idempotencyKey ? { idempotencyKey } : {}) }
    const makers: (() => Promise<Changed<T>>)[] = []
    for (const each of checked) makers.push(await kind.prepare({ checked: each, ...rest }, exchange))
    const made: Changed<T>[] = []
    try {
      for (const make of makers) made.push(await make())
    } catch (error) {
      for (const { entity } of made) await kind.delete(entity.id, exchange).catch(() => {})
      throw error
    }
    const warnings = warningHeaders(made.flatMap(({ warnings }) => warnings))
    const entities = codec.showsEntities
      ? await kind.represent(
          made.map(({ entity }) => entity),
          exchange,
        )
      : []
    const urls = made.map(({ entity }) => `${publicUrl}${pathOf(entity)}`)
    const [url = '', ...others] = urls
    if (others.length > 0) return { status: 201, answer: { shows: 'collection', urls, entities }, headers: warnings }
    const [entity] = entities
    return {
      status: 201,
      answer: { shows: 'created', url, ...(entity ? { entity } : {}) },
      headers: [['Location', url], ...warnings],
    }
  }

  function actionOf({ request }: Exchange): Definition {
    const term = request.query.get('action') ?? ''
    const action = kind.kind.actions?.find((each) => each.term === term)
    if (action) return action
    const can = kind.kind.actions?.map((each) => each.term).join(', ') ?? 'none'
    throw new CloudError('invalid', `action=${term.slice(0, 100)}: the actions of a ${kind.kind.term} are: ${can}`)
  }

  async function actOnAll(exchange: Exchange): Promise<Outcome> {
    return await actOn([[self, await find(exchange, [], NO_FILTER)]], actionOf(exchange), exchange)
  }

  async function act(id: string, exchange: Exchange): Promise<Outcome> {
    const action = actionOf(exchange)
    const attributes = checkAction(readOne(exchange), action)
    const result = await kind.act(await kind.get(id, exchange.caller), action, attributes, exchange)
    return 'made' in result
      ? { status: 200, answer: { shows: 'categories', categories: [result.made] } }
      : { status: 200, answer: { shows: 'entity', entity: await shown(result.entity, exchange) } }
  }

  async function update(id: string, exchange: Exchange, isWhole: boolean): Promise<Outcome> {
    const entity = await kind.get(id, exchange.caller)
    const checked = checkEntity(readOne(exchange), await exchange.catalogue(), kind.kind)
    const { entity: changed, warnings } = await kind.update(entity, checked, isWhole, exchange)
    return {
      status: 200,
      answer: { shows: 'entity', entity: await shown(changed, exchange) },
      // jOCCI reads from the answer to a PUT where the entity is.
      headers: [...(isWhole && exchange.codec.inHeaders ? [locationOf(changed)] : []), ...warningHeaders(warnings)],
    }
  }

  async function put(id: string, exchange: Exchange): Promise<Outcome> {
    try {
      return await update(id, exchange, true)
    } catch (error) {
      if (!isCloudError(error, 'not-found')) throw error
    }
    // roboconf makes its machines so.
    const checked = checkEntity(readOne(exchange), await exchange.catalogue(), kind.kind)
    return await create([checked], exchange, id)
  }

  async function deleteAll(exchange: Exchange): Promise<Outcome> {
    const all = await kind.list(exchange.caller)
    for (const { id } of all.filter((entity) => kind.isForAll?.(entity) !== true))
      await kind.delete(id, exchange).catch((error: unknown) => {
        // Another request was faster.
        if (!isCloudError(error, 'not-found')) throw error
      })
    return DONE
  }

  const self: Entities = {
    kind: kind.kind,
    find,
    represent,
    get: async (id, exchange) => toListed(await kind.get(id, exchange.caller), exchange),
    create,
    all: () => ({
      isList: true,
      methods: {
        GET: async (exchange) => {
          const filter = filterOf(exchange.request)
          return await toCollection([[self, await find(exchange, [], filter)]], exchange, publicUrl)
        },
        POST: async (exchange) =>
          exchange.request.query.has('action')
            ? await actOnAll(exchange)
            : await createFrom(exchange, [self], exchange.read()),
        DELETE: deleteAll,
      },
    }),
    one: (id) => ({
      isList: false,
      methods: {
        GET: async (exchange) => ({
          status: 200,
          answer: { shows: 'entity', entity: await shown(await kind.get(id, exchange.caller), exchange) },
        }),
        POST: (exchange) => (exchange.request.query.has('action') ? act(id, exchange) : update(id, exchange, false)),
        PUT: (exchange) => put(id, exchange),
        DELETE: async (exchange) => {
          await kind.delete(id, exchange)
          return DONE
        },
      },
    }),
  }
  return self
}
