import { CloudError } from '../model/errors.ts'
import { decodeXmlText, forbiddenIndex } from './xml-text.ts'

/** An element, with its name as it was written. Attributes are not kept: nothing that we read has any that matter. */
export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  /** All text that stands directly in it, decoded, blanks and all. */
  readonly text: string
}

const MAX_DEPTH = 64
/** Each costs some ten times its text in memory; this is some thousand whole VMs. */
const MAX_ELEMENTS = 1_000_000
/** Of one element; without a limit the pattern below would take all of the stack. */
const MAX_ATTRIBUTES = 100

// XML 1.0 sections 2.3, 3.1. Beyond ASCII more is taken for a name than is one.
const NAME = String.raw`[A-Za-z_:\x80-\uFFFF][\w:.\-\x80-\uFFFF]*`
const ATTRIBUTE = String.raw`[ \t\n]+(${NAME})[ \t\n]*=[ \t\n]*("[^"<]*"|'[^'<]*')`
const START_TAG = new RegExp(String.raw`<(${NAME})((?:${ATTRIBUTE}){0,${MAX_ATTRIBUTES}})[ \t\n]*/?>`, 'y')
const END_TAG = new RegExp(String.raw`</(${NAME})[ \t\n]*>`, 'y')
const EACH_ATTRIBUTE = new RegExp(ATTRIBUTE, 'g')
const DECLARATION_MAX_CHARACTERS = 200
const DECLARATION = /^<\?xml[ \t\n][^?]*\?>/

/**
 * Reads well-formed XML without a DTD: elements, text, CDATA sections, references to characters and the five entities.
 *
 * @throws {CloudError} provider-failed with the position (in characters, from 1) where it stops being that, or where it is too
 *   deep or too much; nothing of the text is repeated
 * @see XML 1.0
 */
export function parseXml(source: string): XmlElement {
  const text = source.replaceAll(/\r\n?/g, '\n')
  const forbidden = forbiddenIndex(text)
  if (forbidden >= 0) throw refusal(forbidden, 'a character that XML does not allow')
  const tree = growTree()
  let at = DECLARATION.exec(text.slice(0, DECLARATION_MAX_CHARACTERS))?.[0].length ?? 0
  while (at < text.length) {
    const next = text.indexOf('<', at)
    const end = next < 0 ? text.length : next
    tree.addText(readText(text, at, end), at)
    at = next < 0 ? end : (readAside(text, next, tree) ?? readTag(text, next, tree))
  }
  return tree.root(text.length)
}

/** Whether a text has nothing but XML's own blanks, which are fewer than those of `trim`. */
export function isBlank(text: string): boolean {
  return !/[^ \t\r\n]/.test(text)
}

/** Elements as their tags come; each is told where that is, for refusals. */
interface Tree {
  readonly begin: (name: string, at: number) => void
  readonly end: (name: string, at: number) => void
  readonly addText: (text: string, at: number) => void
  /** The only element that stands in no other. */
  readonly root: (at: number) => XmlElement
}

interface OpenElement {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

function growTree(): Tree {
  const outside: OpenElement = { name: '', children: [], text: '' }
  const open: OpenElement[] = []
  let current = outside
  let count = 0
  return {
    begin: (name, at) => {
      if (++count > MAX_ELEMENTS) throw refusal(at, `more than ${MAX_ELEMENTS} elements`)
      if (open.length === MAX_DEPTH) throw refusal(at, `nested deeper than ${MAX_DEPTH} levels`)
      if (current === outside && outside.children.length > 0) throw refusal(at, 'a second root')
      const element: OpenElement = { name, children: [], text: '' }
      current.children.push(element)
      open.push(element)
      current = element
    },
    end: (name, at) => {
      if (open.pop()?.name !== name) throw refusal(at, 'an end without a beginning')
      current = open.at(-1) ?? outside
    },
    addText: (text, at) => {
      if (current !== outside) current.text += text
      else if (!isBlank(text)) throw refusal(at, 'text beside the root')
    },
    root: (at) => {
      const [root] = outside.children
      if (!root || current !== outside) throw refusal(at, 'no end of the root')
      return root
    },
  }
}

function readText(source: string, from: number, to: number): string {
  const raw = source.slice(from, to)
  const text = decodeXmlText(raw)
  if (text === undefined) throw refusal(from, 'text with an "&" that begins nothing known')
  // XML 1.0 section 2.4.
  if (raw.includes(']]>')) throw refusal(from, 'text with an end of CDATA without a beginning')
  return text
}

/** What is neither text nor tag. @returns where it ends; nothing where none begins there */
function readAside(text: string, at: number, tree: Tree): number | undefined {
  const until = (start: string, end: string) => {
    const index = text.indexOf(end, at + start.length)
    if (index < 0) throw refusal(at, `"${start}" without its end`)
    return index
  }
  if (text.startsWith('<![CDATA[', at)) {
    const end = until('<![CDATA[', ']]>')
    tree.addText(text.slice(at + '<![CDATA['.length, end), at)
    return end + ']]>'.length
  }
  if (text.startsWith('<!--', at)) {
    const end = until('<!--', '--')
    if (text[end + 2] !== '>') throw refusal(end, '"--" within a comment')
    return end + '-->'.length
  }
  if (text.startsWith('<!', at)) throw refusal(at, 'a DTD, which is not read')
  if (!text.startsWith('<?', at)) return undefined
  if (/^<\?xml[ \t\n?]/i.test(text.slice(at, at + 6))) throw refusal(at, 'a declaration that is not at the beginning')
  return until('<?', '?>') + '?>'.length
}

/** @returns where the tag ends */
function readTag(text: string, at: number, tree: Tree): number {
  const pattern = text[at + 1] === '/' ? END_TAG : START_TAG
  pattern.lastIndex = at
  const tag = pattern.exec(text)
  if (!tag) throw refusal(at, 'no tag')
  const { 0: whole, 1: name = '', 2: attributes = '' } = tag
  if (pattern === START_TAG) {
    checkAttributes(attributes, at)
    tree.begin(name, at)
  }
  if (pattern === END_TAG || whole.endsWith('/>')) tree.end(name, at)
  return at + whole.length
}

function checkAttributes(attributes: string, at: number): void {
  if (attributes === '') return
  const names = new Set<string>()
  for (const [, name = '', value = ''] of attributes.matchAll(EACH_ATTRIBUTE)) {
    if (names.has(name)) throw refusal(at, 'an attribute twice')
    if (decodeXmlText(value) === undefined) throw refusal(at, 'an attribute with an "&" that begins nothing known')
    names.add(name)
  }
}

function refusal(index: number, why: string): CloudError {
  return new CloudError('provider-failed', `not the XML that is expected: at character ${index + 1}: ${why}`)
}
