import { isList, isProperties, type Properties, type Resource, type Value } from './document.ts'
import { attributesOf, itemsOf, type AttributeName, type TypeName } from './types.ts'

/** Attributes as they are given; those that are `undefined`, and lists and maps without anything in them, are left out. */
export type Attributes = Readonly<Partial<Record<AttributeName, Value | undefined>>>

/** A resource with these attributes. */
export function toResource(type: TypeName, attributes: Attributes): Resource {
  return { type, attributes: new Map(entriesOf(type, attributes)) }
}

/** The same resource with other attributes; what is given as `undefined` stays as it is. */
export function withAttributes({ type, attributes }: Resource, more: Attributes): Resource {
  return { type, attributes: new Map([...attributes, ...entriesOf(type, more)]) }
}

/** What stands for a resource that lies elsewhere. */
export function referenceTo(type: TypeName, href: string): Resource {
  return toResource(type, { href })
}

/** A list of operations, as `[rel, href]` pairs say. */
export function operationsOf(...pairs: readonly (readonly [rel: string, href: string])[]): readonly Resource[] {
  return pairs.map(([rel, href]) => toResource('Operation', { rel, href }))
}

/** A text of a resource, without the blanks around it that pretty-printed XML has. */
export function textOf({ attributes }: Resource, name: AttributeName): string | undefined {
  const value = attributes.get(name)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

/** A number of a resource. */
export function numberOf({ attributes }: Resource, name: AttributeName): number | undefined {
  const value = attributes.get(name)
  return typeof value === 'number' ? value : undefined
}

/** What stands under a name, be it by reference or by value. */
export function partOf({ attributes }: Resource, name: AttributeName): Resource | undefined {
  const value = attributes.get(name)
  return value === undefined || typeof value !== 'object' || isList(value) || isProperties(value) ? undefined : value
}

/** Everything of a list. */
export function partsOf({ attributes }: Resource, name: AttributeName): readonly Resource[] {
  const value = attributes.get(name)
  return value !== undefined && typeof value === 'object' && isList(value) ? value : []
}

/** What the user notes of it. */
export function propertiesOf({ attributes }: Resource): Properties | undefined {
  const value = attributes.get('properties')
  return value !== undefined && typeof value === 'object' && isProperties(value) ? value : undefined
}

/** A time as CIMI's clients read it: some know no parts of a second. */
export function toTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}

/**
 * The id in what refers to something: clients write absolute URLs, paths and bare ids, and the word before the id is not
 * looked at. What stands there by value, taken from an answer of ours, has its URL as `id`.
 */
export function idIn(part: Resource): string | undefined {
  const reference = textOf(part, 'href') ?? textOf(part, 'id')
  return reference === undefined ? undefined : lastSegment(reference)
}

/** The last segment of a URL or path, decoded. */
export function lastSegment(reference: string): string | undefined {
  const [path = ''] = reference.trim().split(/[?#]/, 1)
  const last = path.replace(/\/+$/, '').split('/').at(-1)
  if (last === undefined || last === '') return undefined
  try {
    return decodeURIComponent(last)
  } catch {
    // A stray percent sign is part of a bare id.
    return last
  }
}

function* entriesOf(type: TypeName, attributes: Attributes): Iterable<[AttributeName, Value]> {
  for (const { name } of attributesOf(type)) {
    const value = attributes[name]
    if (value !== undefined && (name === itemsOf(type) || !isNothing(value))) yield [name, value]
  }
}

/** What XML could not tell from what is absent. */
function isNothing(value: Value): boolean {
  if (typeof value !== 'object') return false
  if (isProperties(value)) return value.size === 0
  return isList(value) && value.length === 0
}
