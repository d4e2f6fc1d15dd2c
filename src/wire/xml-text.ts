import { CloudError } from '../model/errors.ts'

/**
 * What XML does not allow: not even a character reference may name these. Halves of pairs are no characters at all.
 *
 * @see XML 1.0 section 2.2
 */
export const FORBIDDEN_IN_XML = /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF\p{Cs}]/gu
const MARKUP = /[&<>\r]/g
/** The only five entities that a document without a DTD has, and what each stands for. */
export const XML_ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])
// A reader makes a line feed of a carriage return that is not a reference.
const REFERENCES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }

/**
 * A text as it may stand in an element.
 *
 * @param where how the error names the text; the text itself is never repeated
 * @throws {CloudError} invalid with the position (in characters, from 1) of what XML cannot hold
 * @see XML 1.0 sections 2.2, 2.4, 2.11
 */
export function escapeXmlText(text: string, where: string): string {
  const index = forbiddenIndex(text)
  if (index < 0) return text.replaceAll(MARKUP, (character) => REFERENCES[character] ?? character)
  throw new CloudError(
    'invalid',
    `${where}: character ${index + 1} of ${text.length} is a control character, or none at all, and XML cannot hold it; encode the text`,
  )
}

/** Where the first character stands that XML does not allow; -1 where there is none. */
export function forbiddenIndex(text: string): number {
  return text.search(FORBIDDEN_IN_XML)
}

/**
 * What a text with references stands for; nothing where a `&` begins neither one of the five entities nor a reference to a
 * character.
 *
 * @see XML 1.0 sections 4.1, 4.6
 */
export function decodeXmlText(text: string): string | undefined {
  if (!text.includes('&')) return text
  let isWell = true
  const decoded = text.replaceAll(/&(?:([^;&]{1,20});)?/g, (_, name: string | undefined) => {
    const character = name === undefined ? undefined : decodeXmlReference(name)
    if (character === undefined) isWell = false
    return character ?? ''
  })
  return isWell ? decoded : undefined
}

/** What one reference stands for, without its `&` and `;`; nothing where it is none. @see XML 1.0 sections 4.1, 4.6 */
export function decodeXmlReference(name: string): string | undefined {
  const digits = /^#(?:x(?<hex>[\da-fA-F]{1,6})|(?<decimal>\d{1,7}))$/.exec(name)?.groups
  if (!digits) return XML_ENTITIES.get(name)
  const code = digits['hex'] === undefined ? Number(digits['decimal']) : Number.parseInt(digits['hex'], 16)
  if (code > 0x10_ff_ff) return undefined
  const character = String.fromCodePoint(code)
  return forbiddenIndex(character) < 0 ? character : undefined
}
