import { Buffer } from 'node:buffer'
import type { Attribute, Parsed, Syntax } from './template.ts'

type Kind = 'VARIABLE' | 'EQUAL' | 'EQUAL_EMPTY' | 'COMMA' | 'OBRACKET' | 'CBRACKET' | 'STRING' | 'CCDATA' | '$end'

interface Token {
  readonly kind: Kind
  readonly text: string
  readonly start: number
  readonly end: number
}

interface Rule {
  readonly kind: Kind | undefined
  readonly pattern: RegExp
}

/** Outside values. Of several rules that match, the longest match counts; what none matches is dropped. */
const OUTSIDE: readonly Rule[] = [
  { kind: undefined, pattern: /[ \t]*#[^\n]*\n/y },
  { kind: undefined, pattern: /[ \t\n]+/y },
  { kind: 'VARIABLE', pattern: /\w+/y },
  { kind: 'EQUAL', pattern: /[ \t]*=[ \t]*/y },
  { kind: 'EQUAL_EMPTY', pattern: /[ \t]*=[ \t]*\n/y },
  { kind: 'COMMA', pattern: /[ \t\n]*,[ \t\n]*/y },
  { kind: 'CBRACKET', pattern: /[ \t\n]*\][ \t\n]*/y },
]

/** After an equals sign. */
const VALUE: readonly Rule[] = [
  { kind: 'OBRACKET', pattern: /[ \t]*\[[ \t\n]*/y },
  { kind: 'CCDATA', pattern: /[^\n]*\]\]>[^\n]*/y },
  { kind: 'STRING', pattern: /[^=# \t\n,[\]]+/y },
]

/** As above, where a quoted value has at least one character: bare words hold no quotes there. */
const OLD_VALUE: readonly Rule[] = [
  ...VALUE.filter(({ kind }) => kind === 'OBRACKET'),
  { kind: 'STRING', pattern: /[^=# \t\n,[\]"]+/y },
]

/** Reads the form `KEY = "value"`, `KEY = [ K = "v", … ]`. */
export function parseTemplateText(source: string, syntax: Syntax): Parsed {
  const tokens = tokensOf(source, syntax)
  let at = 0
  const take = (...kinds: readonly Kind[]): Token | undefined => {
    const token = tokens[at]
    if (token === undefined || !kinds.includes(token.kind)) return undefined
    at += 1
    return token
  }
  const fail = (expected: string): Parsed => {
    const token = tokens[at]
    if (token === undefined) return { error: 'syntax error' }
    const column = (offset: number): number => Buffer.byteLength(source.slice(0, offset)) + 1
    return {
      error: `syntax error, unexpected ${token.kind}, expecting ${expected} at line 0, columns ${column(token.start)}:${column(token.end)}`,
    }
  }
  const text = (token: Token): string => (syntax.unescapes ? token.text.replaceAll(String.raw`\"`, '"') : token.text)

  const attributes: Attribute[] = []
  while (take('$end') === undefined) {
    const name = take('VARIABLE')?.text.toUpperCase()
    if (name === undefined) return fail(attributes.length === 0 ? 'VARIABLE' : '$end or VARIABLE')
    if (take('EQUAL_EMPTY')) {
      attributes.push({ name, value: '' })
      continue
    }
    if (take('EQUAL') === undefined) return fail('EQUAL or EQUAL_EMPTY')
    const value = take('STRING')
    if (value !== undefined) {
      attributes.push({ name, value: text(value) })
      continue
    }
    if (take('OBRACKET') === undefined) return fail('OBRACKET or STRING')
    const values = new Map<string, string>()
    if (take('CBRACKET') === undefined) {
      do {
        const key = take('VARIABLE')?.text.toUpperCase()
        if (key === undefined) return fail('VARIABLE')
        if (take('EQUAL') === undefined) return fail('EQUAL')
        const one = take('STRING')
        if (one === undefined) return fail('STRING')
        values.set(key, text(one))
      } while (take('COMMA'))
      if (take('CBRACKET') === undefined) return fail('COMMA or CBRACKET')
    }
    attributes.push({ name, value: values })
  }
  return { template: attributes }
}

function tokensOf(source: string, syntax: Syntax): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let inValue = false
  while (at < source.length) {
    const best = longest(source, at, inValue ? (syntax.emptyValues ? VALUE : OLD_VALUE) : OUTSIDE)
    const quoted = inValue && source[at] === '"' ? endOfQuoted(source, at, syntax) : undefined
    const wins = best?.kind === 'CCDATA' ? best.end < (quoted ?? 0) : (best?.end ?? at) <= (quoted ?? 0)
    if (quoted !== undefined && wins) {
      tokens.push({ kind: 'STRING', text: source.slice(at + 1, quoted - 1), start: at, end: quoted })
      at = quoted
      inValue = false
    } else if (best === undefined) at += 1
    else {
      if (best.kind !== undefined) {
        tokens.push({ kind: best.kind, text: source.slice(at, best.end), start: at, end: best.end })
        inValue = best.kind === 'EQUAL'
      }
      at = best.end
    }
  }
  tokens.push({ kind: '$end', text: '', start: at, end: at })
  return tokens
}

function longest(
  source: string,
  at: number,
  rules: readonly Rule[],
): { kind: Kind | undefined; end: number } | undefined {
  let best: { kind: Kind | undefined; end: number } | undefined
  for (const { kind, pattern } of rules) {
    pattern.lastIndex = at
    if (pattern.test(source) && pattern.lastIndex > (best?.end ?? at)) best = { kind, end: pattern.lastIndex }
  }
  return best
}

/** Where a quoted value ends: at the first quote that no backslash precedes, else at the last one there is. */
function endOfQuoted(source: string, start: number, syntax: Syntax): number | undefined {
  let last: number | undefined
  for (let quote = source.indexOf('"', start + 1); quote !== -1; quote = source.indexOf('"', quote + 1)) {
    if (!syntax.emptyValues && quote === start + 1) continue
    last = quote + 1
    if (source[quote - 1] !== '\\' || quote - 1 === start) return last
  }
  return last
}
