import type { Kind } from './kind.ts'

/** What lies at a path. */
export interface Located {
  readonly kind: Kind
  /** Segments of the collection's URL, in our own words. */
  readonly at: readonly string[]
  /** Absent: the collection itself. */
  readonly id?: string
  /** What stands behind an item's id and is no collection of it: the name of an action. */
  readonly verb?: string
}

/**
 * The words that clients of the first OpenStack filter have for what lies within a machine, with where their other
 * segments go.
 */
const FLAT: Readonly<Record<string, readonly (string | number)[]>> = {
  machinevolumecollection: ['machines', 1, 'volumes'],
  machinevolume: ['machines', 1, 'volumes', 2],
  networkinterfacescollection: ['machines', 1, 'network_interfaces'],
  machinenetworkinterfaceaddressescollection: ['machines', 1, 'network_interfaces', 2, 'addresses'],
  machinenetworkinterfaceaddress: ['machines', 1, 'network_interfaces', 2, 'addresses', 3],
}

/** Finds what segments mean; words are taken in any case, ids as they are. */
export function locate(segments: readonly string[], kinds: readonly Kind[]): Located | undefined {
  return walk(unflattened(segments), kinds, [])
}

function walk(segments: readonly string[], kinds: readonly Kind[], above: readonly string[]): Located | undefined {
  const [word, id, next, ...rest] = segments
  const kind = word === undefined ? undefined : kinds.find((each) => isCalled(each, word.toLowerCase()))
  if (!kind) return undefined
  const at = [...above, kind.path]
  if (id === undefined) return { kind, at }
  if (next === undefined) return { kind, at, id }
  const inner = kind.within && walk([next, ...rest], kind.within(id), [...at, id])
  if (inner) return inner
  return kind.act && rest.length === 0 ? { kind, at, id, verb: next } : undefined
}

function isCalled({ path, type, collection, aliases = [] }: Kind, word: string): boolean {
  return [path, type.toLowerCase(), collection.toLowerCase(), ...aliases].includes(word)
}

function unflattened(segments: readonly string[]): readonly string[] {
  const word = segments[0]?.toLowerCase() ?? ''
  const places = Object.hasOwn(FLAT, word) ? FLAT[word] : undefined
  const length = places?.filter((place) => typeof place === 'number').length
  if (!places || length !== segments.length - 1) return segments
  return places.map((place) => (typeof place === 'number' ? (segments[place] ?? '') : place))
}
