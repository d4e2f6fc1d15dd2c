import { Buffer, isUtf8 } from 'node:buffer'

/** Data as formats look at them: unpacked, and read as text no sooner than somebody asks. */
export interface Payload {
  readonly bytes: Uint8Array
  /** All of it as UTF-8; a byte order mark stays, and what is not UTF-8 reads as U+FFFD. */
  readonly text: string
  /** How the text begins, from its first character that is not white space. */
  readonly lead: string
  /** Whether white space stands before it. */
  readonly indented: boolean
  /** Where the first byte is that is not UTF-8, from 0. */
  readonly foreignByte: number | undefined
}

/** So far a beginning is looked for: more white space than this stands before nothing. */
const HEAD_BYTES = 64 * 1024
const LEAD_CHARACTERS = 4096

// What Python's str.lstrip takes away; a byte order mark is not among it, as it is in JavaScript.
const BLANKS = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/

/** A text without the white space before it, as Python's `lstrip` gives it. */
export function withoutBlanks(text: string): string {
  return text.replace(BLANKS, '')
}

/** Makes bytes ready to be looked at. */
export function toPayload(bytes: Uint8Array): Payload {
  const head = decode(bytes.subarray(0, HEAD_BYTES))
  const lead = withoutBlanks(head)
  let text: string | undefined
  return {
    bytes,
    lead: lead.slice(0, LEAD_CHARACTERS),
    indented: lead.length < head.length,
    get text() {
      return (text ??= decode(bytes))
    },
    get foreignByte() {
      return isUtf8(bytes) ? undefined : firstForeignByte(bytes, this.text)
    },
  }
}

/** What to say of data with a byte that is not UTF-8, where cloud-init drops them for it; `undefined` where they have none. */
export function foreignRemark({ foreignByte }: Payload): string | undefined {
  return foreignByte === undefined ? undefined : `byte ${foreignByte + 1} is not UTF-8: cloud-init runs nothing of it`
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

/** A U+FFFD of the text that its bytes do not spell is where they are no UTF-8. */
function firstForeignByte(bytes: Uint8Array, text: string): number {
  let offset = 0
  for (let from = 0; ;) {
    const at = text.indexOf('\ufffd', from)
    if (at === -1) return offset
    offset += Buffer.byteLength(text.slice(from, at))
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return offset
    offset += 3
    from = at + 1
  }
}
