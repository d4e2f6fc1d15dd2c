/** The head of a request. */
export interface Head {
  readonly method: string
  readonly target: string
  /** Names, in lower case, and values in turn, in the order in which they came. */
  readonly headers: readonly string[]
  readonly contentLength: number
  /** The client is ready to use the connection again, and so are we. */
  readonly keepAlive: boolean
  /** It waits for our word before it sends the body. */
  readonly expectsContinue: boolean
}

const METHOD_MAX_LENGTH = 32

/** A target is a path, a whole URL, as proxies send it, or `*`. RFC 9112 3.2 */
const OTHER_TARGET = /^(?:https?:\/\/[\w.:[\]-]+(?:[/?].*)?|\*)$/

// For each byte, whether it may stand there: a look-up for each costs less than regular expressions for all.
const IN_TOKEN = tableOf(/[!#$%&'*+.^_`|~0-9A-Za-z-]/)
const IN_TARGET = tableOf(/[!-~]/)
/** All but controls; half of a line's end is one of these. */
const IN_VALUE = tableOf(/[\t -~\x80-\xff]/)

/**
 * Reads a request's head, strictly: what two programs could read in two ways is refused.
 *
 * @param text in Latin-1, without the empty line at its end
 * @param headersMaxCount more are refused
 * @returns the status to refuse it with where it is none that we take: then nobody knows where the next request begins
 * @see RFC 9112, sections 2 to 6
 */
export function parseHead(text: string, headersMaxCount: number): Head | number {
  const end = lineEnd(text, 0)
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  if (methodEnd === -1 || targetEnd === -1 || targetEnd > end) return 400
  const target = text.slice(methodEnd + 1, targetEnd)
  if (!isMadeOf(IN_TOKEN, text, 0, methodEnd) || methodEnd > METHOD_MAX_LENGTH || !isTarget(target)) return 400
  const version = text.slice(targetEnd + 1, end)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return /^HTTP\/\d\.\d$/.test(version) ? 505 : 400
  const headers = parseHeaders(text, end, headersMaxCount)
  if (typeof headers === 'number') return headers
  const framing = frame(headers)
  if (typeof framing === 'number') return framing
  const { contentLength, expectsContinue } = framing
  const keepAlive = framing.keepAlive && version === 'HTTP/1.1'
  return { method: text.slice(0, methodEnd), target, headers, contentLength, keepAlive, expectsContinue }
}

/** @param from where the line before the first header ends */
function parseHeaders(text: string, from: number, maxCount: number): readonly string[] | number {
  const headers: string[] = []
  for (let before = from; before < text.length;) {
    if (headers.length === 2 * maxCount) return 431
    const start = before + 2
    const end = lineEnd(text, start)
    const colon = text.indexOf(':', start)
    // So a blank before the colon is refused, and a folded line too. RFC 9112 5.1, 5.2
    if (colon === -1 || colon > end || !isMadeOf(IN_TOKEN, text, start, colon)) return 400
    if (!isMadeOf(IN_VALUE, text, colon + 1, end) && end > colon + 1) return 400
    headers.push(text.slice(start, colon).toLowerCase(), withoutBlanks(text, colon + 1, end))
    before = end
  }
  return headers
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end === -1 ? text.length : end
}

function isTarget(target: string): boolean {
  return isMadeOf(IN_TARGET, target, 0, target.length) && (target.startsWith('/') || OTHER_TARGET.test(target))
}

/** Whether there is something, and nothing else. */
function isMadeOf(table: Uint8Array, text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (table[text.charCodeAt(i)] !== 1) return false
  return to > from
}

function tableOf(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0))
}

function withoutBlanks(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09
}

type Framing = Pick<Head, 'contentLength' | 'keepAlive' | 'expectsContinue'>

/** How long the body is, and what becomes of the connection. */
function frame(headers: readonly string[]): Framing | number {
  let hosts = 0
  let contentLength: number | undefined
  let keepAlive = true
  let expectsContinue = false
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? ''
    switch (headers[i] ?? '') {
      case 'host':
        hosts++
        break
      case 'connection':
        if (value.toLowerCase().split(',').some(isClose)) keepAlive = false
        break
      case 'content-length':
        if (contentLength !== undefined || !/^\d{1,15}$/.test(value)) return 400
        contentLength = Number(value)
        break
      case 'transfer-encoding':
        // What guests send is small, and they know how long it is.
        return 411
      case 'expect':
        if (value.toLowerCase() !== '100-continue') return 417
        expectsContinue = true
        break
    }
  }
  if (hosts > 1) return 400
  return { contentLength: contentLength ?? 0, keepAlive: keepAlive && hosts === 1, expectsContinue }
}

function isClose(option: string): boolean {
  return option.trim() === 'close'
}
