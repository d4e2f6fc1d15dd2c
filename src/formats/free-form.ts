import { Buffer } from 'node:buffer'
import { ignored, type Format, type Formats } from './format.ts'
import { isGzip } from './gzip.ts'
import { toPayload, type Payload } from './payload.ts'

/** Text that no other format claims: free form, which somebody in the guest may want. */
export const text: Format = {
  name: 'text',
  title: 'text',
  matches: ({ foreignByte, text }) => foreignByte === undefined && !CONTROLS.test(text),
  examine: (payload, formats) => {
    const remark = nearlyRemark(payload) ?? markRemark(payload, formats) ?? base64Remark(payload, formats)
    return remark === undefined ? ignored() : ignored(remark)
  },
}

/** All else. */
export const binary: Format = {
  name: 'binary',
  title: 'binary',
  matches: () => true,
  examine: ({ bytes }) => {
    if (isGzip(bytes)) return ignored('gzip within gzip: cloud-init unpacks once')
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    return utf16 ? ignored('UTF-16: cloud-init reads UTF-8 alone') : ignored()
  },
}

const CONTROLS = /[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/

/** What is nearly a format, and why it is not. */
const NEARLY: readonly (readonly [begins: RegExp, remark: string])[] = [
  [/^#[ \t]+cloud-config/i, 'white space after "#": cloud-init knows "#cloud-config" alone'],
  [/^#[ \t]+!/, 'white space between "#" and "!"'],
  [/^---[ \t]*\r?\n\s*#cloud-config/i, '"---" before "#cloud-config", which must come first'],
  [/^content-type:[ \t]*multipart\//i, 'a MIME message without "MIME-Version:" in its first 4096 bytes'],
]

function nearlyRemark({ lead }: Payload): string | undefined {
  return NEARLY.find(([begins]) => begins.test(lead))?.[1]
}

const MARK = '\ufeff'

function markRemark({ lead, bytes }: Payload, formats: Formats): string | undefined {
  if (!lead.startsWith(MARK)) return undefined
  const behind = formats.byPrefix(toPayload(bytes.subarray(Buffer.byteLength(MARK))))
  return `a byte order mark at its beginning${behind ? `: cloud-init does not see the ${behind.title} behind it` : ''}`
}

const NOT_BASE64 = /[^A-Za-z0-9+/=\r\n]/
const BASE64_MIN_CHARACTERS = 16

/** Bellhop decodes at its door, and once: what is base64 here reaches the guest so. */
function base64Remark({ text }: Payload, formats: Formats): string | undefined {
  if (NOT_BASE64.test(text)) return undefined
  const packed = text.replaceAll(/[\r\n]/g, '')
  if (packed.length < BASE64_MIN_CHARACTERS || packed.length % 4 !== 0) return undefined
  const inner = Buffer.from(packed, 'base64')
  const format = formats.byPrefix(toPayload(inner))
  const what = format ? `base64 of a ${format.title}` : isGzip(inner) ? 'base64 of gzip' : 'looks like base64'
  return `${what}: it reaches the guest as it is`
}
