import type { Static } from 'typebox'
import type { InstanceBody, SummaryBody } from '../frontends/rest/schemas.ts'
import { CloudError } from '../model/errors.ts'
import type { ApiClient } from './api-client.ts'

/** An instance in a list, as the gateway shows it. */
export type Summary = Static<typeof SummaryBody>

/** An instance as the gateway shows it. */
export type Shown = Static<typeof InstanceBody>

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * The ids of instances that are given by id, by its beginning or by name, where only one is meant.
 *
 * @throws {CloudError} not-found; conflict where several are meant
 */
export async function instanceIds(client: ApiClient, given: readonly string[]): Promise<readonly string[]> {
  if (given.every((text) => UUID.test(text))) return given.map((text) => text.toLowerCase())
  const { instances } = await client.get<{ readonly instances: readonly Summary[] }>('/instances')
  return given.map((text) => idOf(instances, text))
}

/** As {@link instanceIds}, of one. */
export async function instanceId(client: ApiClient, given: string): Promise<string> {
  const [id = ''] = await instanceIds(client, [given])
  return id
}

/** A name outranks the beginning of an id, a whole id outranks both. */
function idOf(instances: readonly Summary[], given: string): string {
  const wanted = given.toLowerCase()
  const ways = [
    instances.filter(({ id }) => id === wanted),
    instances.filter(({ name }) => name === given),
    given === '' ? [] : instances.filter(({ id }) => id.startsWith(wanted)),
  ]
  return theOne(ways.find((found) => found.length > 0) ?? [], given, ['instance', 'bellhop ls']).id
}

/**
 * What is meant by words that may mean several.
 *
 * @param what is meant, and the command that lists all of its sort
 * @throws {CloudError} not-found; conflict where several are meant
 */
export function theOne<T extends { readonly id: string }>(
  found: readonly T[],
  given: string,
  [what, listing]: readonly [what: string, listing: string],
): T {
  const [first, ...more] = found
  if (!first) throw new CloudError('not-found', `there is no ${what} "${given}"; ${listing} shows those that there are`)
  if (more.length === 0) return first
  const ids = found.slice(0, 5).map(({ id }) => id)
  throw new CloudError('conflict', `"${given}" is ${found.length} ${what}s: ${ids.join(', ')}; give more of the id`)
}

const SHORT = 8

/** The shortest beginnings, of at least 8 characters, that tell these ids apart. */
export function shortIds(ids: readonly string[]): readonly string[] {
  const sorted = ids.toSorted()
  const shared = Math.max(0, ...sorted.slice(1).map((id, index) => sharedLength(sorted[index] ?? '', id)))
  return ids.map((id) => id.slice(0, Math.max(SHORT, shared + 1)))
}

function sharedLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
