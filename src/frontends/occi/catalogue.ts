import type { Image, Size } from '../../model/instance.ts'
import { DEFINITIONS, lineage, osTemplate, resourceTemplate, type Definition } from './categories.ts'
import { typeId, type Category } from './representation.ts'

/** All categories that one caller has. */
export interface Catalogue {
  /** In the order of discovery. */
  readonly definitions: readonly Definition[]
  /** What `reference` names, stray schemes included. */
  readonly find: (reference: Pick<Category, 'term' | 'scheme'>) => Definition | undefined
  /** What lies at a path (without slash at its end). */
  readonly at: (path: string) => Definition | undefined
}

/** The categories that are always there, and one mixin for each image and size. */
export function catalogueOf(images: readonly Image[], sizes: readonly Size[]): Catalogue {
  const definitions = [...DEFINITIONS, ...images.map(osTemplate), ...sizes.map(resourceTemplate)]
  const byId = new Map<string, Definition>()
  for (const definition of definitions)
    for (const scheme of [definition.scheme, ...(definition.alsoSchemes ?? [])])
      byId.set(typeId({ scheme, term: definition.term }), definition)
  const byPath = new Map(definitions.map((definition) => [definition.location?.slice(0, -1), definition]))
  return {
    definitions,
    find: (reference) => byId.get(typeId(reference)),
    at: (path) => byPath.get(path),
  }
}

/**
 * What discovery shows.
 *
 * @param filter nothing: all; else exactly these categories, and of a mixin also those that depend on it
 * @see GFD.223 section 11
 */
export function discover({ definitions, find }: Catalogue, filter: readonly Category[]): readonly Category[] {
  const wanted = new Set(filter.map(find))
  return definitions
    .filter(
      (definition) =>
        filter.length === 0 ||
        wanted.has(definition) ||
        (definition.class === 'mixin' && lineage(definition).some((base) => wanted.has(base))),
    )
    .map(toCategory)
}

/** A definition as an entity carries it: by name, without all that it means. */
export function toReference({ term, scheme, class: kindOfCategory, title }: Definition): Category {
  return { term, scheme, class: kindOfCategory, title }
}

function toCategory(definition: Definition): Category {
  const { rel, location, attributes, actions } = definition
  return {
    ...toReference(definition),
    ...(rel === undefined ? {} : { rel: typeId(rel) }),
    ...(location === undefined ? {} : { location }),
    attributes: attributes.map(({ name, immutable }) => ({ name, ...(immutable ? { immutable } : {}) })),
    actions: actions?.map(typeId) ?? [],
  }
}
