/** The head of a request. */
export interface Head {
  readonly method: string
  readonly target: string
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
  readonly contentLength: number
  /** The client is ready to use the connection again, and so are we. */
  readonly keepAlive: boolean
  /** It waits for our word before it sends the body. */
  readonly expectsContinue: boolean
}

/** The target is a path, a whole URL, as proxies send it, or `*`. RFC 9112 3.2 */
const REQUEST_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\/[!-~]*|https?:\/\/[\w.:[\]-]+(?:[/?][!-~]*)?|\*) HTTP\/(\d)\.(\d)$/
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What stands in no value: controls but the tab, half of a line's end among them. */
const CONTROL = /[\0-\x08\n-\x1f\x7f]/

/**
 * Reads a request's head, strictly: what two programs could read in two ways is refused.
 *
 * @param text in Latin-1, without the empty line at its end
 * @param headersMaxCount more are refused
 * @returns the status to refuse it with where it is none that we take: then nobody knows where the next request begins
 * @see RFC 9112, sections 2 to 6
 */
export function parseHead(text: string, headersMaxCount: number): Head | number {
  const lines = text.split('\r\n')
  if (lines.length - 1 > headersMaxCount) return 431
  const [, method, target, major, minor] = REQUEST_LINE.exec(lines[0] ?? '') ?? []
  if (method === undefined || target === undefined) return 400
  if (major !== '1') return 505
  const headers = parseHeaders(lines)
  if (headers === undefined) return 400
  const framing = frame(headers)
  if (typeof framing === 'number') return framing
  const { contentLength, keepAlive, expectsContinue } = framing
  return { method, target, headers, contentLength, keepAlive: keepAlive && minor !== '0', expectsContinue }
}

function parseHeaders(lines: readonly string[]): readonly string[] | undefined {
  const headers: string[] = []
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? ''
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const value = withoutBlanks(line, colon + 1)
    // So a blank before the colon is refused, and a folded line too. RFC 9112 5.1, 5.2
    if (colon === -1 || !NAME.test(name) || CONTROL.test(value)) return undefined
    headers.push(name, value)
  }
  return headers
}

function withoutBlanks(line: string, from: number): string {
  let start = from
  let end = line.length
  while (start < end && isBlank(line.charCodeAt(start))) start++
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--
  return line.slice(start, end)
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
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    switch (name.toLowerCase()) {
      case 'host':
        hosts++
        break
      case 'connection':
        if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)) keepAlive = false
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
