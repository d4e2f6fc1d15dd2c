import { CloudError } from '../../model/errors.ts'
import { bodyText, placeIn } from '../body.ts'
import {
  parseAttributes,
  parseCategories,
  parseLinks,
  parseLocations,
  renderAttribute,
  renderCategory,
  renderLink,
  type Where,
} from './grammar.ts'
import type { Answer, Category, Codec, Link, Rendered } from './representation.ts'

const CATEGORY = 'Category'
const LINK = 'Link'
const ATTRIBUTE = 'X-OCCI-Attribute'
const LOCATION = 'X-OCCI-Location'
// jOCCI looks for this one, and some clients send it.
const PLAIN_LOCATION = 'Location'

type Part = readonly [name: string, value: string]

/** What a representation has of each name, in the order in which it is written. */
interface Parts {
  readonly categories: Category[]
  readonly links: Link[]
  readonly attributes: Map<string, string>
  readonly locations: string[]
}

type Reader = (parts: Parts, value: string, where: Where) => void

const readLocations: Reader = ({ locations }, value) => {
  for (const location of parseLocations(value)) locations.push(location)
}

/** How the value of each name is read; names come in any case. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    CATEGORY.toLowerCase(),
    ({ categories }, value, where) => {
      for (const category of parseCategories(value, where)) categories.push(category)
    },
  ],
  [
    LINK.toLowerCase(),
    ({ links }, value, where) => {
      for (const link of parseLinks(value, where)) links.push(link)
    },
  ],
  [
    ATTRIBUTE.toLowerCase(),
    ({ attributes }, value, where) => {
      // Of two with one name the later counts: pOCCI sends the old title, then the new one.
      for (const [name, text] of parseAttributes(value, where)) attributes.set(name, text)
    },
  ],
  [LOCATION.toLowerCase(), readLocations],
  [PLAIN_LOCATION.toLowerCase(), readLocations],
])

/** Whether headers hold an OCCI rendering: a filter, or a request in text/occi. */
export function carriesOcci({ headers }: { readonly headers: readonly Part[] }): boolean {
  return headers.some(([name]) => [CATEGORY, ATTRIBUTE].some((wanted) => wanted.toLowerCase() === name.toLowerCase()))
}

/**
 * One line for each part, in the body.
 *
 * @see GFD.229 section 6
 */
export function textPlain(mediaType: string): Codec {
  return {
    contentType: `${mediaType}; charset=utf-8`,
    parse: ({ body }) => {
      const parts = noParts()
      const text = bodyText(body)
      for (const { 0: line, index } of text.matchAll(/[^\r\n]+/g)) {
        if (line.trim() === '') continue
        const colon = line.indexOf(':')
        const where: Where = (at) => placeIn(text, index + colon + 1 + at)
        const read = READERS.get(line.slice(0, Math.max(colon, 0)).trim().toLowerCase())
        if (!read)
          throw new CloudError(
            'invalid',
            `${placeIn(text, index)}: ${CATEGORY}, ${LINK}, ${ATTRIBUTE} or ${LOCATION} expected`,
          )
        read(parts, line.slice(colon + 1), where)
      }
      return [parts]
    },
    render: (answer) => ({
      headers: [],
      body: toLines(answer).join('\n'),
    }),
  }
}

/**
 * All of it in headers, one header for each name.
 *
 * @see GFD.229 section 7
 */
export const textOcci: Codec = {
  contentType: 'text/occi',
  inHeaders: true,
  parse: ({ headers, body }) => {
    // Answers have the body "OK"; pOCCI sends it too.
    if (!['', 'OK'].includes(bodyText(body).trim()))
      throw new CloudError('invalid', `text/occi has all of it in headers, yet the body holds ${body.byteLength} bytes`)
    const parts = noParts()
    for (const [name, value] of headers)
      READERS.get(name.toLowerCase())?.(parts, value, (at) => `header ${name}, column ${at + 1}`)
    return [parts]
  },
  render: (answer) => {
    if (answer.shows === 'error') return { headers: [['X-OCCI-Error', answer.message]], body: answer.message }
    return { headers: toHeaders(answer), body: 'OK' }
  },
}

function toLines(answer: Answer): string[] {
  if (answer.shows === 'error') return [answer.message]
  return toParts(answer).map(([name, value]) => `${name}: ${value}`)
}

function toHeaders(answer: Exclude<Answer, { shows: 'error' }>): Rendered['headers'] {
  const parts = toParts(answer)
  const joined = (wanted: string, separator: string): string =>
    parts
      .filter(([name]) => name === wanted)
      .map(([, value]) => value)
      .join(separator)
  const headers: Part[] = [
    // jOCCI does not trim what stands after a comma; the OGF's checker cuts locations at comma and space.
    ...[CATEGORY, LINK, ATTRIBUTE].map((name): Part => [name, joined(name, ',')]),
    ...(answer.shows === 'collection' ? [[PLAIN_LOCATION, joined(LOCATION, ',')] as const] : []),
    [LOCATION, joined(LOCATION, ', ')],
  ]
  return headers.filter(([, value]) => value !== '')
}

function toParts(answer: Exclude<Answer, { shows: 'error' }>): Part[] {
  if (answer.shows === 'nothing') return []
  if (answer.shows === 'created') return [[LOCATION, answer.url]]
  if (answer.shows === 'collection') return answer.urls.map((url) => [LOCATION, url])
  if (answer.shows === 'categories') return answer.categories.map((category) => [CATEGORY, renderCategory(category)])
  const { categories, links, attributes } = answer.entity
  return [
    ...categories.map((category): Part => [CATEGORY, renderCategory(category)]),
    ...links.map((link): Part => [LINK, renderLink(link)]),
    ...[...attributes].map(([name, value]): Part => [ATTRIBUTE, renderAttribute(name, value)]),
  ]
}

function noParts(): Parts {
  return { categories: [], links: [], attributes: new Map(), locations: [] }
}
