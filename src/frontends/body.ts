import { CloudError } from '../model/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A body as text. @throws {CloudError} invalid when it is not UTF-8 */
export function bodyText(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch (cause) {
    throw new CloudError('invalid', 'the body is not UTF-8', { cause })
  }
}

/** How errors call a place in a text, both counted from 1: `line 3, column 20`. It costs a look at all that stands before. */
export function placeIn(text: string, index: number): string {
  let [line, start] = [1, 0]
  // Line breaks are any of CR LF, LF CR (pOCCI), CR, LF.
  for (const found of text.slice(0, index).matchAll(/\r\n|\n\r|\r|\n/g)) {
    line++
    start = found.index + found[0].length
  }
  return `line ${line}, column ${index - start + 1}`
}
