import { isObject, parseJsonText } from '../json-text.ts'
import { isList, isProperties, type Document, type Resource, type Value } from './document.ts'
import { below, documentText, OWN_TEXT, readDocument, refuse, type Form } from './reading.ts'
import { attributesOf, typeNamed, typeUri, type TypeName } from './types.ts'

const form: Form<unknown> = {
  nameOf: ({ name }) => name,
  membersOf(raw, path) {
    if (typeof raw === 'string' && path !== '') return new Map([[OWN_TEXT, raw]])
    if (!isObject(raw)) return refuse(path, 'an object')
    return new Map(Object.entries(raw).filter(([name, value]) => value !== null && name !== OWN_TEXT))
  },
  scalarOf(raw, path) {
    if (typeof raw === 'string') return raw.isWellFormed() ? raw : refuse(path, 'text without halves of characters')
    return typeof raw === 'number' || typeof raw === 'boolean' ? raw : refuse(path, 'a single value')
  },
  elementsOf: (raw, path) => (Array.isArray(raw) ? raw : refuse(path, 'a list')),
  propertiesOf(raw, path) {
    const properties = new Map<string, string>()
    for (const [key, value] of isObject(raw) ? Object.entries(raw) : refuse(path, 'an object')) {
      if (value === null) continue
      const isText = typeof value === 'string' && value.isWellFormed() && key.isWellFormed()
      properties.set(key, isText ? value : refuse(below(path, key), 'text'))
    }
    return properties
  },
}

/**
 * Reads a JSON document as one of the types that are expected.
 *
 * @throws {CloudError} invalid with the path of what cannot be read; too-large
 */
export function parseJson(body: Uint8Array, ...expected: readonly [TypeName, ...TypeName[]]): Document {
  const root = parseJsonText(documentText(body))
  const wrapped = wrapperOf(root, expected)
  return wrapped
    ? readDocument(form, wrapped.content, wrapped.name, expected)
    : readDocument(form, root, undefined, expected)
}

/** Writes a resource as a JSON document. */
export function renderJson(resource: Resource): string {
  return JSON.stringify(toObject(resource, true))
}

/** `{"MachineCreate":{…}}`: a type's name where no attribute of that name can stand. */
function wrapperOf(root: unknown, expected: readonly TypeName[]): { name: string; content: unknown } | undefined {
  if (!isObject(root)) return undefined
  const [first, second] = Object.entries(root)
  if (!first || second || !isObject(first[1]) || !typeNamed(first[0])) return undefined
  const isAttribute = expected.some((type) => attributesOf(type).some(({ name }) => name === first[0]))
  return isAttribute ? undefined : { name: first[0], content: first[1] }
}

/** @param typed whether it says its type */
function toObject(resource: Resource, typed: boolean): object {
  const members: [name: string, value: unknown][] = typed ? [['resourceURI', typeUri(resource.type)]] : []
  for (const attribute of attributesOf(resource.type)) {
    const value = resource.attributes.get(attribute.name)
    if (value === undefined) continue
    const isItems = attribute.kind === 'list' && attribute.isItems === true
    const json = toJson(value, isItems)
    members.push([attribute.name, json])
    if ('jsonTwin' in attribute && attribute.jsonTwin !== undefined) members.push([attribute.jsonTwin, json])
  }
  return Object.fromEntries(members)
}

function toJson(value: Value, typed: boolean): unknown {
  if (typeof value !== 'object') return value
  if (isProperties(value)) return Object.fromEntries(value)
  if (isList(value)) return value.map((item) => toObject(item, typed))
  return toObject(value, false)
}
