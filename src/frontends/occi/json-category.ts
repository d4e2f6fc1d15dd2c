import { isObject } from '../json-text.ts'
import { ENTITY } from './categories.ts'
import { isName, isTerm } from './grammar.ts'
import { elementsOf, memberOf, membersOf, refuse, textAt, type JsonNode } from './json-node.ts'
import { typeId, type AttributeEntry, type Category, type CategoryClass } from './representation.ts'

/** The member that holds all categories of a class, in the order in which they are written. */
const LISTS = { kind: 'kinds', mixin: 'mixins', action: 'actions' } as const satisfies Record<CategoryClass, string>
const CLASSES: readonly CategoryClass[] = ['kind', 'mixin', 'action']

/** Whether a document defines categories; an entity has the same members, with type ids in them. */
export function definesCategories(root: JsonNode): boolean {
  if (memberOf(root, LISTS.kind)) return true
  return [LISTS.mixin, LISTS.action].some((name) => {
    const list = memberOf(root, name)?.value
    return Array.isArray(list) && list.some(isObject)
  })
}

/** Reads a document of definitions. @throws {CloudError} invalid with the path of what is not as it should be */
export function parseCategories(root: JsonNode): readonly Category[] {
  return CLASSES.flatMap((one) => elementsOf(memberOf(root, LISTS[one])).map((node) => parseDefinition(node, one)))
}

/** What a document of definitions holds; lists that would be empty are left out. */
export function renderCategories(categories: readonly Category[]): object {
  const lists = CLASSES.map(
    (one) =>
      [LISTS[one], categories.filter((category) => (category.class ?? 'mixin') === one).map(renderDefinition)] as const,
  )
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0))
}

/** Reads a category that is named by its type id. @throws {CloudError} invalid when it is none */
export function parseTypeId(node: JsonNode, of: CategoryClass): Category {
  const expected = 'a type id (scheme#term)'
  const id = textAt(node, expected)
  const cut = id.indexOf('#') + 1
  const term = id.slice(cut)
  if (cut === 0 || !isTerm(term)) return refuse(node, expected)
  return { term, scheme: id.slice(0, cut), class: of }
}

function parseDefinition(node: JsonNode, of: CategoryClass): Category {
  const textOf = (name: string): string | undefined => {
    const member = memberOf(node, name)
    return member && textAt(member)
  }
  const idsOf = (name: string): readonly string[] | undefined => {
    const member = memberOf(node, name)
    return member && elementsOf(member).map((element) => typeId(parseTypeId(element, of)))
  }
  const term = textOf('term')
  if (term === undefined || !isTerm(term)) return refuse(node, 'a category with the member "term"')
  const scheme = textOf('scheme')
  if (scheme === undefined) return refuse(node, 'a category with the member "scheme"')
  const parent = memberOf(node, 'parent')
  const rel = parent ? typeId(parseTypeId(parent, 'kind')) : idsOf('depends')?.[0]
  const [title, location, actions, applies] = [textOf('title'), textOf('location'), idsOf('actions'), idsOf('applies')]
  const attributes = memberOf(node, 'attributes')
  return {
    term,
    scheme: scheme.replace(/#.*$/s, '#'),
    class: of,
    ...(title === undefined ? {} : { title }),
    ...(rel === undefined ? {} : { rel }),
    ...(location === undefined ? {} : { location }),
    ...(attributes ? { attributes: membersOf(attributes).map(([name, member]) => parseEntry(name, member)) } : {}),
    ...(actions ? { actions } : {}),
    ...(applies ? { applies } : {}),
  }
}

function renderDefinition(category: Category): object {
  const { term, scheme, title, rel, location, attributes = [], actions = [], applies = [] } = category
  const isMixin = (category.class ?? 'mixin') === 'mixin'
  return {
    term,
    scheme,
    ...(title === undefined ? {} : { title }),
    ...(rel === undefined ? {} : isMixin ? { depends: [rel] } : { parent: rel }),
    ...(applies.length === 0 ? {} : { applies }),
    // The specification forbids it to entity; only in text is there a client that needs it.
    ...(location === undefined || typeId(category) === typeId(ENTITY) ? {} : { location }),
    ...(attributes.length === 0
      ? {}
      : { attributes: Object.fromEntries(attributes.map((entry) => [entry.name, renderEntry(entry)])) }),
    ...(actions.length === 0 ? {} : { actions }),
  }
}

function parseEntry(name: string, node: JsonNode): AttributeEntry {
  if (!isName(name)) return refuse(node, 'the name of an attribute')
  const isTrue = (member: string): boolean => memberOf(node, member)?.value === true
  const pattern = memberOf(node, 'pattern')
  const values = pattern && isObject(pattern.value) ? memberOf(pattern, 'enum') : undefined
  const description = memberOf(node, 'description')
  return {
    name,
    ...(isTrue('mutable') ? {} : { immutable: true }),
    ...(isTrue('required') ? { required: true } : {}),
    ...(memberOf(node, 'type')?.value === 'number' ? { type: 'number' } : {}),
    ...(values ? { values: elementsOf(values).map((value) => textAt(value)) } : {}),
    ...(description ? { description: textAt(description) } : {}),
  }
}

function renderEntry({ immutable, required, type, values, description }: AttributeEntry): object {
  return {
    mutable: !immutable,
    required: required ?? false,
    type: type ?? 'string',
    ...(values ? { pattern: { enum: values } } : {}),
    ...(description === undefined ? {} : { description }),
  }
}
