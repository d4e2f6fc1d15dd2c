/** What is wrong with a text that is not JSON, and where. */
export interface JsonFault {
  /** Of the first character that cannot stand there; at the end where something is missing. */
  readonly index: number
  readonly expected: string
}

const SPACE = /[ \t\r\n]*/y
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y
// In a string: what ends it, begins an escape, or cannot stand there.
const SPECIAL = /["\\\0-\x1F]/g
const ESCAPE = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y

/** What may come next; `first` is a value, or the end of the list or object that has just begun. */
type Next = 'value' | 'first' | 'name' | 'first name' | 'colon' | 'more' | 'end'

const EXPECTED: Readonly<Record<Next, string>> = {
  value: 'a value',
  first: 'a value or "]"',
  name: 'a name in double quotes',
  'first name': 'a name in double quotes or "}"',
  colon: '":"',
  more: '"," or the end of the list or object',
  end: 'nothing more',
}

/**
 * Finds where a text stops being JSON. The engine's own errors tell the place of some faults only, and repeat the text
 * around it, which may be a secret.
 *
 * @returns `undefined` when nothing is wrong
 * @see RFC 8259
 */
export function jsonFault(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = []
  let next: Next = 'value'
  let index = 0
  const after = (): Next => (open.length === 0 ? 'end' : 'more')
  for (;;) {
    index = endOf(SPACE, text, index) ?? index
    const character = text[index]
    if (character === undefined) return next === 'end' ? undefined : { index, expected: EXPECTED[next] }
    const takesValue: boolean = next === 'value' || next === 'first'
    if (character === '"' && (takesValue || next === 'name' || next === 'first name')) {
      const end = endOfString(text, index)
      if (typeof end !== 'number') return end
      index = end
      next = takesValue ? after() : 'colon'
    } else if (takesValue && (character === '[' || character === '{')) {
      open.push(character)
      index++
      next = character === '[' ? 'first' : 'first name'
    } else if (
      (character === ']' && open.at(-1) === '[' && (next === 'first' || next === 'more')) ||
      (character === '}' && open.at(-1) === '{' && (next === 'first name' || next === 'more'))
    ) {
      open.pop()
      index++
      next = after()
    } else if (character === ',' && next === 'more') {
      index++
      next = open.at(-1) === '[' ? 'value' : 'name'
    } else if (character === ':' && next === 'colon') {
      index++
      next = 'value'
    } else {
      const end = takesValue ? endOf(SCALAR, text, index) : undefined
      if (end === undefined) return { index, expected: EXPECTED[next] }
      index = end
      next = after()
    }
  }
}

function endOfString(text: string, start: number): number | JsonFault {
  let index = start + 1
  for (;;) {
    SPECIAL.lastIndex = index
    const found = SPECIAL.exec(text)
    if (!found) return { index: text.length, expected: "a closing '\"'" }
    if (found[0] === '"') return found.index + 1
    const end = endOf(ESCAPE, text, found.index)
    if (end === undefined)
      return {
        index: found.index,
        expected: String.raw`one of the escapes of JSON (a line break is written \n, a backslash \\)`,
      }
    index = end
  }
}

function endOf(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : undefined
}
