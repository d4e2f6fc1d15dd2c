import type { Image, Size } from '../../model/instance.ts'
import { DEFINITIONS, lineage, osTemplate, providerMixin, resourceTemplate, type Definition } from './categories.ts'
import { typeId, type AttributeEntry, type Category } from './representation.ts'

/** All categories that one caller has. */
export interface Catalogue {
  /** In the order of discovery. */
  readonly definitions: readonly Definition[]
  /** What `reference` names, stray schemes included. */
  readonly find: (reference: Pick<Category, 'term' | 'scheme'>) => Definition | undefined
  /** What lies at a path (without slash at its end). */
  readonly at: (path: string) => Definition | undefined
}

/** What of a catalogue differs between callers and times. */
export interface Offer {
  readonly images?: readonly Image[]
  readonly sizes?: readonly Size[]
  /** Names of those that make storage or networks. */
  readonly providers?: readonly string[]
  /** Mixins that clients made. */
  readonly usersMixins?: readonly Definition[]
}

/** The categories that are always there, and one mixin for each image, size and provider. */
export function catalogueOf({ images = [], sizes = [], providers = [], usersMixins = [] }: Offer = {}): Catalogue {
  const definitions = [
    ...DEFINITIONS,
    ...images.map(osTemplate),
    ...sizes.map(resourceTemplate),
    ...providers.map(providerMixin),
    ...usersMixins,
  ]
  const byId = new Map<string, Definition>()
  for (const definition of definitions)
    for (const scheme of [definition.scheme, ...(definition.alsoSchemes ?? [])]) {
      const id = typeId({ scheme, term: definition.term })
      // What is ours comes first, and is never what a client says it is.
      if (!byId.has(id)) byId.set(id, definition)
    }
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

/** A definition as discovery shows it. */
export function toCategory(definition: Definition): Category {
  const { rel, location, attributes, actions, applies } = definition
  return {
    ...toReference(definition),
    ...(rel === undefined ? {} : { rel: typeId(rel) }),
    ...(location === undefined ? {} : { location }),
    attributes: attributes.map(toEntry),
    actions: actions?.map(typeId) ?? [],
    ...(applies ? { applies: applies.map(typeId) } : {}),
  }
}

function toEntry({ name, type, immutable, required, values }: Definition['attributes'][number]): AttributeEntry {
  return {
    name,
    ...(immutable ? { immutable } : {}),
    ...(required ? { required } : {}),
    ...(type === 'text' ? {} : { type: 'number' }),
    ...(values ? { values } : {}),
  }
}
