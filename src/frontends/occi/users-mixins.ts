import { CloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { warningHeaders } from '../warnings.ts'
import { catalogueOf, toCategory, type Catalogue } from './catalogue.ts'
import { usersMixin, type Definition } from './categories.ts'
import { findAll } from './collections.ts'
import type { Entities } from './entity-kind.ts'
import { NO_FILTER } from './filter.ts'
import { DONE, type Exchange } from './exchange.ts'
import { toPath } from './location.ts'
import { toPlainText, typeId, type Category, type Outcome } from './representation.ts'

/** What we keep of one, by its type id. */
type Kept = Required<Pick<Category, 'term' | 'scheme' | 'title' | 'location'>> & Pick<Category, 'rel'>

const LABEL = 'occi.mixin '
/** A project's mixins are read with every request. */
const MIXINS_MAX = 200
const TEXT_MAX_LENGTH = 255
const ALWAYS = catalogueOf()
/** Paths that are somebody else's, and those below which ids of entities stand. */
const RESERVED = /^\/(?:-|\.well-known|api|cimi|cimiv1|ui|healthz|readyz|metrics|vendordata)(?:\/|$)/

/** Every mixin that clients of a project made. */
export async function listUsersMixins(
  { labels }: Pick<Service, 'labels'>,
  caller: Caller,
): Promise<readonly Definition[]> {
  const all = Object.entries(await labels.list(caller)).filter(([key]) => key.startsWith(LABEL))
  return all.map(([, value]) => toDefinition(JSON.parse(value) as Kept))
}

/**
 * Makes mixins, each a tag.
 *
 * @throws {CloudError} invalid for what is no mixin or has no room for a location; conflict when identifier or location are taken
 * @see GFD.223 section 11
 */
export async function addUsersMixins({ labels }: Pick<Service, 'labels'>, exchange: Exchange): Promise<Outcome> {
  const wanted = exchange.read().flatMap(({ categories }) => categories)
  if (wanted.length === 0) throw new CloudError('invalid', 'there is no Category in the body to be made')
  const catalogue = await exchange.catalogue()
  const usersMixins = await exchange.usersMixins()
  if (usersMixins.length + wanted.length > MIXINS_MAX)
    throw new CloudError('conflict', `a project can have ${MIXINS_MAX} mixins of its own; delete some first`)
  const kept = wanted.map(toKept)
  for (const [index, each] of kept.entries()) requireFree(each, kept.slice(0, index), catalogue)
  for (const each of kept)
    if (!(await labels.add(`${LABEL}${typeId(each)}`, JSON.stringify(each), exchange.caller))) throw taken(each)
  const warnings = wanted
    .filter(({ attributes = [], actions = [] }) => attributes.length + actions.length > 0)
    .map((category) => `${typeId(category)} is a tag here: its attributes and actions were left out`)
  const categories = kept.map((each) => toCategory(toDefinition(each)))
  return { status: 200, answer: { shows: 'categories', categories }, headers: warningHeaders(warnings) }
}

/**
 * Deletes mixins; what carried them carries them no more.
 *
 * @throws {CloudError} forbidden for those that are built in; not-found
 */
export async function deleteUsersMixins(
  { labels }: Pick<Service, 'labels'>,
  kinds: readonly Entities[],
  exchange: Exchange,
): Promise<Outcome> {
  const wanted = exchange.read().flatMap(({ categories }) => categories)
  if (wanted.length === 0) throw new CloudError('invalid', 'there is no Category in the request that names a mixin')
  const { find } = await exchange.catalogue()
  const definitions = wanted.map((category) => {
    const definition = find(category)
    if (!definition) throw new CloudError('not-found', `there is no mixin ${typeId(category).slice(0, 200)}`)
    if (!definition.isUsers) throw new CloudError('forbidden', `${typeId(definition)} is built in; it stays`)
    return definition
  })
  for (const definition of definitions) {
    const id = typeId(definition)
    for (const [, listed] of await findAll(exchange, definition, kinds, NO_FILTER))
      for (const { tags, tag } of listed) await tag(tags.filter((each) => each !== id))
    await labels.delete(`${LABEL}${id}`, exchange.caller)
  }
  return DONE
}

function toKept({ term, scheme, class: kindOfCategory, title, rel, location }: Category): Kept {
  if (kindOfCategory !== undefined && kindOfCategory !== 'mixin')
    throw new CloudError('invalid', `${term} is a ${kindOfCategory}; only mixins can be made`)
  const plain = toPlainText(title ?? '')
  if ([term, scheme, plain, rel ?? ''].some((text) => text.length > TEXT_MAX_LENGTH))
    throw new CloudError('invalid', `a mixin's term, scheme, title and rel can have ${TEXT_MAX_LENGTH} characters each`)
  const path = location === undefined ? `/mixin/${term}` : toPath(location)
  if (!/^\/[\w.~/-]{1,200}$/.test(path) || RESERVED.test(path))
    throw new CloudError('invalid', `${path.slice(0, 200)} cannot be the location of a mixin; try /mixin/${term}/`)
  return {
    term,
    scheme,
    title: plain === '' ? term : plain,
    location: `${path}/`,
    ...(rel === undefined ? {} : { rel }),
  }
}

function requireFree(wanted: Kept, beside: readonly Kept[], { find, at, definitions }: Catalogue): void {
  const isTwice = beside.some((each) => typeId(each) === typeId(wanted) || each.location === wanted.location)
  if (isTwice || find(wanted)) throw taken(wanted)
  // Below a kind's location stand its entities.
  const kind = definitions.find((each) => each.class === 'kind' && wanted.location.startsWith(each.location ?? '\0'))
  if (kind || at(wanted.location.slice(0, -1)))
    throw new CloudError('conflict', `the location ${wanted.location} is taken; choose another`)
}

function taken(mixin: Kept): CloudError {
  return new CloudError('conflict', `there is a mixin ${typeId(mixin)} already`)
}

function toDefinition({ rel, ...kept }: Kept): Definition {
  // One that we do not list would stop a client that follows it.
  const base = rel === undefined ? undefined : ALWAYS.definitions.find((definition) => typeId(definition) === rel)
  return usersMixin(kept, base)
}
