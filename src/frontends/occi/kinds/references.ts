import { CloudError } from '../../../model/errors.ts'
import { COMPUTE, NETWORK, NETWORK_INTERFACE, STORAGE, STORAGE_LINK, type Definition } from '../categories.ts'
import { toPath } from '../location.ts'

type EntityDefinition = Pick<Definition, 'term' | 'location'>

/** Path of an entity. */
export function pathOf({ location }: EntityDefinition, id: string): string {
  return `${location}${id}`
}

/**
 * The id in the location of an entity, be it a URL or a path.
 *
 * @throws {CloudError} invalid when it is the location of nothing of this kind
 */
export function idIn(location: string, kind: EntityDefinition): string {
  const path = toPath(location)
  const id = path.slice(kind.location?.length)
  if (path.startsWith(kind.location ?? '\0') && id !== '' && !id.includes('/')) return id
  throw new CloudError(
    'invalid',
    `"${location.slice(0, 200)}" is no ${kind.term}; a location such as ${pathOf(kind, '…')} is expected`,
  )
}

/** Which kind of link leads to a resource of which kind. */
export const LINK_KINDS = [
  { kind: NETWORK_INTERFACE, target: NETWORK },
  { kind: STORAGE_LINK, target: STORAGE },
] as const

/** The kind that every link of ours comes from. */
export const LINK_SOURCE = COMPUTE
