import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { assertLinear } from '../../../test/conformance/linear.ts'
import { isCloudError } from '../../model/errors.ts'
import { matches, parseFilters, type Comparison, type Filter, type Held, type Operator, type Read } from './filter.ts'

interface Tree {
  readonly [name: string]: Held<Tree>
}

const read: Read<Tree> = (node, name) => (Object.hasOwn(node, name) ? node[name] : undefined)

const MACHINE: Tree = {
  name: 'web',
  description: `it's "so" \\ so`,
  created: '2026-11-22T08:56:31Z',
  updated: 'today',
  state: 'STARTED',
  cpu: 2,
  memory: 2097152,
  load: 0.5,
  bootable: true,
  properties: { role: 'web', 'a b': 'c', cpu: '2' },
  disks: [
    { name: 'root', capacity: 100, tags: ['a', 'b'] },
    { name: 'data', capacity: 500 },
  ],
  machineConfig: { href: 'https://cloud.example.org/cimi/machine_configurations/small', cpu: 4 },
}

function parse(text: string): Filter {
  const filter = parseFilters([text])
  assert.ok(filter)
  return filter
}

function isMatch(text: string): boolean {
  return matches(MACHINE, parse(text), read)
}

function messageOf(...texts: readonly string[]): string {
  let message = ''
  assert.throws(
    () => parseFilters(texts),
    (error) => {
      assert.ok(isCloudError(error, 'invalid'), inspect(error))
      message = error.message
      return true
    },
  )
  return message
}

const MATCHING = [
  `state='STARTED'`,
  `state="STARTED"`,
  `'STARTED'=state`,
  `state='STARTED' and property['role']="web"`,
  `property [ "role" ] = 'web'`,
  `property['role']!='db'`,
  `property['a b']='c'`,
  `properties/role='web'`,
  `description='it\\'s "so" \\\\ so'`,
  `description="it's \\"so\\" \\\\ so"`,
  `name='\\w\\e\\b'`,
  `cpu=2`,
  `cpu = 2.0`,
  `1<cpu`,
  `3>cpu and 2>=cpu and 2<=cpu and 3!=cpu`,
  `cpu>1 and cpu<3 and cpu>=2 and cpu<=2 and cpu!=3`,
  `load=0.5 and load>-1`,
  `bootable=true`,
  `bootable!=false`,
  `true=bootable`,
  `name>'w' and name<'x'`,
  `created=2026-11-22T08:56:31Z`,
  `created=2026-11-22T08:56:31.000Z`,
  `created=2026-11-22T08:56:31`,
  `created=2026-11-22T09:56:31+01:00`,
  `created=2026-11-22T03:56:31-05:00`,
  `created>2026-11-22`,
  `2026-11-23>created`,
  `created>=2026-11-22T08:56 and created<2026-11-22T08:57`,
  `created!=2026-11-22`,
  `created='2026-11-22T08:56:31Z'`,
  `disks/capacity=100`,
  `disks/capacity=500`,
  `disks/capacity!=100`,
  `disks / tags = 'b'`,
  `machineConfig/cpu=4`,
  `name='no' or cpu=2`,
  // Were `or` the tighter one, the last comparison would decide.
  `cpu=2 or cpu=2 and name='no'`,
  `name='no' and cpu=3 or cpu=2`,
  `((cpu=2))`,
  `cpu=2and(name='web'or cpu=1)`,
  `created>2026-11-22and cpu=2`,
]

const NOT_MATCHING = [
  `state='started'`,
  `(cpu=2 or cpu=2) and name='no'`,
  `created=2026-11-22`,
  `created='2026-11-22T09:56:31+01:00'`,
  `disks/capacity=300`,
  `disks/capacity>500`,
  `disks/name/capacity=100`,
  // What is not there, or is an object.
  `absent='x'`,
  `absent!='x'`,
  `disks/absent!=1`,
  `property['absent']!='x'`,
  `property['toString']!='x'`,
  `__proto__/constructor/name!='x'`,
  `machineConfig!='x'`,
  `disks!='x'`,
  // Of another type.
  `cpu='2'`,
  `cpu!='2'`,
  `name!=2`,
  `bootable='true'`,
  `bootable!='true'`,
  `properties/cpu=2`,
  `updated!=2026-11-22`,
  `cpu!=2026-11-22`,
  // Truth has no order.
  `bootable>false`,
  `bootable>=true`,
]

for (const text of MATCHING) test(`matches: ${text}`, () => assert.equal(isMatch(text), true))
for (const text of NOT_MATCHING) test(`does not match: ${text}`, () => assert.equal(isMatch(text), false))

test('blanks of any kind may stand between all parts', () => {
  const text = "( property [ 'role' ] = 'web' ) and disks / capacity >= 100 or 2 = cpu"
  assert.deepEqual(parse(` ${text.replaceAll(' ', ' \t\r\n')}\n`), parse(text))
  assert.deepEqual(parse("(property['role']='web')and disks/capacity>=100or 2=cpu"), parse(text))
})

test('a + that a form turned into a blank is the zone that it was', () => {
  const [text = ''] = new URLSearchParams('$filter=created=2026-11-22T09:56:31+01:00').getAll('$filter')
  assert.equal(text, 'created=2026-11-22T09:56:31 01:00')
  assert.ok(isMatch(text))
})

test('several filters must all hold, each whole', () => {
  assert.equal(parseFilters([]), undefined)
  assert.deepEqual(parseFilters(['a=1 or b=2', 'c=3']), { every: [parse('a=1 or b=2'), parse('c=3')] })
})

const FAULTS: Readonly<Record<string, string>> = {
  '': 'column 1: an attribute, a value or ( expected, not the end',
  '  ': 'column 3: an attribute, a value or ( expected, not the end',
  '=1': 'column 1: an attribute, a value or ( expected, not "=1"',
  a: 'column 2: an operator such as = expected, not the end',
  'a = ': 'column 5: a number, a date, true, false or a text in quotes expected, not the end',
  'a==1': 'column 3: a number, a date, true, false or a text in quotes expected, not "=1"',
  'a=b': 'column 3: a number, a date, true, false or a text in quotes expected, not "b"',
  '1=2': 'column 3: an attribute expected, not "2"',
  'a/=1': 'column 3: an attribute expected, not "=1"',
  'a=1 b=2': 'column 5: and, or or the end expected, not "b=2"',
  'a=1 AND b=2': 'column 5: and, or or the end expected, not "AND b=2"',
  'a=1 and': 'column 8: an attribute, a value or ( expected, not the end',
  'a=1 order=2': 'column 5: and, or or the end expected, not "order=2"',
  'a=1 and-b=2': 'column 5: and, or or the end expected, not "and-b=2"',
  'a=true_': 'column 3: a number, a date, true, false or a text in quotes expected, not "true_"',
  'a=1)': 'column 4: and, or or the end expected, not ")"',
  '(a=1': 'column 5: and, or or ) expected, not the end',
  'a="x': 'column 3: a text that ends with " expected, not "\\"x"',
  "a='x\\'": "column 3: a text that ends with ' expected, not \"'x\\\\'\"",
  'property[role]="x"': 'column 10: the name of a property in quotes expected, not "role]=\\"x\\""',
  'property["a"="x"': 'column 13: ] expected, not "=\\"x\\""',
  'property["a"]<"x"': 'column 14: = or != expected, not "<\\"x\\""',
  'property["a"]=1': 'column 15: a text in quotes expected, not "1"',
  'a>2026-02-30': 'column 3: a date such as 2026-11-22 or 2026-11-22T08:56:31Z expected, not "2026-02-30"',
  'a>2026-13-01': 'column 3: a date such as 2026-11-22 or 2026-11-22T08:56:31Z expected, not "2026-13-01"',
  'a>2026-11-22T25:00:00Z':
    'column 3: a date such as 2026-11-22 or 2026-11-22T08:56:31Z expected, not "2026-11-22T25:00:00Z"',
}

for (const [text, message] of Object.entries(FAULTS))
  test(`is refused: ${JSON.stringify(text)}`, () => assert.equal(messageOf(text), `$filter, ${message}`))

test('of several filters the wrong one is named', () => {
  assert.match(messageOf('a=1', 'b'), /^\$filter 2 of 2, column 2: /)
})

test('a message repeats little of a filter', () => {
  const message = messageOf(`a=1 ${'b'.repeat(5000)}`)
  assert.equal(message.split('b').length - 1, 30)
})

test('the length of all filters together is bounded', () => {
  const text = (length: number): string => `a='${'x'.repeat(length - 4)}'`
  assert.ok(parseFilters([text(8192)]))
  assert.equal(messageOf(text(8193)), '$filter has 8193 characters; at most 8192 are read')
  assert.match(messageOf(text(4096), text(4097)), /8193/)
})

test('the depth of parentheses is bounded', () => {
  const text = (depth: number): string => `${'('.repeat(depth)}a=1${')'.repeat(depth)}`
  assert.deepEqual(parse(text(32)), parse('a=1'))
  assert.match(messageOf(text(33)), /column 33: no more than 32 parentheses within each other expected/)
  assert.match(messageOf('('.repeat(8000)), /column 33: /)
  assert.ok(parse(Array(500).fill(text(2)).join(' and ')))
})

const NAMES = ['name', 'cpu', 'state', 'disks', 'properties', 'a:b', 'and', 'or', 'property', '_x-1', '__proto__']
const OPERATORS: readonly Operator[] = ['<', '<=', '=', '>=', '>', '!=']
const MIRRORED: Readonly<Record<Operator, Operator>> = {
  '<': '>',
  '<=': '>=',
  '=': '=',
  '>=': '<=',
  '>': '<',
  '!=': '!=',
}
const EARLIEST = new Date('0000-01-01T00:00:00Z')
const LATEST = new Date('9999-12-31T23:59:59.999Z')

const value: fc.Arbitrary<Comparison['value']> = fc.oneof(
  fc.constantFrom('a', 'b', '', 1, 2, true, false),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constantFrom('"', "'", '\\', `\\"'`, "' or '1'='1"),
  fc.integer(),
  fc.integer({ min: -9999, max: 9999 }).map((hundredths) => hundredths / 100),
  fc.date({ min: EARLIEST, max: LATEST, noInvalidDate: true }).map((date) => ({ epochMs: date.getTime() })),
)

const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record(
    {
      path: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
      operator: fc.constantFrom(...OPERATORS),
      value,
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      path: fc.tuple(fc.constant('properties'), fc.string({ unit: 'binary', maxLength: 5 })),
      operator: fc.constantFrom<Operator>('=', '!='),
      value: fc.string({ unit: 'binary', maxLength: 5 }),
    },
    { noNullPrototype: true },
  ),
)

const { filter } = fc.letrec<{ filter: Filter; parts: readonly Filter[] }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    comparison,
    tie('parts').map((every) => ({ every })),
    tie('parts').map((some) => ({ some })),
  ),
  parts: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
}))

/** Writes a filter, in one of its many spellings: each call of `choose` gives a number below its argument. */
function render(filter: Filter, choose: (count: number) => number): string {
  const blank = (): string => ['', '', ' ', '\t\n'][choose(4)] ?? ''
  const quoted = (text: string): string => {
    const quote = choose(2) === 0 ? '"' : "'"
    return quote + text.replaceAll(/["'\\]/g, (sign) => (sign === '\\' || sign === quote ? `\\${sign}` : sign)) + quote
  }
  const literal = (value: Comparison['value']): string => {
    if (typeof value === 'string') return quoted(value)
    return typeof value === 'object' ? new Date(value.epochMs).toISOString() : String(value)
  }
  const whole = (filter: Filter): string => {
    if ('every' in filter) return filter.every.map((part) => inner(part, true)).join(` and${blank()} `)
    if ('some' in filter) return filter.some.map((part) => inner(part, 'some' in part)).join(` or ${blank()}`)
    const { path, operator, value } = filter
    if (path.length === 2 && path[0] === 'properties' && typeof value === 'string' && /^!?=$/.test(operator))
      return ['property', '[', quoted(path[1] ?? ''), ']', operator, quoted(value)].join(blank())
    const attribute = path.join(`${blank()}/${blank()}`)
    const sides = [attribute, operator, literal(value)]
    return (choose(2) === 0 ? sides : [literal(value), MIRRORED[operator], attribute]).join(blank())
  }
  const inner = (part: Filter, isGroup: boolean): string =>
    !('path' in part) && isGroup ? enclosed(part) : choose(4) === 0 ? enclosed(part) : whole(part)
  const enclosed = (part: Filter): string => `(${blank()}${whole(part)}${blank()})`
  return blank() + whole(filter) + blank()
}

test('a filter that is written and read is the same', () => {
  fc.assert(
    fc.property(filter, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (tree, choices) => {
      let next = 0
      const text = render(tree, (count) => (choices[next++ % choices.length] ?? 0) % count)
      fc.pre(text.length <= 8192)
      assert.deepEqual(parse(text), tree, text)
    }),
    { numRuns: 1500 },
  )
})

/** All plain values below a node, each with the names that lead to it. */
function leaves(held: Held<Tree>, path: string): readonly (readonly [path: string, value: unknown])[] {
  if (Array.isArray(held)) return held.flatMap((element: Held<Tree>) => leaves(element, path))
  if (typeof held !== 'object') return [[path, held]]
  return Object.entries(held).flatMap(([name, part]) => leaves(part, path === '' ? name : `${path}/${name}`))
}

function naiveMatch(item: Tree, filter: Filter): boolean {
  if ('every' in filter) return !filter.every.some((part) => !naiveMatch(item, part))
  if ('some' in filter) return !filter.some.every((part) => !naiveMatch(item, part))
  const { operator, value } = filter
  for (const [path, held] of leaves(item, '')) {
    if (path !== filter.path.join('/')) continue
    if (typeof value === 'boolean' && held === value && operator === '=') return true
    if (typeof value === 'boolean' && held === !value && operator === '!=') return true
    if (typeof value === 'number' && typeof held === 'number' && compared(held, operator, value)) return true
    if (typeof value === 'string' && typeof held === 'string' && compared(held, operator, value)) return true
    if (typeof value === 'object' && typeof held === 'string' && /^\d{4}-\d\d-\d\dT/.test(held))
      if (compared(new Date(held).getTime(), operator, value.epochMs)) return true
  }
  return false
}

function compared<T extends string | number>(left: T, operator: Operator, right: T): boolean {
  if (operator === '<') return left < right
  if (operator === '<=') return left <= right
  if (operator === '>') return left > right
  if (operator === '>=') return left >= right
  return (left === right) === (operator === '=')
}

test('filters match what a naive reading of them does', () => {
  const day = (offset: number): Date => new Date(Date.UTC(2026, 10, 22 + offset))
  const name = fc.constantFrom('a', 'b')
  const scalar = fc.oneof(fc.constantFrom('x', 'y', ''), fc.integer({ min: 0, max: 2 }), fc.boolean())
  const time = fc.nat({ max: 2 }).map(day)
  const { node } = fc.letrec<{ node: Held<Tree>; tree: Tree }>((tie) => ({
    tree: fc.dictionary(name, tie('node'), { maxKeys: 2, noNullPrototype: true }),
    node: fc.oneof(
      { maxDepth: 3 },
      fc.oneof(
        scalar,
        time.map((date) => date.toISOString()),
        time.map((date) => date.toISOString().replace('T00:00:00.000Z', 'T01:00:00+01:00')),
      ),
      fc.array(tie('node'), { maxLength: 3 }),
      tie('tree'),
    ),
  }))
  const few = fc.record({
    path: fc.array(name, { minLength: 1, maxLength: 2 }),
    operator: fc.constantFrom(...OPERATORS),
    value: fc.oneof(
      scalar,
      time.map((date) => ({ epochMs: date.getTime() })),
    ),
  })
  const parts = fc.array(few, { minLength: 2, maxLength: 3 })
  const filter: fc.Arbitrary<Filter> = fc.oneof(
    few,
    parts.map((every) => ({ every })),
    fc.tuple(few, parts).map(([one, every]) => ({ some: [one, { every }] })),
  )
  const seen = new Set<boolean>()
  fc.assert(
    fc.property(fc.record({ a: node, b: node }), filter, (item, tree) => {
      const expected = naiveMatch(item, tree)
      seen.add(expected)
      assert.equal(matches(item, tree, read), expected)
    }),
    { numRuns: 3000 },
  )
  assert.equal(seen.size, 2)
})

/** Never anything but a filter that can be used, or a refusal that is fit to be shown. */
function use(text: string): void {
  let filter: Filter | undefined
  try {
    filter = parseFilters([text])
  } catch (error) {
    assert.ok(isCloudError(error, 'invalid'), inspect(error))
    assert.ok(error.message.length < 300, error.message)
  }
  if (filter) matches(MACHINE, filter, read)
}

const PIECES = [
  [
    'name',
    'cpu',
    'disks',
    'properties',
    'property',
    'property[',
    '__proto__',
    'and',
    'or',
    'true',
    'a:b',
    '/',
    '-',
    ':',
  ],
  ['=', '!=', '<', '<=', '!', '(', ')', '[', ']', '"', "'", '\\', '1', '2.5', '.', '2026-11-22', 'T08:00:00', 'Z', ' '],
].flat()

test('pieces of the grammar in any order are read or refused', () => {
  const piece = fc.oneof(
    { arbitrary: fc.constantFrom(...PIECES), weight: 9 },
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (parts) => use(parts.join(''))),
    { numRuns: 3000 },
  )
})

test('filters are read or refused, however they are damaged', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MATCHING, ...NOT_MATCHING),
      fc.nat(),
      fc.nat({ max: 5 }),
      fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 2 })),
      (text, at, removed, put) => {
        const start = at % (text.length + 1)
        use(text.slice(0, start) + put + text.slice(start + removed))
      },
    ),
    { numRuns: 3000 },
  )
})

/** Texts of about `size` characters, each of which some careless reader takes the square of its size for. */
const TEXTS: Readonly<Record<string, (size: number) => string>> = {
  backslashes: (size) => `a="${'\\'.repeat(size)}`,
  'escaped quotes': (size) => `a="${'\\"'.repeat(size / 2)}`,
  'a text without end': (size) => `a='${'x'.repeat(size)}`,
  'a long text': (size) => `a='${'x'.repeat(size)}'`,
  blanks: (size) => `a${' '.repeat(size)}`,
  'blanks after property': (size) => `property${' '.repeat(size)}=1`,
  'one name': (size) => 'a'.repeat(size),
  'names in names': (size) => `${'a/'.repeat(size / 2)}a=1`,
  digits: (size) => `a=${'1'.repeat(size)}`,
  'digits and a letter': (size) => `${'1'.repeat(size)}x`,
  'digits and hyphens': (size) => `a=${'1-'.repeat(size / 2)}`,
  'a date that goes on': (size) => `a=2026-11-22T${'08:'.repeat(size / 3)}`,
  comparisons: (size) => `${'a=1 and '.repeat(size / 8)}a=1`,
  'a fault after many comparisons': (size) => `${'a=1 or '.repeat(size / 7)}a`,
  groups: (size) => `${'((a=1)) or '.repeat(size / 11)}a=1`,
  'open groups': (size) => '(a=1 or '.repeat(size / 8),
  parentheses: (size) => '('.repeat(size),
}

const SIZE = 1000
/** One reading alone is too short to be measured. */
const READINGS = 40

for (const [called, text] of Object.entries(TEXTS)) {
  test(`reading takes time in proportion to the size: ${called}`, () =>
    assertLinear((size) => {
      const whole = text(size)
      return () => {
        for (let i = 0; i < READINGS; i++) use(whole)
      }
    }, SIZE))
}
