import { CloudError } from '../../model/errors.ts'
import { isFloat } from './attributes.ts'
import type { AttributeEntry, Category, CategoryClass, Link, Value } from './representation.ts'

/*
 * list      = value *( *SP "," *SP value )
 * category  = term *( *SP ";" *SP param ) [ ";" ]
 * link      = "<" URI-ref ">" *( *SP ";" *SP param ) [ ";" ]
 * attribute = param [ ";" ]
 * param     = name *SP "=" *SP ( quoted / token )
 * quoted    = DQUOTE *( any but " \ / "\" any ) DQUOTE
 *
 * A superset of GFD.229 section 4 that takes what real clients write; what we write ourselves is strict.
 */

const SPACE = /[ \t]*/y
const TERM = /[A-Za-z0-9][A-Za-z0-9._-]*/y
const NAME = /[^\s=;,"<>]+/y
const TOKEN = /[^\s;,"<>]+/y
const URI = /<[^<>\s]*>/y
// Other pairs stand as they are: roboconf's literal `\n` is meant for printf.
const ESCAPED = /\\(["\\])/g

const LINK_PARAMS: ReadonlySet<string> = new Set(['rel', 'self', 'category'])

/** How errors call the place of a character in the text being read (`line 3, column 20`). */
export type Where = (index: number) => string

/** A text being read. */
interface Cursor {
  readonly text: string
  readonly where: Where
  at: number
}

/** Whether `text` can be the term of a category. */
export function isTerm(text: string): boolean {
  return isWhole(TERM, text)
}

/** Whether `text` can be the name of an attribute. */
export function isName(text: string): boolean {
  return isWhole(NAME, text)
}

/** Reads the value of a `Category` line or header. @throws {CloudError} invalid with the column */
export function parseCategories(text: string, where: Where): Category[] {
  return parseList(text, where, (cursor) => {
    const term = take(cursor, TERM, 'a category term')
    const params = parseParams(cursor)
    const scheme = params.get('scheme') ?? fail(cursor, `no scheme for the category ${show(term)}`)
    return toCategory(term, scheme, params)
  })
}

/** Reads the value of a `Link` line or header. @throws {CloudError} invalid with the column */
export function parseLinks(text: string, where: Where): Link[] {
  return parseList(text, where, (cursor) => {
    const target = take(cursor, URI, 'a link target in <>').slice(1, -1)
    const params = parseParams(cursor)
    const [rel, self, category] = [params.get('rel'), params.get('self'), params.get('category')]
    const attributes = [...params].filter(([name]) => !LINK_PARAMS.has(name))
    return {
      target,
      rel: rel ?? fail(cursor, 'no rel for the link'),
      ...(self === undefined ? {} : { self }),
      categories: words(category),
      attributes: new Map(attributes),
    }
  })
}

/** Reads the value of an `X-OCCI-Attribute` line or header. @throws {CloudError} invalid with the column */
export function parseAttributes(text: string, where: Where): (readonly [string, string])[] {
  return parseList(text, where, (cursor) => {
    const attribute = parseParam(cursor)
    skip(cursor)
    if (cursor.text[cursor.at] === ';') cursor.at++
    return attribute
  })
}

/** Reads the value of an `X-OCCI-Location` or `Location` line or header. */
export function parseLocations(text: string): string[] {
  return text
    .split(',')
    .map((location) => location.trim())
    .filter((location) => location !== '')
}

/** Writes one category; its parts in the order of the specification, for clients match them by regular expressions. */
export function renderCategory(category: Category): string {
  const { term, scheme, title, rel, location, attributes = [], actions = [] } = category
  return [
    term,
    `scheme=${quote(scheme)}`,
    ...(category.class === undefined ? [] : [`class=${quote(category.class)}`]),
    ...(title === undefined ? [] : [`title=${quote(title)}`]),
    ...(rel === undefined ? [] : [`rel=${quote(rel)}`]),
    ...(location === undefined ? [] : [`location=${quote(location)}`]),
    // pOCCI cannot read an empty value.
    ...(attributes.length === 0 ? [] : [`attributes=${quote(attributes.map(renderEntry).join(' '))}`]),
    ...(actions.length === 0 ? [] : [`actions=${quote(actions.join(' '))}`]),
  ].join('; ')
}

/** Writes one link. */
export function renderLink({ target, rel, self, categories, attributes }: Link): string {
  return [
    `<${target}>`,
    `rel=${quote(rel)}`,
    ...(self === undefined ? [] : [`self=${quote(self)}`]),
    ...(categories.length === 0 ? [] : [`category=${quote(categories.join(' '))}`]),
    ...[...attributes].map(([name, value]) => renderAttribute(name, value)),
  ].join('; ')
}

/** Writes one attribute; numbers bare, those of a float attribute with a point. */
export function renderAttribute(name: string, value: Value): string {
  if (typeof value === 'string') return `${name}=${quote(value)}`
  return `${name}=${isFloat(name) && Number.isInteger(value) ? value.toFixed(1) : value}`
}

function parseList<T>(text: string, where: Where, parseElement: (cursor: Cursor) => T): T[] {
  const cursor: Cursor = { text, where, at: 0 }
  const elements: T[] = []
  skip(cursor)
  while (cursor.at < text.length) {
    elements.push(parseElement(cursor))
    skip(cursor)
    if (cursor.at === text.length) break
    if (text[cursor.at] !== ',') fail(cursor, 'the end or "," expected; a \'"\' inside a value is written \\"')
    cursor.at++
    skip(cursor)
    if (cursor.at === text.length) fail(cursor, 'nothing after the ","')
  }
  return elements
}

function parseParams(cursor: Cursor): Map<string, string> {
  const params = new Map<string, string>()
  for (;;) {
    skip(cursor)
    if (cursor.text[cursor.at] !== ';') return params
    cursor.at++
    skip(cursor)
    // A ";" may also end the element.
    if (cursor.at === cursor.text.length || cursor.text[cursor.at] === ',') return params
    params.set(...parseParam(cursor))
  }
}

function parseParam(cursor: Cursor): [name: string, value: string] {
  const name = take(cursor, NAME, 'a name')
  skip(cursor)
  if (cursor.text[cursor.at] !== '=') fail(cursor, `"=" expected after ${show(name)}`)
  cursor.at++
  skip(cursor)
  if (cursor.text[cursor.at] !== '"') return [name, take(cursor, TOKEN, `a value for ${show(name)}`)]
  const start = cursor.at + 1
  const end = closingQuote(cursor.text, start)
  if (end === -1) fail(cursor, `no closing '"' for ${show(name)}; text cannot hold a line break, base64 can`)
  cursor.at = end + 1
  return [name, cursor.text.slice(start, end).replaceAll(ESCAPED, '$1')]
}

/** The first quote after `start` that no backslash escapes. Linear: each character is looked at twice at most. */
function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at
  }
  return -1
}

function toCategory(term: string, scheme: string, params: ReadonlyMap<string, string>): Category {
  const [title, rel, location, attributes, actions] = ['title', 'rel', 'location', 'attributes', 'actions'].map(
    (name) => params.get(name),
  )
  const given = params.get('class')?.toLowerCase()
  return {
    term,
    // Some clients repeat the term here (`…compute#user_data`).
    scheme: scheme.replace(/#.*$/s, '#'),
    ...(isClass(given) ? { class: given } : {}),
    ...(title === undefined ? {} : { title }),
    ...(rel === undefined ? {} : { rel }),
    ...(location === undefined ? {} : { location }),
    ...(attributes === undefined ? {} : { attributes: words(attributes).map(parseEntry) }),
    ...(actions === undefined ? {} : { actions: words(actions) }),
  }
}

function isClass(text: string | undefined): text is CategoryClass {
  return text === 'kind' || text === 'mixin' || text === 'action'
}

// `{immutable required}` holds a space, so flags go to their name before the list is cut at spaces.
function words(text: string | undefined): string[] {
  return text?.match(/[^\s{}]+(?:\{[^{}]*\})?/g) ?? []
}

function parseEntry(text: string): AttributeEntry {
  const [name = '', flags = ''] = text.split('{')
  return {
    name,
    ...(flags.includes('immutable') ? { immutable: true } : {}),
    ...(flags.includes('required') ? { required: true } : {}),
  }
}

function renderEntry({ name, immutable, required }: AttributeEntry): string {
  const flags = [...(immutable ? ['immutable'] : []), ...(required ? ['required'] : [])].join(' ')
  return flags === '' ? name : `${name}{${flags}}`
}

function quote(text: string): string {
  // No text rendering can hold a line break or another control character.
  return `"${text.replaceAll(/[\0-\x1F\x7F]+/g, ' ').replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

function isWhole(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(text) && pattern.lastIndex === text.length
}

function take(cursor: Cursor, pattern: RegExp, expected: string): string {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)?.[0] ?? fail(cursor, `${expected} expected`)
  cursor.at += found.length
  return found
}

function skip(cursor: Cursor): void {
  SPACE.lastIndex = cursor.at
  cursor.at += SPACE.exec(cursor.text)?.[0].length ?? 0
}

function show(name: string): string {
  return `"${name.slice(0, 100)}"`
}

function fail(cursor: Cursor, problem: string): never {
  throw new CloudError('invalid', `${cursor.where(cursor.at)}: ${problem}`)
}
