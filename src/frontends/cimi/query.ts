import { CloudError } from '../../model/errors.ts'
import { matches, order, parseFilters, scalarsAt, type Filter, type Read, type Scalar } from './filter.ts'

/** One attribute to order by. */
interface Order {
  /** Names from the outer to the inner. */
  readonly path: readonly string[]
  readonly isDescending: boolean
}

/** What the parameters of a GET ask for. */
export interface Query {
  readonly filter?: Filter
  /** Position of the first item that is shown, from 1. */
  readonly first: number
  /** Position of the last item that is shown; infinite for the end. */
  readonly last: number
  /** The first counts most. */
  readonly orderBy: readonly Order[]
  /** Names of attributes, always with `resourceURI`; without it all. */
  readonly select?: ReadonlySet<string>
  /** Names of references that stand inline. */
  readonly expand: 'all' | ReadonlySet<string>
  /** It overrides `Accept`. */
  readonly format?: 'json' | 'xml'
}

/** How a query looks into items, and cuts them down. */
export interface Access<Node extends object, Item extends Node> {
  readonly read: Read<Node>
  /** The item with these of its attributes alone; it may lack some. */
  readonly pick: (item: Item, names: ReadonlySet<string>) => Item
}

/** What a query leaves of a collection. */
export interface Page<Item> {
  /** Of all that pass the filter, also those that are not shown. */
  readonly count: number
  readonly items: readonly Item[]
}

/** Each costs a look into every item. */
const MAX_ORDERS = 16

/** Texts, numbers and truth values stand apart; what has none of them stands last. */
const TYPES = ['boolean', 'number', 'string']

/**
 * The CIMI parameters of a URL; others, and values without a meaning, are ignored.
 *
 * Of several `$first`, `$last` or `$format` the first counts; the others add up.
 *
 * @throws {CloudError} invalid when a filter cannot be read, or `$orderby` names too many attributes
 * @see DSP0263 section 4.1.6
 */
export function parseQuery(parameters: URLSearchParams): Query {
  const filter = parseFilters(parameters.getAll('$filter'))
  const select = new Set(listed(parameters, '$select'))
  const expand = new Set(listed(parameters, '$expand'))
  const format = formatOf(parameters)
  return {
    ...(filter && { filter }),
    first: integer(parameters.get('$first')) ?? 1,
    last: integer(parameters.get('$last')) ?? Infinity,
    orderBy: ordersOf(listed(parameters, '$orderby')),
    ...(select.size > 0 && !select.has('*') && { select: select.add('resourceURI') }),
    expand: expand.has('*') ? 'all' : expand,
    ...(format && { format }),
  }
}

/** The format that a URL asks for, whatever else it asks. */
export function formatOf(parameters: URLSearchParams): Query['format'] {
  const format = parameters.get('$format')?.trim()
  return format === 'json' || format === 'xml' ? format : undefined
}

/**
 * Filters, orders, cuts out the page and selects, in this turn. `$expand` and `$format` are left to who renders.
 *
 * @see DSP0263 section 4.1.6
 */
export function applyQuery<Node extends object, Item extends Node>(
  items: readonly Item[],
  query: Query,
  { read, pick }: Access<Node, Item>,
): Page<Item> {
  const { filter, orderBy, select } = query
  const matching = filter ? items.filter((item) => matches<Node>(item, filter, read)) : items
  const page = pageOf(ordered(matching, orderBy, read), query)
  return { count: matching.length, items: select ? page.map((item) => pick(item, select)) : page }
}

/** The page of a list that a query asks for. */
export function pageOf<T>(items: readonly T[], { first, last }: Pick<Query, 'first' | 'last'>): readonly T[] {
  // A negative index would count from the end.
  return items.slice(Math.max(first - 1, 0), Math.max(last, 0))
}

function ordered<Node extends object, Item extends Node>(
  items: readonly Item[],
  orderBy: readonly Order[],
  read: Read<Node>,
): readonly Item[] {
  if (orderBy.length === 0) return items
  return items
    .map((item, place) => ({ item, place, keys: orderBy.map(({ path }) => scalarsAt<Node>(item, path, read)[0]) }))
    .sort((a, b) => {
      for (const [index, { isDescending }] of orderBy.entries()) {
        const sign = orderOfKeys(a.keys[index], b.keys[index], isDescending)
        if (sign !== 0) return sign
      }
      // A collection is in the order of time, finer than times are written.
      return orderBy[0]?.isDescending ? b.place - a.place : a.place - b.place
    })
    .map(({ item }) => item)
}

function orderOfKeys(left: Scalar | undefined, right: Scalar | undefined, isDescending: boolean): number {
  if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined)
  const byType = TYPES.indexOf(typeof left) - TYPES.indexOf(typeof right)
  const sign = byType === 0 ? order(left, right) : byType
  return isDescending ? -sign : sign
}

function ordersOf(names: readonly string[]): readonly Order[] {
  // An attribute that is named again cannot change what its first place has settled.
  const orders = new Map<string, Order>()
  for (const name of names) {
    const attribute = name.replace(/:(?:asc|desc)$/, '').trim()
    const isDescending = name.endsWith(':desc')
    if (!orders.has(attribute)) orders.set(attribute, { path: attribute.split('/'), isDescending })
  }
  if (orders.size > MAX_ORDERS)
    throw new CloudError('invalid', `$orderby names ${orders.size} attributes; at most ${MAX_ORDERS} are taken`)
  return [...orders.values()]
}

function listed(parameters: URLSearchParams, name: string): readonly string[] {
  return parameters
    .getAll(name)
    .flatMap((list) => list.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function integer(text: string | null): number | undefined {
  const trimmed = text?.trim() ?? ''
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : undefined
}
