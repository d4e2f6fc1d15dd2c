import { Buffer } from 'node:buffer'
import { failing, ignored, type Finding, type Format, type Formats } from './format.ts'
import { unpack, type Unpacked } from './gzip.ts'
import { asPythonEncodes, beginsAsMessage, isAscii, parseMime, PARTS_MAX, type MimePart } from './mime.ts'
import { examineParts, type Part } from './parts.ts'
import { toPayload, type Payload } from './payload.ts'

/** Several parts, each with its type: a MIME message. */
export const multipart: Format = {
  name: 'multipart',
  title: 'MIME message',
  matches: (payload) => mentionsMime(payload) && beginsAsMessage(payload.text),
  examine,
}

/** So far cloud-init looks for `MIME-Version:`. */
const MENTION_BYTES = 4096
/** A longer message is not looked into. */
const MESSAGE_MAX_BYTES = 8 * 1024 * 1024

/** Content types of which cloud-init looks at the content for the format. */
const SNIFFED: ReadonlySet<string> = new Set(['text/plain', 'text/x-not-multipart', 'text/x-shellscript'])

/** cloudinit/user_data.py, DECOMP_TYPES */
const PACKED: ReadonlySet<string> = new Set([
  'application/gzip',
  'application/gzip-compressed',
  'application/gzipped',
  'application/x-compress',
  'application/x-compressed',
  'application/x-gunzip',
  'application/x-gzip',
  'application/x-gzip-compressed',
])

/**
 * What cloud-init looks at where data that are no message say `MIME-Version:` early, be it in a comment: it reads them as
 * a message all the same, and that changes what is beyond ASCII.
 *
 * @returns `undefined` where nothing is changed; a finding where it fails with it
 */
export function readForItsMention(payload: Payload): Payload | Finding | undefined {
  if (!mentionsMime(payload) || isAscii(payload.text)) return undefined
  return refusal(payload) ?? toPayload(asPythonEncodes(payload.text))
}

function refusal({ foreignByte }: Payload): Finding | undefined {
  if (foreignByte === undefined) return undefined
  return failing(`byte ${foreignByte + 1} is not UTF-8: cloud-init's first stage fails with it, and no key is set`)
}

function mentionsMime({ bytes }: Payload): boolean {
  return Buffer.from(bytes.subarray(0, MENTION_BYTES)).toString('latin1').toLowerCase().includes('mime-version:')
}

function examine(payload: Payload, formats: Formats): Finding {
  const refused = refusal(payload)
  if (refused) return refused
  if (payload.bytes.length > MESSAGE_MAX_BYTES)
    return {
      cloudInit: 'runs',
      remarks: [`a message of more than ${MESSAGE_MAX_BYTES / 1024 ** 2} MiB: not looked into`],
    }
  const parts = parseMime(payload.text)
  if (parts.length === 0) return ignored('no part in it: is its boundary the one that it names?')
  if (parts.length > PARTS_MAX)
    return { cloudInit: 'runs', remarks: [`a message of more than ${PARTS_MAX} parts: not looked into`] }
  const opened = openAll(parts)
  return 'cloudInit' in opened
    ? opened
    : examineParts(
        opened.map((part) => toPart(part, formats)),
        formats,
      )
}

/** The parts unpacked, where their types say that they are packed; or what becomes of all of them where that fails. */
function openAll(parts: readonly MimePart[]): readonly MimePart[] | Finding {
  const opened: MimePart[] = []
  let left = MESSAGE_MAX_BYTES
  for (const [index, part] of parts.entries()) {
    const unpacked = PACKED.has(part.contentType) ? unpack(part.bytes, left) : undefined
    if (unpacked && 'refused' in unpacked && unpacked.gzip)
      return { cloudInit: 'runs', remarks: [`part ${index + 1} unpacks to too much: not looked into`] }
    const whole = unpacked ? unpackedPart(part, unpacked) : part
    if (!whole)
      return failing(`part ${index + 1} does not unpack: cloud-init's first stage fails with it, and no key is set`)
    if (unpacked) left -= Math.min(left - 1, whole.bytes.length)
    opened.push(whole)
  }
  return opened
}

/** What was packed is text to cloud-init, of which it looks for the format, or it is an error. */
function unpackedPart(part: MimePart, unpacked: Unpacked): MimePart | undefined {
  if ('refused' in unpacked || !unpacked.gzip) return undefined
  const { text, foreignByte } = toPayload(unpacked.bytes)
  if (foreignByte !== undefined) return undefined
  return { ...part, contentType: 'text/plain', bytes: asPythonEncodes(text), changed: !isAscii(text) }
}

function toPart(part: MimePart, formats: Formats): Part {
  const payload = toPayload(part.bytes)
  const sniffed = SNIFFED.has(part.contentType) ? formats.byPrefix(payload) : undefined
  const doubt = doubtOf(part)
  return {
    format: sniffed ?? formats.byContentType(part.contentType),
    payload,
    ...(part.filename === undefined ? {} : { filename: part.filename }),
    ...(doubt === undefined ? {} : { doubt }),
  }
}

function doubtOf({ changed, headers }: MimePart): string | undefined {
  if (changed) return 'has characters beyond ASCII, but is not in base64: cloud-init changes them'
  if (headers.has('launch-index')) return 'is for the instance of one launch index alone'
  return headers.has('merge-type') || headers.has('x-merge-type') ? 'says itself how it is merged' : undefined
}
