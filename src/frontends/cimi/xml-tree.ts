import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { CloudError } from '../../model/errors.ts'
import { forbiddenIndex } from '../../wire/xml-text.ts'
import { placeIn } from '../body.ts'
import { MAX_DEPTH } from '../json-text.ts'
import { below } from './reading.ts'
import { decodeXml, escapeCdata } from './xml-text.ts'

/** An element: names are local, for clients use any prefix or none, and texts decoded. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** All text that stands directly in it, without the blanks around it. */
  readonly text: string
}

type Node = Readonly<Record<string, unknown>>

const TEXT = '#text'
const CDATA = '#cdata'
const ATTRIBUTES = ':@'
/** A document of ours has some thousand; each costs far more memory than its text. */
const MAX_TAGS = 50_000

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: TEXT,
  cdataPropName: CDATA,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Decoded here, where a document can declare none of its own.
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: MAX_DEPTH,
})

/**
 * Reads XML without a DTD into elements.
 *
 * @throws {CloudError} invalid with line and column where it stops being XML, or when it is nested too deeply
 * @see XML 1.0
 */
export function parseXmlTree(text: string): XmlElement {
  refuseUnsafe(text)
  const valid = XMLValidator.validate(text)
  // The validator's own message repeats the text around the fault, which may be a secret.
  if (valid !== true) throw new CloudError('invalid', `line ${valid.err.line}, column ${valid.err.col ?? 1}: not XML`)
  const nodes = parse(text)
  const [root, second] = elementsIn(nodes, '')
  // After a root without content the validator lets all of this pass, and the parser drops what stands last.
  const isAlone = nodesOf(nodes).every((node) => rawText(node).trim() === '') && text.trimEnd().endsWith('>')
  if (!root || second || !isAlone)
    throw new CloudError('invalid', 'line 1, column 1: one XML element with nothing beside it is expected')
  return root
}

function refuseUnsafe(text: string): void {
  // In comments and CDATA too: whoever has it there can do without.
  const declaration = text.search(/<!DOCTYPE|<!(?!--|\[CDATA\[)/i)
  if (declaration >= 0) throw new CloudError('invalid', `${placeIn(text, declaration)}: a DTD is not allowed`)
  const forbidden = forbiddenIndex(text)
  if (forbidden >= 0)
    throw new CloudError('invalid', `${placeIn(text, forbidden)}: a character that XML does not allow`)
  const tags = text.split('<').length - 1
  if (tags > MAX_TAGS) throw new CloudError('invalid', `the XML has ${tags} tags; ${MAX_TAGS} are read at most`)
}

function parse(text: string): unknown {
  try {
    return parser.parse(text)
  } catch (error) {
    const isDeep = error instanceof Error && error.message.includes('nested')
    throw new CloudError(
      'invalid',
      isDeep
        ? `the XML is nested deeper than ${MAX_DEPTH} levels`
        : 'the XML is malformed, or a name in it is reserved',
    )
  }
}

/** The parser's nodes have one member that is named as the element, and maybe one with the attributes. */
function elementsIn(nodes: unknown, path: string): XmlElement[] {
  return nodesOf(nodes).flatMap((node) => {
    const name = Object.keys(node).find((key) => key !== ATTRIBUTES)
    if (name === undefined || name === TEXT || name === CDATA) return []
    const local = localName(name)
    const at = below(path, local)
    return [
      {
        name: local,
        attributes: attributesOf(node[ATTRIBUTES], at),
        children: elementsIn(node[name], at),
        text: decodeXml(nodesOf(node[name]).map(rawText).join(''), at),
      },
    ]
  })
}

function attributesOf(found: unknown, path: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(found ?? {})) {
    // Namespaces are not looked at; xml:space and the like say nothing to us.
    if (/^xml(?:ns)?(?::|$)/.test(name)) continue
    const local = localName(name)
    if (attributes.has(local)) throw new CloudError('invalid', `${path}: an attribute stands there twice`)
    // XML 1.0 section 3.3.3: a line break in an attribute is a blank.
    attributes.set(local, decodeXml(String(value).replaceAll(/[\t\r\n]/g, ' '), below(path, local)))
  }
  return attributes
}

function rawText(node: Node): string {
  const cdata = nodesOf(node[CDATA]).map((part) => escapeCdata(stringOf(part[TEXT])))
  return stringOf(node[TEXT]) + cdata.join('')
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function nodesOf(nodes: unknown): readonly Node[] {
  return Array.isArray(nodes) ? nodes : []
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}
