import { CloudError } from '../../model/errors.ts'

/** How an attribute, on the left, is compared with a value, on the right. */
export type Operator = '<' | '<=' | '=' | '>=' | '>' | '!='

/** A date or a time in a filter, in milliseconds since 1970 UTC. */
interface Instant {
  readonly epochMs: number
}

/** One comparison. */
export interface Comparison {
  /** Names from the outer to the inner, one at least; `property['k']` is `properties`, `k`. */
  readonly path: readonly string[]
  readonly operator: Operator
  readonly value: Scalar | Instant
}

/** What `$filter` says; a group has two parts or more. */
export type Filter = Comparison | { readonly every: readonly Filter[] } | { readonly some: readonly Filter[] }

/** A value that has no parts; times are texts. */
export type Scalar = string | number | boolean

/** What stands under a name: a value, an object, a list of either, or nothing. */
export type Held<Node> = Scalar | Node | readonly Held<Node>[] | undefined

/** Reads one attribute of an object; properties are an object too. */
export type Read<Node> = (node: Node, name: string) => Held<Node>

/** Characters of all filters of a request together: every item is held against all of them. */
const MAX_LENGTH = 8192
/** Parentheses within parentheses. */
const MAX_DEPTH = 32
/** Characters of a filter that a message repeats. */
const EXCERPT_LENGTH = 30

const BLANKS = /\s*/y
const NAME = /[A-Za-z_][\w-]*(?::[A-Za-z_][\w-]*)?/y
const PROPERTY = /property\s*\[/y
const AND = /and(?![\w:-])/y
const OR = /or(?![\w:-])/y
const OPERATOR = /[<>!]=|[<>=]/y
const EQUALITY = /!?=/y
const BOOLEAN = /(?:true|false)(?![\w:/-])/y
const NUMBER = /-?\d+(?:\.\d+)?/y
// Whatever begins like a date, so that a wrong one is named whole. In a URL the `+` of a zone becomes a blank.
const DATE = /\d+-[\dTZ:.+-]*(?: \d\d:\d\d)?/y
const INSTANT =
  /^(\d{4}-\d\d-\d\d)(?:T((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?$/

interface Meaning {
  /** The same with its sides exchanged. */
  readonly mirrored: Operator
  /** Takes less than 0, 0 or more as the left side is below, equal to or above the right. */
  readonly holds: (order: number) => boolean
}

const OPERATORS: Readonly<Record<Operator, Meaning>> = {
  '<': { mirrored: '>', holds: (order) => order < 0 },
  '<=': { mirrored: '>=', holds: (order) => order <= 0 },
  '=': { mirrored: '=', holds: (order) => order === 0 },
  '>=': { mirrored: '<=', holds: (order) => order >= 0 },
  '>': { mirrored: '<', holds: (order) => order > 0 },
  '!=': { mirrored: '!=', holds: (order) => order !== 0 },
}

/**
 * Reads the filters of one request, all of which must hold; undefined when there are none.
 *
 * In a text in quotes a backslash makes the next character stand for itself, whatever it is. A time without a zone is
 * UTC, and a date is the first instant of its day there.
 *
 * @throws {CloudError} invalid when one cannot be read, with the column; or when they are too long or too deep
 * @see DSP0263 section 4.1.6.1
 */
export function parseFilters(texts: readonly string[]): Filter | undefined {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  if (length > MAX_LENGTH)
    throw new CloudError('invalid', `$filter has ${length} characters; at most ${MAX_LENGTH} are read`)
  const every = texts.map((text, index) =>
    parseFilter(text, texts.length > 1 ? `$filter ${index + 1} of ${texts.length}` : '$filter'),
  )
  return every.length > 1 ? { every } : every[0]
}

/**
 * Whether `item` passes the filter.
 *
 * Of a list any element will do. Values of different types, and an attribute that is not there, match nothing, not even
 * with `!=`; nor do objects. Truth values have no order. Texts are compared by UTF-16 code units.
 */
export function matches<Node extends object>(item: Node, filter: Filter, read: Read<Node>): boolean {
  if ('every' in filter) return filter.every.every((part) => matches(item, part, read))
  if ('some' in filter) return filter.some.some((part) => matches(item, part, read))
  return scalarsAt(item, filter.path, read).some((held) => holds(held, filter))
}

/** The values at a path: those of all elements of the lists on the way, and none where there is nothing. */
export function scalarsAt<Node extends object>(item: Node, path: readonly string[], read: Read<Node>): Scalar[] {
  let reached: readonly (Scalar | Node)[] = [item]
  for (const name of path) {
    reached = reached.flatMap((at) => (isScalar(at) ? [] : elementsOf(read(at, name))))
    // A path may be far longer than any item is deep.
    if (reached.length === 0) break
  }
  return reached.filter((at) => isScalar(at))
}

/** Negative when `left` stands before `right`, 0 when they are equal; for two of one type. */
export function order(left: Scalar, right: Scalar): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

function elementsOf<Node extends object>(held: Held<Node>): readonly (Scalar | Node)[] {
  if (held === undefined) return []
  return isList(held) ? held.flatMap((element) => elementsOf(element)) : [held]
}

function isList<Node>(held: Held<Node>): held is readonly Held<Node>[] {
  return Array.isArray(held)
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function holds(held: Scalar, { operator, value }: Comparison): boolean {
  const left = typeof value === 'object' ? epochMsOf(held) : held
  const right = typeof value === 'object' ? value.epochMs : value
  if (left === undefined || typeof left !== typeof right) return false
  if (typeof left === 'boolean' && operator !== '=' && operator !== '!=') return false
  return OPERATORS[operator].holds(order(left, right))
}

/** Milliseconds since 1970 UTC; undefined for what is no date of the calendar. */
function epochMsOf(value: Scalar): number | undefined {
  const [, date, time = '00:00', zone = 'Z'] = INSTANT.exec(String(value)) ?? []
  if (date === undefined) return undefined
  const midnightMs = Date.parse(`${date}T00:00Z`)
  // A month 13 is no number; a 30 February would become a day in March.
  const isInCalendar = !Number.isNaN(midnightMs) && new Date(midnightMs).toISOString().startsWith(date)
  return isInCalendar ? Date.parse(`${date}T${time}${zone}`) : undefined
}

/** Recursive descent: at each place its first sign tells which part it is, so nothing is read again. */
function parseFilter(text: string, name: string): Filter {
  let at = 0
  skipBlanks()
  const filter = alternatives(0)
  return at === text.length ? filter : fail('and, or or the end')

  function alternatives(depth: number): Filter {
    const some = partsBetween(OR, () => conjunction(depth))
    return some.length > 1 ? { some } : some[0]
  }

  function conjunction(depth: number): Filter {
    const every = partsBetween(AND, () => group(depth) ?? propertyComparison() ?? mirroredComparison() ?? comparison())
    return every.length > 1 ? { every } : every[0]
  }

  function partsBetween(word: RegExp, part: () => Filter): readonly [Filter, ...Filter[]] {
    const parts: [Filter, ...Filter[]] = [part()]
    while (take(word) !== undefined) parts.push(part())
    return parts
  }

  function group(depth: number): Filter | undefined {
    if (depth === MAX_DEPTH && text[at] === '(') fail(`no more than ${MAX_DEPTH} parentheses within each other`)
    if (!takeSign('(')) return undefined
    const inner = alternatives(depth + 1)
    return takeSign(')') ? inner : fail('and, or or )')
  }

  function propertyComparison(): Comparison | undefined {
    if (take(PROPERTY) === undefined) return undefined
    const key = takeText() ?? fail('the name of a property in quotes')
    if (!takeSign(']')) fail(']')
    const operator = takeOperator(EQUALITY) ?? fail('= or !=')
    return { path: ['properties', key], operator, value: takeText() ?? fail('a text in quotes') }
  }

  function mirroredComparison(): Comparison | undefined {
    const value = takeValue()
    if (value === undefined) return undefined
    const operator = takeOperator(OPERATOR) ?? fail('an operator such as =')
    return { path: takePath() ?? fail('an attribute'), operator: OPERATORS[operator].mirrored, value }
  }

  function comparison(): Comparison {
    const path = takePath() ?? fail('an attribute, a value or (')
    const operator = takeOperator(OPERATOR) ?? fail('an operator such as =')
    return { path, operator, value: takeValue() ?? fail('a number, a date, true, false or a text in quotes') }
  }

  function takePath(): readonly string[] | undefined {
    const first = take(NAME)
    if (first === undefined) return undefined
    const path = [first]
    while (takeSign('/')) path.push(take(NAME) ?? fail('an attribute'))
    return path
  }

  function takeValue(): Comparison['value'] | undefined {
    const truth = take(BOOLEAN)
    if (truth !== undefined) return truth === 'true'
    const start = at
    const date = take(DATE)
    if (date !== undefined) {
      const epochMs = epochMsOf(date.replace(' ', '+'))
      return epochMs === undefined ? fail('a date such as 2026-11-22 or 2026-11-22T08:56:31Z', start) : { epochMs }
    }
    const number = take(NUMBER)
    return number === undefined ? takeText() : Number(number)
  }

  function takeText(): string | undefined {
    const quote = text[at]
    if (quote !== '"' && quote !== "'") return undefined
    let value = ''
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === quote) {
        at = i + 1
        skipBlanks()
        return value
      }
      if (text[i] === '\\') i++
      value += text[i] ?? ''
    }
    return fail(`a text that ends with ${quote}`)
  }

  function takeOperator(pattern: RegExp): Operator | undefined {
    const sign = take(pattern)
    return sign !== undefined && isOperator(sign) ? sign : undefined
  }

  function takeSign(sign: string): boolean {
    if (text[at] !== sign) return false
    at++
    skipBlanks()
    return true
  }

  /** What a sticky pattern matches here; blanks after it are skipped. */
  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined) return undefined
    at += found.length
    skipBlanks()
    return found
  }

  function skipBlanks(): void {
    BLANKS.lastIndex = at
    at += BLANKS.exec(text)?.[0].length ?? 0
  }

  function fail(expected: string, index = at): never {
    const excerpt = JSON.stringify(text.slice(index, index + EXCERPT_LENGTH))
    const found = index === text.length ? 'the end' : excerpt
    throw new CloudError('invalid', `${name}, column ${index + 1}: ${expected} expected, not ${found}`)
  }
}

function isOperator(sign: string): sign is Operator {
  return Object.hasOwn(OPERATORS, sign)
}
