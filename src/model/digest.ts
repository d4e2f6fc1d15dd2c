import { createHash } from 'node:crypto'

/** SHA-256 of `bytes`, as 64 lower-case hex digits: how the same bytes are known again at every hop. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * The one UUID that a text stands for, in lower case: the same for the same text.
 *
 * @see RFC 9562 section 5.8: version 8, made in a way of one's own
 */
export function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}
