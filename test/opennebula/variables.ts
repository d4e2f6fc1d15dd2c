import { Buffer } from 'node:buffer'

/** A reference as it stands in a text: `$NAME`, `$USER[KEY]`, `$NETWORK[KEY, NIC_ID="0"]`. */
export interface Reference {
  readonly name: string
  readonly key?: string
  readonly where?: { readonly key: string; readonly value: string }
}

/** A text with its variables put in, or why it cannot be read. */
export type Substituted = { readonly text: string } | { readonly error: string }

type Token = 'VARIABLE' | 'COMMA' | 'EQUAL' | 'OBRACKET' | 'CBRACKET' | 'STRING' | 'EOA' | '$end'

/** Plain text up to a dollar; a backslash keeps itself and what follows. A lone last backslash matches nothing and is dropped. */
const PLAIN = /[^$\\]+|\\[\s\S]/y
const PUNCTUATION = [
  ['EQUAL', /[ \t]*=[ \t]*/y],
  ['COMMA', /[ \t]*,[ \t]*/y],
  ['OBRACKET', /\[[ \t]*/y],
  ['CBRACKET', /[ \t]*\]/y],
] as const

/**
 * Puts in what `lookUp` knows; what it does not know becomes nothing. What is put in is not read again.
 *
 * A dollar begins a variable, which ends at the first character that can be none of it. That character is kept, but
 * line breaks are lost there, as the front end's reader loses them.
 */
export function substitute(source: string, lookUp: (reference: Reference) => string | undefined): Substituted {
  const out: string[] = []
  let at = 0
  let start = 0
  /** The character that ended the last variable, where it ended with one that is kept. */
  let ending = ''
  let inVariable = false

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const next = (): readonly [Token, string] => {
    while (source[at] === '\n') at += 1
    start = at
    ending = ''
    const word = match(/\w+/y)
    if (word !== undefined) return ['VARIABLE', word]
    for (const [token, pattern] of PUNCTUATION) {
      const found = match(pattern)
      if (found !== undefined) return [token, found]
    }
    const character = source[at]
    if (character === '$') {
      at += 1
      inVariable = true
      return ['EOA', '']
    }
    inVariable = false
    if (character === undefined) return ['EOA', '']
    const whole = String.fromCodePoint(source.codePointAt(at) ?? 0)
    at += whole.length
    ending = whole
    return ['EOA', whole]
  }
  const nextValue = (): readonly [Token, string] => {
    start = at
    const quoted = match(/"[^"]*"/y)
    if (quoted !== undefined) return ['STRING', quoted.slice(1, -1)]
    const word = match(/[A-Za-z0-9]+/y)
    return word === undefined ? ['$end', ''] : ['STRING', word]
  }
  const unexpected = (token: Token, expecting: string): Substituted => ({
    error: `syntax error, unexpected ${token}, expecting ${expecting} at line 0, columns ${columnOf(start)}:${columnOf(at)}`,
  })
  const columnOf = (offset: number): number => Buffer.byteLength(source.slice(0, offset)) + 1

  while (at < source.length || inVariable) {
    if (!inVariable) {
      const plain = match(PLAIN)
      if (plain !== undefined) out.push(plain)
      else if (source[at] === '$') {
        at += 1
        inVariable = true
      } else at += 1
      continue
    }
    const [first, name] = next()
    if (first !== 'VARIABLE')
      return unexpected(first, out.length > 0 ? '$end or VARIABLE or RSTRING' : 'VARIABLE or RSTRING')
    let [token] = next()
    let reference: Reference = { name }
    if (token === 'OBRACKET') {
      const [isKey, key] = next()
      if (isKey !== 'VARIABLE') return unexpected(isKey, 'VARIABLE')
      reference = { name, key }
      ;[token] = next()
      if (token === 'COMMA') {
        const [isWhere, where] = next()
        if (isWhere !== 'VARIABLE') return unexpected(isWhere, 'VARIABLE')
        const [isEqual] = next()
        if (isEqual !== 'EQUAL') return unexpected(isEqual, 'EQUAL')
        const [isValue, value] = nextValue()
        if (isValue !== 'STRING') return unexpected(isValue, 'STRING')
        reference = { name, key, where: { key: where, value } }
        ;[token] = next()
      }
      if (token !== 'CBRACKET') return unexpected(token, reference.where ? 'CBRACKET' : 'COMMA or CBRACKET')
      ;[token] = next()
    }
    if (token !== 'EOA') return unexpected(token, reference.key === undefined ? 'OBRACKET or EOA' : 'EOA')
    out.push(lookUp(reference) ?? '', ending)
  }
  return { text: out.join('') }
}
