import * as fc from 'fast-check'
import type { Resource, Value } from '../../src/frontends/cimi/document.ts'
import {
  attributesOf,
  itemsOf,
  type Attribute,
  type AttributeName,
  type TypeName,
} from '../../src/frontends/cimi/types.ts'

const MAX_DEPTH = 3

/** What XML 1.0 has no way to say: it is written as the replacement character. */
const NOT_XML = /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/g

/** Any text that both formats can hold, with what ends values oftener than chance has it. */
export const hostileText = fc
  .string({
    maxLength: 12,
    unit: fc.oneof(
      fc.constantFrom('"', "'", '\\', '&', '&amp;', '&#13;', '<', '>', ']]>', '<![CDATA[', '<!DOCTYPE', '<!--', '-->'),
      fc.constantFrom('\n', '\r', '\r\n', '\t', ' ', '\u0085', '\u00A0', '\u2028', '\uFEFF', '{', '}', '#text', ':@'),
      fc.constantFrom('__proto__', 'constructor', '\u{1F600}', '\uFFFD'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  })
  .map((text) => text.toWellFormed().replaceAll(NOT_XML, ''))

// URLs and times are read without the blanks around them.
const trimmed = hostileText.map((text) => text.trim())
const key = fc.oneof(hostileText, fc.constantFrom('__proto__', 'constructor', 'toString', '1', 'a:b', ''))
const properties = fc.array(fc.tuple(key, hostileText), { minLength: 1, maxLength: 3 }).map((pairs) => new Map(pairs))

/** Any resource of a type, with all kinds of attributes that the table gives it. */
export function anyResource(type: TypeName, depth = 0): fc.Arbitrary<Resource> {
  const attributes = attributesOf(type).filter(
    ({ kind }) => depth < MAX_DEPTH || !isNested(kind) || itemsOf(type) !== undefined,
  )
  // Each attribute stands there or not, but a collection's items always do.
  const entries = attributes.map((attribute) => {
    const entry = valueOf(attribute, depth).map((value): Entry => [attribute.name, value])
    return 'isItems' in attribute ? entry : fc.option(entry, { nil: undefined, freq: isNested(attribute.kind) ? 1 : 3 })
  })
  return fc
    .tuple(...entries)
    .map((given) => ({ type, attributes: withoutNoItems(type, new Map(given.filter((entry) => entry !== undefined))) }))
}

type Entry = readonly [AttributeName, Value]

function valueOf(attribute: Attribute, depth: number): fc.Arbitrary<Value> {
  switch (attribute.kind) {
    case 'text':
      // An element without text has no content to be read.
      return 'xml' in attribute && attribute.xml === 'content' ? hostileText.filter((text) => text !== '') : hostileText
    case 'time':
    case 'uri':
      return trimmed
    case 'integer':
      return fc.maxSafeInteger()
    case 'boolean':
      return fc.boolean()
    case 'map':
      return properties
    case 'list': {
      const minLength = attribute.isItems ? 0 : 1
      const maxLength = depth >= MAX_DEPTH ? minLength : 2
      return fc
        .array(fc.constant(null), { minLength, maxLength })
        .chain((slots) => fc.tuple(...slots.map(() => anyResource(attribute.of, depth + 1))))
    }
    case 'reference':
    case 'object':
    default:
      return fc.constant(null).chain(() => anyResource(attribute.of, depth + 1))
  }
}

function isNested(kind: Attribute['kind']): boolean {
  return kind === 'list' || kind === 'reference' || kind === 'object'
}

/** Of a collection of which only the URL is known nothing is said. */
function withoutNoItems(type: TypeName, attributes: Map<AttributeName, Value>): Resource['attributes'] {
  const items = itemsOf(type)
  const value = items && attributes.get(items)
  if (items && attributes.size === 2 && attributes.has('href') && Array.isArray(value) && value.length === 0)
    attributes.delete(items)
  return attributes
}
