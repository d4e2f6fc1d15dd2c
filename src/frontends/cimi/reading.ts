import { CloudError } from '../../model/errors.ts'
import { bodyText } from '../body.ts'
import type { Document, Properties, Resource, Value } from './document.ts'
import { attributesOf, itemsOf, typeNamed, type Attribute, type AttributeName, type TypeName } from './types.ts'

/** The member that holds an element's own text, or the string that stands for a reference. */
export const OWN_TEXT = ''

/** A way to write documents, as reading needs it. `Raw` is whatever may stand as a member's value. */
export interface Form<Raw> {
  /** The name of an attribute's member. */
  nameOf(attribute: Attribute): string
  /** @throws {CloudError} invalid when it has no members */
  membersOf(raw: Raw, path: string): ReadonlyMap<string, Raw>
  /** @throws {CloudError} invalid when it is no single value */
  scalarOf(raw: Raw, path: string): string | number | boolean
  /** @throws {CloudError} invalid when it is no list */
  elementsOf(raw: Raw, path: string): readonly Raw[]
  /** @throws {CloudError} invalid when it is no map of texts */
  propertiesOf(raw: Raw, path: string): Properties
}

/** Base64 of the largest user data, with room for the rest. */
const MAX_BYTES = 16 * 1024 * 1024
const MAX_PATH_LENGTH = 200
const MAX_UNKNOWN = 16
// Some call it resourceType. What osaddon's clients have in entityURI is of no use to anyone.
const CLAIMS = ['resourceURI', 'resourceType']
const TYPE_MEMBERS: ReadonlySet<string> = new Set([...CLAIMS, 'entityURI'])
const INTEGER = /^[+-]?\d+$/

/** A body as text. @throws {CloudError} too-large, or invalid when it is not UTF-8 */
export function documentText(body: Uint8Array): string {
  if (body.byteLength > MAX_BYTES)
    throw new CloudError('too-large', `the document has ${body.byteLength} bytes; ${MAX_BYTES} are read at most`)
  return bodyText(body)
}

/** Says what should stand at a path. The value that does is not repeated: it may be a secret. */
export function refuse(path: string, expected: string): never {
  throw new CloudError('invalid', `${path === '' ? 'the document' : shown(path)}: ${expected} is expected`)
}

/** The path of a member, cut where it is long. */
export function below(path: string, name: string): string {
  return shown(path === '' ? name : `${path}.${name}`)
}

/**
 * Reads a document as one of the types that are expected: the one that it claims to be, else the first.
 *
 * @param name the name that the format gives the whole: a wrapper's, a root's
 * @throws {CloudError} invalid with the path of what cannot be read
 * @see DSP0263 section 5
 */
export function readDocument<Raw>(
  form: Form<Raw>,
  root: Raw,
  name: string | undefined,
  expected: readonly [TypeName, ...TypeName[]],
): Document {
  const members = form.membersOf(root, '')
  const said = CLAIMS.map((claim) => members.get(claim)).find((raw) => raw !== undefined)
  const claim = said === undefined ? name : lastSegment(String(form.scalarOf(said, CLAIMS[0] ?? '')))
  // A wrapper or a root is spelled in any case, and so is a type URI.
  const claimed = claim === undefined || claim === '' ? undefined : (typeNamed(claim) ?? shown(claim))
  const type = expected.find((candidate) => candidate === claimed) ?? expected[0]
  const unknown: string[] = []
  const resource = readResource(form, root, type, '', unknown)
  return { resource, ...(claimed === undefined ? {} : { claimed }), unknown }
}

function readResource<Raw>(form: Form<Raw>, raw: Raw, type: TypeName, path: string, unknown: string[]): Resource {
  const members = form.membersOf(raw, path)
  const known = new Set(TYPE_MEMBERS)
  const attributes = new Map<AttributeName, Value>()
  for (const attribute of attributesOf(type)) {
    const given = namesOf(form, attribute, path).filter((name) => members.has(name))
    const [name] = given
    // Text of its own beside an href says nothing that could be left aside.
    for (const other of given) if (other === name || other !== OWN_TEXT) known.add(other)
    const member = name === undefined ? undefined : members.get(name)
    if (member !== undefined) {
      const value = readValue(form, member, attribute, below(path, attribute.name), unknown)
      if (value !== undefined) attributes.set(attribute.name, value)
    }
  }
  addNoItems(type, attributes)
  for (const name of members.keys())
    if (name === OWN_TEXT && !known.has(name)) refuse(path, 'an object')
    else if (!known.has(name) && unknown.length < MAX_UNKNOWN) unknown.push(below(path, name))
  return { type, attributes }
}

/** A collection without items says so, unless only its URL is known. */
function addNoItems(type: TypeName, attributes: Map<AttributeName, Value>): void {
  const items = itemsOf(type)
  const isReference = attributes.size === 1 && attributes.has('href')
  if (items && !isReference && !attributes.has(items)) attributes.set(items, [])
}

/** The names under which an attribute may stand; the first that does counts. */
function namesOf<Raw>(form: Form<Raw>, attribute: Attribute, path: string): readonly string[] {
  const name = form.nameOf(attribute)
  if (attribute.name === 'href' && path !== '') return [name, OWN_TEXT]
  return attribute.kind === 'text' || attribute.kind === 'uri' ? [name, ...(attribute.aliases ?? [])] : [name]
}

function readValue<Raw>(
  form: Form<Raw>,
  raw: Raw,
  attribute: Attribute,
  path: string,
  unknown: string[],
): Value | undefined {
  switch (attribute.kind) {
    case 'text':
      return textAt(form, raw, path)
    case 'time':
      return textAt(form, raw, path).trim()
    case 'uri':
      return readUri(form, raw, path)
    case 'integer':
      return readInteger(form.scalarOf(raw, path), path)
    case 'boolean':
      return readBoolean(form.scalarOf(raw, path), path)
    case 'map': {
      const properties = form.propertiesOf(raw, path)
      return properties.size === 0 ? undefined : properties
    }
    case 'list': {
      const items = form
        .elementsOf(raw, path)
        .map((item, index) => readResource(form, item, attribute.of, `${path}[${index}]`, unknown))
      return items.length === 0 ? undefined : items
    }
    case 'reference':
    case 'object':
    default:
      return readResource(form, raw, attribute.of, path, unknown)
  }
}

function textAt<Raw>(form: Form<Raw>, raw: Raw, path: string): string {
  const value = form.scalarOf(raw, path)
  return typeof value === 'string' ? value : refuse(path, 'text')
}

/** A URL may stand as a reference does. */
function readUri<Raw>(form: Form<Raw>, raw: Raw, path: string): string {
  return textAt(form, form.membersOf(raw, path).get('href') ?? raw, path).trim()
}

function readInteger(value: string | number | boolean, path: string): number {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && INTEGER.test(value.trim()))
  const number = isNumber ? Number(value) : Number.NaN
  // Minus nought is nought.
  return Number.isSafeInteger(number) ? number + 0 : refuse(path, 'an integer')
}

function readBoolean(value: string | number | boolean, path: string): boolean {
  const text = String(value).trim().toLowerCase()
  return text === 'true' || (text === 'false' ? false : refuse(path, 'true or false'))
}

function lastSegment(uri: string): string {
  const trimmed = uri.trim().replace(/\/$/, '')
  return trimmed.slice(trimmed.lastIndexOf('/') + 1)
}

function shown(path: string): string {
  return path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH)}…` : path
}
