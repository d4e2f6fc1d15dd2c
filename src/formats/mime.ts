import { Buffer } from 'node:buffer'

/** One part of a MIME message that is no container. */
export interface MimePart {
  /** In lower case, without parameters. */
  readonly contentType: string
  readonly filename?: string
  /** By their names in lower case, the first of each. */
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
  /** Python's parser made other characters of it than were sent. */
  readonly changed: boolean
}

/** A container may have so many parts; where it has more, one more is given. */
export const PARTS_MAX = 256

/** Containers may be nested so deep; what is deeper is not looked into. */
const DEPTH_MAX = 20
const DEFAULT_TYPE = 'text/plain'

/** So much of a header is looked at. */
const LINE_MAX_CHARACTERS = 4096

// email/feedparser.py
const HEADER = /^(?:From |[!-9;-~]*:|[\t ])/

/** Whether a text begins as a message does: with a header, or with the blank line that ends an empty head. */
export function beginsAsMessage(text: string): boolean {
  return HEADER.test(text) || /^\r?\n/.test(text)
}

/**
 * The parts of a MIME message, in order, as Python's email package finds them, which cloud-init reads with.
 *
 * @see RFC 2045, RFC 2046 section 5.1
 */
export function parseMime(text: string, depth = 0): readonly MimePart[] {
  const { headers, body } = splitHead(text)
  const contentType = contentTypeOf(headers)
  if (contentType.startsWith('multipart/')) {
    const boundary = parameter(headers.get('content-type'), 'boundary')?.trimEnd()
    if (boundary === undefined || depth === DEPTH_MAX) return []
    return splitBody(body, boundary).flatMap((part) => parseMime(part, depth + 1))
  }
  if (contentType.startsWith('message/') && depth < DEPTH_MAX) return parseMime(body, depth + 1)
  const raw = asPythonEncodes(body)
  const filename =
    parameter(headers.get('content-disposition'), 'filename') ?? parameter(headers.get('content-type'), 'name')
  return [
    {
      contentType,
      headers,
      bytes: decodeBody(raw, headers.get('content-transfer-encoding')?.toLowerCase()),
      changed: !isAscii(body),
      ...(filename === undefined ? {} : { filename }),
    },
  ]
}

/**
 * The bytes that Python's email package gives for the text of a part without base64: characters up to U+00FF as one byte
 * each, which is no UTF-8, and others as `\uXXXX`.
 */
export function asPythonEncodes(text: string): Uint8Array {
  const escaped = text.replaceAll(/[^\0-\xff]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
  return Buffer.from(escaped, 'latin1')
}

/** Whether a text is of ASCII alone. */
export function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

/** Headers end at a blank line, or before the first line that is none. */
function splitHead(text: string): { headers: ReadonlyMap<string, string>; body: string } {
  const headers = new Map<string, string>()
  let name: string | undefined
  for (let at = 0; at < text.length;) {
    const next = endOfLine(text, at)
    const line = text.slice(at, Math.min(next, at + LINE_MAX_CHARACTERS)).replace(/[\r\n]{1,2}$/, '')
    if (line === '') return { headers, body: text.slice(next) }
    if (!HEADER.test(line)) return { headers, body: text.slice(at) }
    at = next
    const colon = line.indexOf(':')
    if (/^[\t ]/.test(line)) append(headers, name, line.trimStart())
    else if (headers.has(line.slice(0, colon).toLowerCase())) name = undefined
    else headers.set((name = line.slice(0, colon).toLowerCase()), line.slice(colon + 1).trimStart())
  }
  return { headers, body: '' }
}

/** Where the line after the one at `from` begins. */
function endOfLine(text: string, from: number): number {
  LINE_END.lastIndex = from
  return LINE_END.test(text) ? LINE_END.lastIndex : text.length
}

const LINE_END = /\r\n|\n|\r/g

/** A line that goes on with the header before it. */
function append(headers: Map<string, string>, name: string | undefined, more: string): void {
  const value = name === undefined ? undefined : headers.get(name)
  if (name !== undefined && value !== undefined && value.length < LINE_MAX_CHARACTERS)
    headers.set(name, `${value} ${more}`)
}

function contentTypeOf(headers: ReadonlyMap<string, string>): string {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? DEFAULT_TYPE
  return type.split('/').length === 2 ? type : DEFAULT_TYPE
}

function parameter(header: string | undefined, name: string): string | undefined {
  const [, quoted, bare] =
    new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, 'i').exec(header ?? '') ?? []
  return quoted?.replaceAll(/\\(.)/g, '$1') ?? bare
}

/** What stands between the boundary's lines; the line end before such a line belongs to it. */
function splitBody(body: string, boundary: string): readonly string[] {
  const escaped = boundary.replaceAll(/\W/g, '\\$&')
  const line = new RegExp(`(?:^|\\r\\n|\\n|\\r)--${escaped}(--)?[ \\t]{0,99}(?=\\r\\n|\\n|\\r|$)`, 'g')
  const parts: string[] = []
  let from: number | undefined
  for (const match of body.matchAll(line)) {
    if (parts.length > PARTS_MAX) return parts
    if (from !== undefined) parts.push(body.slice(from, match.index).replace(/^(?:\r\n|\n|\r)/, ''))
    from = match.index + match[0].length
    if (match[1] !== undefined) return parts
  }
  if (from !== undefined) parts.push(body.slice(from).replace(/^(?:\r\n|\n|\r)/, ''))
  return parts
}

function decodeBody(raw: Uint8Array, encoding: string | undefined): Uint8Array {
  if (encoding === 'base64') return Buffer.from(Buffer.from(raw).toString('latin1'), 'base64')
  return encoding === 'quoted-printable' ? decodeQuotedPrintable(Buffer.from(raw).toString('latin1')) : raw
}

/** RFC 2045 section 6.7: blanks at a line's end are not the text's, and an `=` there joins two lines. */
function decodeQuotedPrintable(text: string): Uint8Array {
  const lines = text
    .split('\n')
    .map((line) => (/[\t\r ]$/.test(line) ? `${line.trimEnd()}${line.endsWith('\r') ? '\r' : ''}` : line))
  const joined = lines.join('\n').replaceAll(/=\r?\n/g, '')
  const codes = /=([0-9A-Fa-f]{2})/g
  return Buffer.from(
    joined.replaceAll(codes, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  )
}
