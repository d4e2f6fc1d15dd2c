import { CloudError } from '../../model/errors.ts'
import type { Definition } from './categories.ts'
import { actOn, findAll, listAll, type Found } from './collections.ts'
import type { Entities, Listed } from './entity-kind.ts'
import { NO_FILTER } from './filter.ts'
import { DONE, type Exchange, type Resource } from './exchange.ts'
import { toPath } from './location.ts'
import { typeId, type Outcome, type Representation } from './representation.ts'

/**
 * Where a mixin lies: the entities that carry it. Those that clients made can be put on entities and taken away here.
 *
 * @see GFD.223 section 9
 */
export function mixinCollection(mixin: Definition, kinds: readonly Entities[], publicUrl: string): Resource {
  const id = typeId(mixin)

  const found = (exchange: Exchange): Promise<readonly Found[]> => findAll(exchange, mixin, kinds, NO_FILTER)
  const members = async (exchange: Exchange): Promise<readonly Listed[]> =>
    (await found(exchange)).flatMap(([, listed]) => listed)

  /** The entities that the body names. */
  async function named(exchange: Exchange): Promise<readonly Listed[]> {
    const locations = exchange.read().flatMap((representation) => locationsIn(representation, kinds))
    return await Promise.all(locations.map((location) => entityAt(location, kinds, exchange)))
  }

  async function act(exchange: Exchange): Promise<Outcome> {
    const term = exchange.request.query.get('action')
    const carrying = (await found(exchange)).filter(([, listed]) => listed.length > 0)
    // No two kinds have actions of one name.
    const able = carrying.length === 0 ? kinds : carrying.map(([{ kind }]) => ({ kind }))
    const action = able.flatMap(({ kind }) => kind.actions ?? []).find((each) => each.term === term)
    if (action) return await actOn(carrying, action, exchange)
    throw new CloudError('invalid', `action=${String(term).slice(0, 100)} is no action; GET /-/ lists all`)
  }

  function requireTag(): void {
    if (!mixin.isUsers)
      throw new CloudError(
        'conflict',
        `${id} comes with an entity when it is made; it cannot be put on it or taken away later`,
      )
  }

  const put = (listed: Listed): Promise<unknown> =>
    listed.tags.includes(id) ? Promise.resolve() : listed.tag([...listed.tags, id])
  const take = (listed: Listed): Promise<unknown> => listed.tag(listed.tags.filter((tag) => tag !== id))

  return {
    isList: true,
    methods: {
      GET: (exchange) => listAll(exchange, mixin, kinds, publicUrl),
      POST: async (exchange) => {
        if (exchange.request.query.has('action')) return await act(exchange)
        requireTag()
        for (const listed of await named(exchange)) await put(listed)
        return DONE
      },
      PUT: async (exchange) => {
        requireTag()
        const [wanted, before] = await Promise.all([named(exchange), members(exchange)])
        for (const listed of before) if (!wanted.some(({ path }) => path === listed.path)) await take(listed)
        for (const listed of wanted) await put(listed)
        return DONE
      },
      DELETE: async (exchange) => {
        requireTag()
        const wanted = await named(exchange)
        for (const listed of wanted.length === 0 ? await members(exchange) : wanted) await take(listed)
        return DONE
      },
    },
  }
}

/** Locations as such, or the entities whose kind and id JSON names. */
function locationsIn({ locations, categories, attributes }: Representation, kinds: readonly Entities[]): string[] {
  const id = attributes.get('occi.core.id')
  const entities = kinds.find(({ kind }) => categories.some((category) => typeId(category) === typeId(kind)))
  return [...locations, ...(entities && id !== undefined ? [`${entities.kind.location}${id}`] : [])]
}

/** @throws {CloudError} invalid when it is no entity's location; not-found */
async function entityAt(location: string, kinds: readonly Entities[], exchange: Exchange): Promise<Listed> {
  const path = toPath(location)
  for (const entities of kinds) {
    const base = entities.kind.location ?? '/'
    if (path.startsWith(base)) return await entities.get(path.slice(base.length), exchange)
  }
  throw new CloudError('invalid', `${location.slice(0, 200)} is no location of an entity`)
}
