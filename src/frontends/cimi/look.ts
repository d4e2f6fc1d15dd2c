import { isList, isProperties, type Properties, type Resource, type Value } from './document.ts'
import type { Held, Read } from './filter.ts'
import type { Item } from './kind.ts'
import { applyQuery, pageOf, type Access, type Page, type Query } from './query.ts'
import { withAttributes, textOf } from './resource.ts'
import { attributesOf, typeUri, type AttributeName } from './types.ts'

type Node = Resource | Properties

const read: Read<Node> = (node, name) => {
  if (!('type' in node)) return node.get(name)
  if (name === 'resourceURI') return typeUri(node.type)
  // A name that no type has is in no map.
  return held(node.attributes.get(name as AttributeName))
}

const access: Access<Node, Resource> = { read, pick }

/** Those items of a collection that a query leaves, whole. What is not looked at is not put into words. */
export function lookThrough(items: readonly Item[], { select: _, ...query }: Query): Page<Resource> {
  if (query.filter || query.orderBy.length > 0) return applyQuery<Node, Resource>(items.map(toResource), query, access)
  return { count: items.length, items: pageOf(items, query).map(toResource) }
}

function toResource(item: Item): Resource {
  return typeof item === 'function' ? item() : item
}

/** Finds what a URL of ours leads to; `undefined` where that cannot be shown here. */
export type Follow = (href: string) => Promise<Resource | undefined>

/**
 * A resource as the query shows it: with those of its attributes alone that it selects, and those of its references
 * inline that it expands. Such as lead nowhere stay as they are.
 *
 * @see DSP0263 section 4.1.6 ($select, $expand)
 */
export async function shownBy(
  { select, expand }: Pick<Query, 'select' | 'expand'>,
  resource: Resource,
  follow: Follow,
): Promise<Resource> {
  let shown = select ? pick(resource, select) : resource
  for (const { kind, name } of attributesOf(resource.type)) {
    const reference = shown.attributes.get(name)
    if (kind !== 'reference' || !isResource(reference) || !(expand === 'all' || expand.has(name))) continue
    const href = textOf(reference, 'href')
    const there = href === undefined ? undefined : await follow(href)
    if (there) shown = withAttributes(shown, { [name]: withAttributes(there, { href }) })
  }
  return shown
}

function pick({ type, attributes }: Resource, names: ReadonlySet<string>): Resource {
  return { type, attributes: new Map([...attributes].filter(([name]) => names.has(name))) }
}

function held(value: Value | undefined): Held<Node> {
  return value
}

function isResource(value: Value | undefined): value is Resource {
  return typeof value === 'object' && !isList(value) && !isProperties(value)
}
