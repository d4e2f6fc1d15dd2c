import { CloudError } from '../../model/errors.ts'
import { isObject } from '../json-text.ts'
import { ATTRIBUTES } from './attributes.ts'
import { isName } from './grammar.ts'
import { parseTypeId } from './json-category.ts'
import { elementsOf, memberOf, membersOf, refuse, textAt, type JsonNode } from './json-node.ts'
import { typeId, type Link, type Representation, type Value } from './representation.ts'

const MAX_NAME_LENGTH = 255
// As the examples of the specification spell it.
const STRAY_PREFIX = /^occi\.infrastructure\.(?=networkinterface\.)/

/** Attributes that are members of their own. */
const TITLES = [
  ['id', ATTRIBUTES.id.name],
  ['title', ATTRIBUTES.title.name],
  ['summary', ATTRIBUTES.summary.name],
] as const

const SOURCE = { member: 'source', location: ATTRIBUTES.source.name, kind: ATTRIBUTES.sourceKind.name } as const
const TARGET = { member: 'target', location: ATTRIBUTES.target.name, kind: ATTRIBUTES.targetKind.name } as const
type End = typeof SOURCE | typeof TARGET

/** What an entity's object says, whether it is a resource, a link, or a link within a resource. */
interface Parts {
  readonly kind?: string | undefined
  readonly mixins: readonly string[]
  readonly attributes: ReadonlyMap<string, Value>
  readonly links: readonly Link[]
}

/** What stands in a document that says nothing. */
export const NOTHING: Representation = { categories: [], links: [], attributes: new Map(), locations: [] }

/** Whether an entity is a link: it has ends. */
export function isLink({ attributes }: Pick<Representation, 'attributes'>): boolean {
  return attributes.has(SOURCE.location) || attributes.has(TARGET.location)
}

/** Where a link, read as an entity of its own, begins. */
export function sourceOf({ attributes }: Representation): string | undefined {
  return attributes.get(SOURCE.location)?.toString()
}

/** Reads an entity, or a part of one. @throws {CloudError} invalid with the path of what is not as it should be */
export function parseEntity(node: JsonNode): Representation {
  const kind = memberOf(node, 'kind')
  return {
    categories: [
      ...(kind ? [parseTypeId(kind, 'kind')] : []),
      ...elementsOf(memberOf(node, 'mixins')).map((mixin) => parseTypeId(mixin, 'mixin')),
    ],
    links: [
      ...elementsOf(memberOf(node, 'actions')).map(toActionLink),
      ...elementsOf(memberOf(node, 'links'))
        // rOCCI has locations here: the links themselves stand beside the resources.
        .filter(({ value }) => typeof value !== 'string')
        .map((link) => toInlineLink(parseEntity(link), link)),
    ],
    attributes: attributesOf(node),
    locations: [],
  }
}

/** Reads the invocation of an action. @throws {CloudError} invalid with the path of what is not as it should be */
export function parseInvocation(root: JsonNode, action: JsonNode): Representation {
  // rOCCI wraps it once more.
  const inner = isObject(action.value) ? memberOf(action, 'action') : undefined
  if (inner) return parseInvocation(action, inner)
  return { ...NOTHING, categories: [parseTypeId(action, 'action')], attributes: attributesOf(root) }
}

/**
 * A link that is an entity of its own as a part of its source, which is then not said.
 *
 * @throws {CloudError} invalid when it has no target
 */
export function toInlineLink({ categories, attributes }: Representation, node: JsonNode): Link {
  const target = attributes.get(TARGET.location)
  if (target === undefined) return refuse(node, 'a link with the member "target"')
  const rest = new Map(attributes)
  for (const name of [SOURCE.kind, TARGET.location, TARGET.kind]) rest.delete(name)
  return {
    target: String(target),
    rel: String(attributes.get(TARGET.kind) ?? ''),
    categories: categories.map(typeId),
    attributes: rest,
  }
}

/** What an entity's object holds: flat attributes, nothing that is empty. */
export function renderEntity({ categories, links, attributes }: Representation): object {
  const kind = categories.find((category) => category.class === 'kind')
  return renderParts({
    kind: kind && typeId(kind),
    mixins: categories.filter((category) => category !== kind).map(typeId),
    links,
    attributes,
  })
}

function renderParts({ kind, mixins, links, attributes }: Parts): object {
  const link = isLink({ attributes })
  const rest = new Map(attributes)
  const take = (name: string): Value | undefined => {
    const value = rest.get(name)
    rest.delete(name)
    return value
  }
  // The specification gives links no summary.
  const titles = TITLES.filter(([member]) => !(link && member === 'summary'))
    .map(([member, name]) => [member, take(name)?.toString()] as const)
    .filter(([, value]) => value !== undefined)
  const ends = [SOURCE, TARGET].map(
    (end) => [end.member, { location: take(end.location), kind: take(end.kind) }] as const,
  )
  const [actions, inline] = [links.filter(isActionLink), links.filter((one) => !isActionLink(one))]
  return {
    ...(kind === undefined ? {} : { kind }),
    ...Object.fromEntries(titles),
    ...(mixins.length === 0 ? {} : { mixins }),
    ...(rest.size === 0 ? {} : { attributes: Object.fromEntries(rest) }),
    ...(actions.length === 0 ? {} : { actions: actions.map(({ rel }) => rel) }),
    ...(inline.length === 0 ? {} : { links: inline.map((one) => renderParts(fromInlineLink(one, kind))) }),
    ...Object.fromEntries(ends.filter(([, { location }]) => location !== undefined)),
  }
}

/** Within the resource of the kind `sourceKind`. */
function fromInlineLink({ target, rel, categories, attributes }: Link, sourceKind: string | undefined): Parts {
  const [kind, ...mixins] = categories
  return {
    kind,
    mixins,
    links: [],
    attributes: new Map([
      ...attributes,
      ...(sourceKind === undefined ? [] : [[SOURCE.kind, sourceKind] as const]),
      [TARGET.location, target],
      ...(rel === '' ? [] : [[TARGET.kind, rel] as const]),
    ]),
  }
}

function isActionLink({ categories }: Link): boolean {
  return categories.length === 0
}

/** What can be done now, as clients echo it. */
function toActionLink(node: JsonNode): Link {
  return { target: '', rel: typeId(parseTypeId(node, 'action')), categories: [], attributes: new Map() }
}

function attributesOf(node: JsonNode): ReadonlyMap<string, Value> {
  const attributes = new Map<string, Value>()
  const put = (name: string, value: Value, at: JsonNode): void => {
    const known = attributes.get(name)
    // Which of two user data is meant nobody can tell.
    if (known !== undefined && known !== value)
      throw new CloudError(
        'invalid',
        `${at.path.slice(0, MAX_NAME_LENGTH)}: ${name} has another value before; send one`,
      )
    attributes.set(name, value)
  }
  for (const [member, name] of TITLES) {
    const title = memberOf(node, member)
    if (title) put(name, textAt(title), title)
  }
  for (const end of [SOURCE, TARGET]) readEnd(node, end, put)
  for (const [name, value, at] of flat(memberOf(node, 'attributes'))) put(name, value, at)
  return attributes
}

function readEnd(node: JsonNode, end: End, put: (name: string, value: Value, at: JsonNode) => void): void {
  const member = memberOf(node, end.member)
  const isPlain = typeof member?.value === 'string'
  const location = isPlain ? member : member && memberOf(member, 'location')
  if (member && !location) refuse(member, 'a location, or an object with the member "location"')
  if (location) put(end.location, textAt(location), location)
  // OCCI 1.1 says `rel` for the kind of the target.
  const kind =
    (member && !isPlain ? memberOf(member, 'kind') : undefined) ?? (end === TARGET ? memberOf(node, 'rel') : undefined)
  if (kind) put(end.kind, textAt(kind), kind)
}

/** Attributes by their whole names, which rOCCI nests at the dots. */
function* flat(node: JsonNode | undefined, prefix = ''): Iterable<[name: string, value: Value, at: JsonNode]> {
  for (const [part, member] of membersOf(node)) {
    const name = `${prefix}${part}`
    if (!isName(name) || name.length > MAX_NAME_LENGTH)
      refuse(member, `the name of an attribute, at most ${MAX_NAME_LENGTH} characters and no blank in it,`)
    if (isObject(member.value)) yield* flat(member, `${name}.`)
    else yield [name.replace(STRAY_PREFIX, 'occi.'), valueAt(member), member]
  }
}

function valueAt(node: JsonNode): Value {
  const { value } = node
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return value
  return textAt(node, 'a text, a number or a boolean')
}
