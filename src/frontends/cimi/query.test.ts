import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { parseFilters, type Held } from './filter.ts'
import { applyQuery, parseQuery, type Access, type Page, type Query } from './query.ts'

interface Tree {
  readonly [name: string]: Held<Tree>
}

const access: Access<Tree, Tree> = {
  read: (node, name) => (Object.hasOwn(node, name) ? node[name] : undefined),
  pick: (item, names) => Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name))),
}

const RESOURCE_URI = 'http://schemas.dmtf.org/cimi/1/Machine'

function machine(name: string, more: Tree): Tree {
  return { resourceURI: RESOURCE_URI, id: `https://cloud.example.org/cimi/machines/${name}`, name, ...more }
}

const MACHINES: readonly Tree[] = [
  machine('m1', { state: 'STARTED', cpu: 1, created: '2026-11-20T00:00:00Z', properties: { role: 'web' } }),
  machine('m2', { state: 'STOPPED', cpu: 4, created: '2026-11-21T00:00:00Z', properties: { role: 'db' } }),
  machine('m3', { state: 'STARTED', cpu: 2, created: '2026-11-22T00:00:00Z', properties: { role: 'web' } }),
  machine('m4', { state: 'STARTED', cpu: 1, created: '2026-11-23T00:00:00Z' }),
]

function queryOf(text: string): Query {
  return parseQuery(new URLSearchParams(text))
}

function ask(text: string): Page<Tree> {
  return applyQuery(MACHINES, queryOf(text), access)
}

function namesOf(text: string): string {
  return ask(text)
    .items.map(({ name }) => (typeof name === 'string' ? name : '?'))
    .join(' ')
}

test('without parameters all stand in their order', () => {
  assert.deepEqual(queryOf(''), { first: 1, last: Infinity, orderBy: [], expand: new Set() })
  assert.deepEqual(ask(''), { count: 4, items: MACHINES })
})

test('parameters without $, and unknown ones, are not ours', () => {
  assert.deepEqual(queryOf('filter=(&first=2&$top=1&$FIRST=3&select=id'), queryOf(''))
})

test('the example of a filtered, ordered and selected page', () => {
  const text = `$filter=state='STARTED' and property['role']="web"&$first=1&$last=20&$orderby=created:desc&$select=id,name,state`
  const expected: Page<Tree> = {
    count: 2,
    items: ['m3', 'm1'].map((name) => machine(name, { state: 'STARTED' })),
  }
  assert.deepEqual(ask(text), expected)
  assert.deepEqual(ask(new URLSearchParams(text).toString()), expected)
})

test('the count is of all that match, the page is counted from 1 and includes both ends', () => {
  assert.deepEqual(ask('$first=2&$last=2'), { count: 4, items: MACHINES.slice(1, 2) })
  assert.deepEqual(ask(`$filter=state='STARTED'&$first=2&$last=2`), { count: 3, items: MACHINES.slice(2, 3) })
})

for (const [text, names] of [
  ['$first=3', 'm3 m4'],
  ['$last=2', 'm1 m2'],
  ['$first=1&$last=4', 'm1 m2 m3 m4'],
  ['$first=4&$last=99999999999999999999', 'm4'],
  ['$first=5', ''],
  ['$first=3&$last=2', ''],
  ['$last=0', ''],
  ['$last=-1', ''],
  ['$first=0&$last=1', 'm1'],
  ['$first=-3', 'm1 m2 m3 m4'],
  ['$first=two&$last=', 'm1 m2 m3 m4'],
  ['$first=1.5&$last=1e0', 'm1 m2 m3 m4'],
  ['$first= 2 ', 'm2 m3 m4'],
  ['$first=2&$first=3', 'm2 m3 m4'],
  ['$orderby=cpu', 'm1 m4 m3 m2'],
  ['$orderby=cpu:asc', 'm1 m4 m3 m2'],
  // Equal ones keep their order, also downwards.
  ['$orderby=cpu:desc', 'm2 m3 m4 m1'],
  ['$orderby=cpu,created:desc', 'm4 m1 m3 m2'],
  ['$orderby=cpu&$orderby=created:desc', 'm4 m1 m3 m2'],
  ['$orderby= state:desc , name:desc', 'm2 m4 m3 m1'],
  ['$orderby=cpu,cpu:desc', 'm1 m4 m3 m2'],
  // Those without it stand last, either way.
  ['$orderby=properties/role', 'm2 m1 m3 m4'],
  ['$orderby=properties/role:desc', 'm3 m1 m2 m4'],
  ['$orderby=absent:desc', 'm4 m3 m2 m1'],
  ['$orderby=cpu:down', 'm1 m2 m3 m4'],
  ['$orderby=,', 'm1 m2 m3 m4'],
  ['$orderby=__proto__/x,toString', 'm1 m2 m3 m4'],
  [`$filter=cpu=1&$filter=state='STARTED'&$orderby=name:desc&$last=1`, 'm4'],
  ['$filter=absent!=1', ''],
] as const)
  test(`shows ${names === '' ? 'none' : names}: ${text}`, () => assert.equal(namesOf(text), names))

test('values of different types are ordered by their type', () => {
  const items: readonly Tree[] = [{ a: 'x' }, { a: 2 }, {}, { a: true }, { a: ['b', 1] }, { a: 10 }, { a: false }]
  const ordered = (text: string) => applyQuery(items, queryOf(text), access).items.map(({ a }) => a)
  assert.deepEqual(ordered('$orderby=a'), [false, true, 2, 10, ['b', 1], 'x', undefined])
  assert.deepEqual(ordered('$orderby=a:desc'), ['x', ['b', 1], 10, 2, true, false, undefined])
})

test('an attribute that is not selected is filtered and ordered by', () => {
  assert.deepEqual(ask('$filter=cpu>1&$orderby=cpu:desc&$select=name').items, [
    { resourceURI: RESOURCE_URI, name: 'm2' },
    { resourceURI: RESOURCE_URI, name: 'm3' },
  ])
})

test('selected are the names of all lists, and always resourceURI', () => {
  assert.deepEqual(
    queryOf('$select=id, name&$select=state,,id').select,
    new Set(['id', 'name', 'state', 'resourceURI']),
  )
  assert.deepEqual(ask('$select=absent&$last=1').items, [{ resourceURI: RESOURCE_URI }])
  for (const text of ['$select=*', '$select=id,*', '$select=id&$select=*', '$select=', '$select=,'])
    assert.deepEqual(ask(text).items, MACHINES)
})

test('expanded are the names of all lists, or all', () => {
  assert.deepEqual(
    queryOf('$expand=disks, volumes&$expand=disks,eventLog').expand,
    new Set(['disks', 'volumes', 'eventLog']),
  )
  for (const text of ['$expand=*', '$expand=disks,*']) assert.equal(queryOf(text).expand, 'all')
})

test('a format is json or xml, or none', () => {
  assert.equal(queryOf('$format=json').format, 'json')
  assert.equal(queryOf('$format=xml').format, 'xml')
  for (const text of ['$format=', '$format=yaml', '$format=application/json', '$format=XML'])
    assert.equal(queryOf(text).format, undefined)
})

test('several filters must all hold', () => {
  assert.deepEqual(queryOf('$filter=a=1&$filter=b=2 or c=3').filter, parseFilters(['a=1', 'b=2 or c=3']))
})

test('a filter that cannot be read is refused, an empty one too', () => {
  for (const text of ['$filter=cpu', '$filter=', '$filter=cpu=1&$filter'])
    assert.throws(
      () => queryOf(text),
      (error) => isCloudError(error, 'invalid'),
    )
})

test('the attributes to order by are bounded, however often each is named', () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `a${i}`).join()
  assert.equal(queryOf(`$orderby=${names(16)},${names(16)}`).orderBy.length, 16)
  assert.throws(
    () => queryOf(`$orderby=${names(17)}`),
    (error) => isCloudError(error, 'invalid') && error.message === '$orderby names 17 attributes; at most 16 are taken',
  )
})

test('pages show what a naive cut of the naively ordered items shows', () => {
  const items = fc.array(fc.record({ a: fc.nat({ max: 3 }), b: fc.constantFrom('x', 'y') }), { maxLength: 12 })
  const end = fc.integer({ min: -2, max: 14 })
  fc.assert(
    fc.property(items, end, end, fc.boolean(), (items, first, last, isDescending) => {
      const query = queryOf(`$filter=b='x'&$orderby=a${isDescending ? ':desc' : ''}&$first=${first}&$last=${last}`)
      // One number at a time is what no sorting can get wrong.
      const ascending = [0, 1, 2, 3].flatMap((a) => items.filter((item) => item.a === a && item.b === 'x'))
      const ordered = isDescending ? ascending.toReversed() : ascending
      assert.deepEqual(applyQuery<Tree, Tree>(items, query, access), {
        count: ordered.length,
        items: ordered.filter((_, index) => index + 1 >= first && index + 1 <= last),
      })
    }),
    { numRuns: 1000 },
  )
})

test('parameters of any kind are taken or refused, and leave the items as they were', () => {
  const name = fc.constantFrom('$filter', '$first', '$last', '$orderby', '$select', '$expand', '$format')
  const piece = fc.oneof(
    fc.constantFrom('name', 'cpu', '=', '1', "'m1'", ',', ':desc', ':', '/', '*', '-', ' and ', '(', 'properties'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
  const before = structuredClone(MACHINES)
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text), { maxLength: 5 }), (parameters) => {
      try {
        const page = applyQuery(MACHINES, parseQuery(new URLSearchParams(parameters)), access)
        assert.ok(page.items.length <= page.count && page.count <= MACHINES.length)
      } catch (error) {
        assert.ok(isCloudError(error, 'invalid'), inspect(error))
      }
    }),
    { numRuns: 2000 },
  )
  assert.deepEqual(MACHINES, before)
})
