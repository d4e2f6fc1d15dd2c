import { isList, isProperties, type Document, type Resource, type Value } from './document.ts'
import { below, documentText, OWN_TEXT, readDocument, refuse, type Form } from './reading.ts'
import { attributesOf, itemsOf, NAMESPACE, typeUri, type Attribute, type TypeName } from './types.ts'
import { escapeXml, escapeXmlAttribute } from './xml-text.ts'
import { parseXmlTree, type XmlElement } from './xml-tree.ts'

const COLLECTION = 'Collection'
const KEY = 'key'

/** All elements of one name are one member; an attribute is read as an element would be. */
type Elements = readonly XmlElement[]

const form: Form<Elements> = {
  nameOf,
  membersOf(raw, path) {
    const { attributes, children, text } = oneOf(raw, path)
    const members = new Map<string, XmlElement[]>()
    const elements = [...[...attributes].map(([name, value]) => textElement(name, value)), ...children]
    if (text !== '') elements.push(textElement(OWN_TEXT, text))
    for (const element of elements) {
      const named = members.get(element.name)
      if (named) named.push(element)
      else members.set(element.name, [element])
    }
    return members
  },
  scalarOf(raw, path) {
    const { children, text } = oneOf(raw, path)
    return children.length === 0 ? text : refuse(path, 'text without elements')
  },
  elementsOf: (raw) => raw.map((element) => [element]),
  propertiesOf: (raw, path) =>
    new Map(
      raw.map((element) => {
        const key = element.attributes.get(KEY) ?? refuse(path, `an attribute "${KEY}" in each property`)
        return element.children.length === 0 ? [key, element.text] : refuse(below(path, key), 'text without elements')
      }),
    ),
}

/**
 * Reads an XML document as one of the types that are expected.
 *
 * @throws {CloudError} invalid with the path, or line and column, of what cannot be read; too-large
 */
export function parseXml(body: Uint8Array, ...expected: readonly [TypeName, ...TypeName[]]): Document {
  const root = parseXmlTree(documentText(body))
  // The root of a collection does not say of what.
  const name = root.name.toLowerCase() === COLLECTION.toLowerCase() ? undefined : root.name
  return readDocument(form, [root], name, expected)
}

/** Writes a resource as an XML document. */
export function renderXml(resource: Resource): string {
  const root = itemsOf(resource.type) ? COLLECTION : resource.type
  return toElement(resource, root, ` xmlns="${NAMESPACE}"`, ` resourceURI="${typeUri(resource.type)}"`)
}

/** The attributes that the table knows stand between those that are given. */
function toElement(resource: Resource, name: string, first = '', last = ''): string {
  let attributes = ''
  let content = ''
  for (const attribute of attributesOf(resource.type)) {
    const value = resource.attributes.get(attribute.name)
    if (value === undefined) continue
    const place = 'xml' in attribute ? attribute.xml : undefined
    if (place === undefined || typeof value === 'object') content += toElements(value, attribute)
    else if (place === 'content') content += escapeXml(String(value))
    else attributes += ` ${attribute.name}="${escapeXmlAttribute(String(value))}"`
  }
  return wrap(name, `${first}${attributes}${last}`, content)
}

function toElements(value: Value, attribute: Attribute): string {
  const name = nameOf(attribute)
  if (typeof value !== 'object') return wrap(name, '', escapeXml(String(value)))
  if (isProperties(value))
    return [...value].map(([key, text]) => wrap(name, ` ${KEY}="${escapeXmlAttribute(key)}"`, escapeXml(text))).join('')
  if (isList(value)) return value.map((item) => toElement(item, name)).join('')
  // A collection that stands where its reference would says of what it is, for its name does not.
  const items = itemsOf(value.type)
  return toElement(value, name, '', items && value.attributes.has(items) ? ` resourceURI="${typeUri(value.type)}"` : '')
}

function wrap(name: string, attributes: string, content: string): string {
  return content === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${content}</${name}>`
}

function nameOf(attribute: Attribute): string {
  if (attribute.kind === 'list' || attribute.kind === 'map') return attribute.item
  return 'xml' in attribute && attribute.xml === 'content' ? OWN_TEXT : attribute.name
}

function textElement(name: string, text: string): XmlElement {
  return { name, attributes: new Map(), children: [], text }
}

function oneOf(raw: Elements, path: string): XmlElement {
  const [element, second] = raw
  return element && !second ? element : refuse(path, 'one element, not several,')
}
