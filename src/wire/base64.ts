import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'

const BLANK = /[ \t\r\n]+/g
const OUTSIDE_ALPHABET = /[^A-Za-z0-9+/]/
const WHOLE = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * Decodes base64 as its standard has it: padded, canonical, nothing foreign in it. White space may stand anywhere, for
 * many encoders break lines.
 *
 * @param field how the error names the value; the value itself is never repeated
 * @throws {CloudError} invalid with the position (in characters, from 1) of what is wrong
 * @see RFC 4648 section 4
 * @example
 * decodeBase64('aGVsbG8=', 'userData') // the bytes of 'hello'
 */
export function decodeBase64(text: string, field: string): Uint8Array {
  // Whatever comes out as it went in is as its standard has it: most does, and this is the fastest way to know.
  const decoded = Buffer.from(text, 'base64')
  if (decoded.toString('base64') === text) return decoded
  const packed = text.replaceAll(BLANK, '')
  if (!WHOLE.test(packed)) throw notBase64(field, at(text, foreignIndex(packed)), 'is not of A-Z a-z 0-9 + /')
  if (packed.length % 4 !== 0)
    throw notBase64(field, `its end, character ${text.length},`, `comes after ${packed.length}, no multiple of 4`)
  const bytes = Buffer.from(packed, 'base64')
  // The last character before the padding has bits that no byte uses; they must be 0, or two texts would mean the same.
  if (bytes.subarray(bytes.length - (bytes.length % 3)).toString('base64') !== lastGroup(packed))
    throw notBase64(field, at(text, packed.indexOf('=') - 1), 'has bits set beyond the last byte')
  return bytes
}

/** The group with the padding, or nothing where there is none. */
function lastGroup(packed: string): string {
  return packed.endsWith('=') ? packed.slice(-4) : ''
}

/** Where in `packed` stands the first character that cannot stand there. */
function foreignIndex(packed: string): number {
  const outside = packed.search(OUTSIDE_ALPHABET)
  if (packed[outside] !== '=') return outside
  // Padding is well only at the very end, and no longer than two.
  const after = packed.slice(outside).search(/[^=]/)
  return after === -1 ? outside + 2 : outside + after
}

function at(text: string, packedIndex: number): string {
  let index = -1
  for (let seen = -1; seen < packedIndex;) if (!/[ \t\r\n]/.test(text[++index] ?? '')) seen++
  return `character ${index + 1} of ${text.length}`
}

function notBase64(field: string, where: string, why: string): CloudError {
  return new CloudError('invalid', `${field}: not base64: ${where} ${why}; send standard base64 (RFC 4648 section 4)`)
}
