import { CloudError } from '../../model/errors.ts'
import { decodeXmlReference, FORBIDDEN_IN_XML, XML_ENTITIES } from '../../wire/xml-text.ts'

const NAMES: ReadonlyMap<string, string> = new Map([...XML_ENTITIES].map(([name, value]) => [value, `&${name};`]))
const REPLACEMENT = '\uFFFD'
/** The white space of XML, which is less than that of `trim`. */
const BLANK = ' \t\r\n'
const MARKUP = /[&<>"\r]/g
// In CDATA a "&" begins nothing.
const CDATA_SPECIAL = /[&\t\r\n ]/g

/**
 * A text as it may stand in an element or in quotes. Blanks at its ends become references, for readers cut those that
 * are not; what XML cannot say at all becomes the replacement character.
 *
 * @see XML 1.0 sections 2.2, 2.4, 3.3.3
 */
export function escapeXml(text: string): string {
  const safe = text.replaceAll(FORBIDDEN_IN_XML, REPLACEMENT)
  const { start, end } = withoutBlanks(safe)
  const inner = safe.slice(start, end).replaceAll(MARKUP, toReference)
  return escapeCdata(safe.slice(0, start)) + inner + escapeCdata(safe.slice(end))
}

/** The same for the value of an XML attribute, where a line break or tab would become a blank. */
export function escapeXmlAttribute(text: string): string {
  return escapeXml(text).replaceAll(/[\t\n]/g, toReference)
}

/** A CDATA section as text with references, so that what stands in it is not cut. */
export function escapeCdata(text: string): string {
  return text.replaceAll(CDATA_SPECIAL, toReference)
}

/**
 * What a text stands for, without the blanks around it: only the five entities and references to characters are known.
 *
 * @throws {CloudError} invalid when another entity stands in it
 * @see XML 1.0 section 4.1
 */
export function decodeXml(text: string, path: string): string {
  const { start, end } = withoutBlanks(text)
  return text.slice(start, end).replaceAll(/&([^;&]{0,20};)?/g, (found) => {
    const character = decodeXmlReference(found.slice(1, -1))
    if (character === undefined)
      throw new CloudError(
        'invalid',
        `${path}: only &amp; &lt; &gt; &quot; &apos; and references to characters may follow a "&"`,
      )
    return character
  })
}

/** Where the text begins and ends without the blanks around it; a pattern would take the square of a row of blanks. */
function withoutBlanks(text: string): { readonly start: number; readonly end: number } {
  let [start, end] = [0, text.length]
  while (start < end && BLANK.includes(text.charAt(start))) start++
  while (end > start && BLANK.includes(text.charAt(end - 1))) end--
  return { start, end }
}

function toReference(character: string): string {
  return NAMES.get(character) ?? `&#${character.codePointAt(0)};`
}
