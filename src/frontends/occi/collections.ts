import { CloudError } from '../../model/errors.ts'
import type { Definition } from './categories.ts'
import { checkAction, checkEntity } from './check.ts'
import type { Entities, Listed } from './entity-kind.ts'
import { DONE, readOne, type Exchange, type Resource } from './exchange.ts'
import { carries, filterOf, type Filter } from './filter.ts'
import { pageOf } from './paging.ts'
import { typeId, type Outcome, type Representation } from './representation.ts'

/** Entities of one kind that were found. */
export type Found = readonly [entities: Entities, listed: readonly Listed[]]

/** A list of what was found, or the page of it that is asked for. */
export async function toCollection(found: readonly Found[], exchange: Exchange, publicUrl: string): Promise<Outcome> {
  const all = found.flatMap(([entities, listed]) => listed.map((each) => [entities, each] as const))
  const page = pageOf(all, exchange.request)
  const urls = page.map(([, { path }]) => `${publicUrl}${path}`)
  if (!exchange.codec.showsEntities) return { status: 200, answer: { shows: 'collection', urls } }
  const shown: Representation[] = []
  for (const [entities] of found) {
    const own = page.filter(([each]) => each === entities).map(([, listed]) => listed)
    if (own.length > 0) shown.push(...(await entities.represent(own, exchange)))
  }
  return { status: 200, answer: { shows: 'collection', urls, entities: shown } }
}

/**
 * Makes what a request names, where that is of one of these kinds.
 *
 * @throws {CloudError} invalid when it names nothing, or things of several kinds
 */
export async function createFrom(
  exchange: Exchange,
  kinds: readonly Entities[],
  representations: readonly Representation[],
): Promise<Outcome> {
  const catalogue = await exchange.catalogue()
  const checked = representations.map((representation) => checkEntity(representation, catalogue))
  const [first, ...more] = new Set(checked.map(({ kind }) => kind))
  if (!first) throw new CloudError('invalid', 'there is nothing in the body to be made')
  const entities = kinds.find(({ kind }) => kind === first)
  if (more.length > 0 || !entities) {
    const can = kinds.map(({ kind }) => kind.term).join(', ')
    throw new CloudError('invalid', `${[first, ...more].map(({ term }) => term).join(', ')}: here one can make ${can}`)
  }
  return await entities.create(checked, exchange)
}

/**
 * Acts on all of them, or on none; those that are where the action leads to are left as they are.
 *
 * @throws {CloudError} conflict when the state of one does not allow it
 */
export async function actOn(found: readonly Found[], action: Definition, exchange: Exchange): Promise<Outcome> {
  const attributes = checkAction(readOne(exchange), action)
  // Lists show what was last seen; what an action may do depends on what is.
  const fresh = found.flatMap(([entities, listed]) => listed.map(({ id }) => entities.get(id, exchange)))
  const all = (await Promise.all(fresh)).filter(({ isDone }) => !isDone(action))
  const unfit = all.find(({ allows }) => !allows(action))
  if (unfit) throw new CloudError('conflict', `${unfit.path} cannot ${action.term} now; none was touched`)
  for (const { act } of all) await act(action, attributes)
  return DONE
}

/** Everything that is of a kind, or of one that descends from it: `/`, `/entity/`, `/resource/`, `/link/`. */
export function unionOf(definition: Definition, kinds: readonly Entities[], publicUrl: string): Resource {
  return {
    isList: true,
    methods: { GET: (exchange) => listAll(exchange, definition, kinds, publicUrl) },
  }
}

/** All entities of these kinds that carry the definition and pass the request's filter. */
export async function listAll(
  exchange: Exchange,
  definition: Definition,
  kinds: readonly Entities[],
  publicUrl: string,
): Promise<Outcome> {
  const found = await findAll(exchange, definition, kinds, filterOf(exchange.request))
  return await toCollection(found, exchange, publicUrl)
}

/** All entities of these kinds that carry the definition and pass the filter. */
export async function findAll(
  exchange: Exchange,
  definition: Definition,
  kinds: readonly Entities[],
  filter: Filter,
): Promise<readonly Found[]> {
  // What every entity of a kind is, need not be looked for on each.
  const able = kinds.filter(({ kind }) => canCarry(definition, kind))
  return await Promise.all(
    able.map(async (entities) => {
      const wanted = carries([entities.kind], [definition]) ? [] : [definition]
      return [entities, await entities.find(exchange, wanted, filter)] as const
    }),
  )
}

/** Whether an entity of this kind can carry it at all. */
function canCarry(definition: Definition, kind: Definition): boolean {
  if (definition.class === 'kind') return carries([kind], [definition])
  return !definition.applies || definition.applies.some((each) => typeId(each) === typeId(kind))
}
