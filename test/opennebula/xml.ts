/** An element of a parsed document. Comments and processing instructions are dropped; entities and CDATA are undone. */
export interface Element {
  readonly name: string
  readonly children: readonly Element[]
  /** All character data directly in it, joined. */
  readonly text: string
}

const NAME = /[A-Za-z_:\u0080-\uffff][\w:.\-\u0080-\uffff]*/y
const ATTRIBUTES = /(?:\s+[^\s<>=/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*/y
const SKIPPED = /\s+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->/y
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
/** What XML 1.0 forbids anywhere (2.2 Char), save lone surrogates, which cannot come out of UTF-8. */
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

/** Parses a document without a DOCTYPE; `undefined` where it is not well-formed. Line ends become LF, as XML 1.0 2.11 says. */
export function parseXml(document: string): Element | undefined {
  const source = document.replaceAll(/\r\n?/g, '\n')
  if (FORBIDDEN.test(source)) return undefined
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const skip = (): void => {
    while (match(SKIPPED) !== undefined);
  }

  const element = (): Element | undefined => {
    if (source[at] !== '<') return undefined
    at += 1
    const name = match(NAME)
    if (name === undefined) return undefined
    match(ATTRIBUTES)
    if (source.startsWith('/>', at)) {
      at += 2
      return { name, children: [], text: '' }
    }
    if (source[at] !== '>') return undefined
    at += 1
    const children: Element[] = []
    const text: string[] = []
    for (;;) {
      const next = source.indexOf('<', at)
      if (next === -1) return undefined
      const piece = unescapeText(source.slice(at, next))
      if (piece === undefined) return undefined
      text.push(piece)
      at = next
      if (source.startsWith('</', at)) {
        at += 2
        if (match(NAME) !== name || match(/\s*>/y) === undefined) return undefined
        return { name, children, text: text.join('') }
      }
      if (source.startsWith('<![CDATA[', at)) {
        const end = source.indexOf(']]>', at)
        if (end === -1) return undefined
        text.push(source.slice(at + 9, end))
        at = end + 3
      } else if (source.startsWith('<!--', at) || source.startsWith('<?', at)) {
        if (match(SKIPPED) === undefined) return undefined
      } else {
        const child = element()
        if (child === undefined) return undefined
        children.push(child)
      }
    }
  }

  skip()
  const root = element()
  skip()
  return at === source.length ? root : undefined
}

function unescapeText(raw: string): string | undefined {
  if (raw.includes(']]>')) return undefined
  let wellFormed = true
  const text = raw.replaceAll(/&(?:#(\d+)|#x([\da-fA-F]+)|(\w+));|&/g, (_, decimal, hex, name) => {
    if (typeof name === 'string') {
      const known = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined
      wellFormed &&= known !== undefined
      return known ?? ''
    }
    const point = typeof decimal === 'string' ? Number(decimal) : typeof hex === 'string' ? Number.parseInt(hex, 16) : 0
    const valid = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff) && !FORBIDDEN.test(codePoint(point))
    wellFormed &&= valid
    return valid ? codePoint(point) : ''
  })
  return wellFormed ? text : undefined
}

function codePoint(point: number): string {
  return point <= 0x10ffff ? String.fromCodePoint(point) : ''
}

/** Text as it stands in an answer's string: only what must be is escaped, line breaks stand as they are. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** `<NAME>value</NAME>`, for numbers and names that the front end writes bare. */
export function bare(name: string, value: string | number): string {
  return `<${name}>${value}</${name}>`
}

/** `<NAME><![CDATA[value]]></NAME>`. */
export function cdata(name: string, value: string | number): string {
  return `<${name}><![CDATA[${value}]]></${name}>`
}
