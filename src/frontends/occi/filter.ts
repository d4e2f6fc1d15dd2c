import type { HttpRequest } from '../http.ts'
import { lineage, type Definition } from './categories.ts'
import { typeId, type Category, type Representation, type Value } from './representation.ts'
import { textOcci } from './text.ts'

/** What a GET narrows a collection by. */
export interface Filter {
  readonly categories: readonly Category[]
  readonly attributes: ReadonlyMap<string, Value>
}

/** Lets all through. */
export const NO_FILTER: Filter = { categories: [], attributes: new Map() }

/**
 * Filters stand in headers, whatever the request's `Content-Type` is.
 *
 * @throws {CloudError} invalid when they cannot be read
 * @see GFD.223 section 7
 */
export function filterOf({ headers }: Pick<HttpRequest, 'headers'>): Filter {
  const [filter = NO_FILTER] = textOcci.parse({ headers, body: new Uint8Array() })
  return filter
}

/** Whether an entity with these `definitions` carries all that are `wanted`, directly or by their parents. */
export function carries(
  definitions: readonly Definition[],
  wanted: readonly Pick<Category, 'term' | 'scheme'>[],
): boolean {
  const carried = new Set(definitions.flatMap(lineage).map(typeId))
  return wanted.every((category) => carried.has(typeId(category)))
}

/** Whether an entity has all attributes of the filter, with these very values. */
export function hasAll({ attributes }: Representation, filter: Filter): boolean {
  return [...filter.attributes].every(([name, wanted]) => {
    const value = attributes.get(name)
    return typeof value === 'number' ? value === Number(wanted) : value === wanted
  })
}
