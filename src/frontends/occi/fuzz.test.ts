import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { assertLinear } from '../../../test/conformance/linear.ts'
import { recordedRequests } from '../../../test/conformance/occi-samples.ts'
import { isCloudError } from '../../model/errors.ts'
import type { HttpRequest } from '../http.ts'
import { occiJson } from './json.ts'
import type { Codec } from './representation.ts'
import { textOcci, textPlain } from './text.ts'
import { uriList } from './uri-list.ts'

type Read = Pick<HttpRequest, 'headers' | 'body'>

const PLAIN = textPlain('text/plain')
const JSON_CODEC = occiJson('application/json')
const CODECS: readonly Codec[] = [PLAIN, textOcci, uriList, JSON_CODEC]
const HEADERS = ['Category', 'link', 'X-OCCI-ATTRIBUTE', 'Location', '__proto__']
/** Of a message: what it repeats of the request is bounded. */
const MAX_MESSAGE_LENGTH = 700

const DOCUMENTS = [
  {
    resources: [
      {
        kind: 'http://schemas.ogf.org/occi/infrastructure#compute',
        id: 'a',
        mixins: ['http://example.org/os_tpl#debian12'],
        attributes: { 'occi.compute.userdata': 'I2Nsb3VkLWNvbmZpZwo=', occi: { compute: { cores: 2, x: null } } },
        links: [{ kind: 'a#b', target: { location: '/network/1', kind: 'a#c' }, source: '/compute/a' }],
        actions: ['a/action#start'],
      },
    ],
    links: [{ kind: 'a#b', source: { location: '/compute/a' }, target: '/network/2' }],
  },
  { mixins: [{ term: 'a', scheme: 'b#', depends: ['c#d'], attributes: { e: { pattern: { enum: ['f'] } } } }] },
  { action: 'a#b', attributes: { method: 'cold' } },
  ['/compute/1', '/compute/2'],
].map((document) => JSON.stringify(document))

const TEXT_PIECES = [
  ['Category:', 'Link:', 'X-OCCI-Attribute:', 'x-occi-location: ', '__proto__:', 'constructor:'],
  ['"', '\\', '\\"', ',', ';', '=', '<', '>', '{', '}', '\n', '\r', ' ', '\t', 'scheme="a#"', 'a'],
].flat()
const JSON_PIECES = [
  ['{', '}', '[', ']', ',', ':', '1', 'null', '"a#b"', '""', '"__proto__"', '"constructor"', '"resources"'],
  ['"kind"', '"mixins"', '"links"', '"attributes"', '"source"', '"target"', '"action"', '"kinds"', '"id"'],
].flat()

/** Never anything but an answer or a refusal that is fit to be shown. */
function read(codec: Codec, request: Read): void {
  try {
    assert.ok(codec.parse(request).length > 0)
  } catch (error) {
    assert.ok(isCloudError(error, 'invalid'), inspect(error))
    assert.ok(error.message.length < MAX_MESSAGE_LENGTH, `${error.message.length} characters`)
  }
}

function readEverywhere(body: Buffer): void {
  const value = body.toString('utf8').replaceAll(/[\r\n]/g, '')
  for (const codec of CODECS) {
    read(codec, { headers: [], body })
    read(codec, { headers: HEADERS.map((name) => [name, value]), body: new Uint8Array() })
  }
}

test('bytes of any kind are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => readEverywhere(Buffer.from(bytes))),
    { numRuns: 1000 },
  )
})

test('pieces of the grammars in any order are read or refused', () => {
  const text = fc.constantFrom(...TEXT_PIECES)
  const json = fc.constantFrom(...JSON_PIECES)
  const pieces = (piece: fc.Arbitrary<string>) =>
    fc.array(fc.oneof({ arbitrary: piece, weight: 9 }, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 30 })
  fc.assert(
    fc.property(fc.oneof(pieces(text), pieces(json)), (parts) => readEverywhere(Buffer.from(parts.join('')))),
    { numRuns: 2000 },
  )
})

test('JSON of any shape is read or refused', () => {
  const key = fc.oneof(
    fc.constantFrom('resources', 'links', 'kinds', 'mixins', 'actions', 'action', 'locations', 'kind', 'attributes'),
    fc.constantFrom(
      'source',
      'target',
      'location',
      'id',
      'title',
      'term',
      'scheme',
      'depends',
      'pattern',
      'enum',
      'rel',
    ),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'occi.core.id', ''),
  )
  const { document } = fc.letrec<{ document: unknown }>((tie) => ({
    document: fc.oneof(
      { maxDepth: 6 },
      fc.oneof(
        fc.constant('a#b'),
        fc.constant('/compute/a'),
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
      ),
      fc.array(tie('document'), { maxLength: 3 }),
      // Here `__proto__` is a member like any other.
      fc.array(fc.tuple(key, tie('document')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
    ),
  }))
  fc.assert(
    fc.property(document, (value) => read(JSON_CODEC, { headers: [], body: Buffer.from(JSON.stringify(value)) })),
    { numRuns: 3000 },
  )
})

test('requests of real clients are read or refused, however they are damaged', () => {
  const recorded: readonly Read[] = [
    ...recordedRequests(),
    ...DOCUMENTS.map((document) => ({ headers: [], body: Buffer.from(document) })),
  ]
  const splices = fc.array(
    fc.record({
      at: fc.nat(),
      remove: fc.nat({ max: 12 }),
      insert: fc.oneof(
        fc.constantFrom('"', '\\', ',', ';', '=', '\n', '\r', '{', '[', ']', '}', ':', '#', '<', 'é', '\u0000'),
        fc.string({ maxLength: 3 }),
      ),
    }),
    { maxLength: 4 },
  )
  const damage = fc.tuple(
    fc.constantFrom(...recorded),
    splices,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.boolean(),
  )
  fc.assert(
    fc.property(damage, ([{ headers, body }, splices, keep, isCut]) => {
      const damaged = (text: string): string => {
        const changed = splices.reduce((now, { at, remove, insert }) => {
          const start = at % (now.length + 1)
          return `${now.slice(0, start)}${insert}${now.slice(start + remove)}`
        }, text)
        return isCut ? changed.slice(0, Math.floor(keep * changed.length)) : changed
      }
      const request: Read = {
        headers: headers.map(([name, value]) => [name, damaged(value)]),
        // As single bytes: what is cut or put in need not be UTF-8.
        body: Buffer.from(damaged(Buffer.from(body).toString('latin1')), 'latin1'),
      }
      for (const codec of CODECS) {
        read(codec, request)
        read(codec, { ...request, body: new Uint8Array() })
      }
    }),
    { numRuns: 2000 },
  )
})

test('JSON that is nested however deeply is refused', () => {
  const depth = 200_000
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
    ['{"attributes":', '}'],
    ['{"resources":[', ']}'],
  ] as const)
    for (const text of [open.repeat(depth), `${open.repeat(depth)}1${close.repeat(depth)}`])
      assert.throws(
        () => JSON_CODEC.parse({ headers: [], body: Buffer.from(text) }),
        (error) => isCloudError(error, 'invalid'),
      )
})

/** Texts of about `size` characters, each of which some careless reader takes the square of its size for. */
const TEXTS: Readonly<Record<string, (size: number) => string>> = {
  backslashes: (size) => `X-OCCI-Attribute: a="${'\\'.repeat(size)}`,
  'escaped quotes': (size) => `X-OCCI-Attribute: a="${'\\"'.repeat(size / 2)}`,
  'quotes without end': (size) => `X-OCCI-Attribute: ${'a="",'.repeat(size / 5)}b="\\"`,
  'equal attributes': (size) => `X-OCCI-Attribute: ${'a=b,'.repeat(size / 4)}a=b`,
  blanks: (size) => `X-OCCI-Attribute: a=${' '.repeat(size)}`,
  'blanks between': (size) => `X-OCCI-Attribute: ${'a = b ; , '.repeat(size / 10)}a=b`,
  'one name': (size) => `X-OCCI-Attribute: ${'a'.repeat(size)}`,
  semicolons: (size) => `Category: a${';'.repeat(size)}`,
  'names without values': (size) => `Category: ${'a;'.repeat(size / 2)}`,
  parameters: (size) => `Category: a;scheme="b#"${';c=d'.repeat(size / 4)}`,
  'hashes in a scheme': (size) => `Category: a;scheme="${'#'.repeat(size)}"`,
  'braces in attributes': (size) => `Category: a;scheme="b#";attributes="${'{'.repeat(size)}"`,
  'open flags in attributes': (size) => `Category: a;scheme="b#";attributes="${'a{'.repeat(size / 2)}"`,
  'angle brackets': (size) => `Link: ${'<'.repeat(size)}`,
  'a target without end': (size) => `Link: <${'a'.repeat(size)}`,
  commas: (size) => `X-OCCI-Location: ${','.repeat(size)}`,
  'empty lines': (size) => '\n'.repeat(size),
  'empty lines before a fault': (size) => `${'\r\n'.repeat(size / 2)}x`,
  'a blank line': (size) => `${' '.repeat(size)}x`,
  categories: (size) => 'Category: a;scheme="b#"\n'.repeat(size / 24),
  'a fault after many lines': (size) => `${'Category: a;scheme="b#"\n'.repeat(size / 24)}Category: a`,
}

/** The same for JSON. */
const JSONS: Readonly<Record<string, (size: number) => string>> = {
  'open lists': (size) => '['.repeat(size),
  'open objects': (size) => '{'.repeat(size),
  'objects in objects': (size) => '{"a":'.repeat(size / 5),
  backslashes: (size) => `"${'\\'.repeat(size)}`,
  'escaped quotes': (size) => `"${'\\"'.repeat(size / 2)}`,
  'a text without end': (size) => `"${'a'.repeat(size)}`,
  'a fault after many lines': (size) => `${'\n'.repeat(size)}x`,
  digits: (size) => '1'.repeat(size),
  'digits and a letter': (size) => `${'1'.repeat(size)}x`,
  'a long name over many': (size) =>
    `{"attributes":{"${'a'.repeat(size / 2)}":{${Array.from({ length: size / 20 }, (_, i) => `"${i}":1`).join()}}}}`,
  attributes: (size) => `{"attributes":{${Array.from({ length: size / 12 }, (_, i) => `"a.${i}":1`).join()}}}`,
  'equal names': (size) => `{${'"title":"a",'.repeat(size / 12)}"title":"a"}`,
  resources: (size) => `{"resources":[${Array.from({ length: size / 12 }, (_, i) => `{"id":"${i}"}`).join()}]}`,
  'links of many resources': (size) => {
    const numbers = Array.from({ length: size / 60 }, (_, i) => i)
    const resources = numbers.map((i) => `{"id":"${i}"}`).join()
    return `{"resources":[${resources}],"links":[${numbers.map((i) => `{"source":"/a/${i}","target":"/b"}`).join()}]}`
  },
  'links of one resource': (size) =>
    `{"resources":[{}],"links":[${Array(size / 16)
      .fill('{"target":"/b"}')
      .join()}]}`,
  locations: (size) => `["${'/a","'.repeat(size / 5)}/a"]`,
  'type ids': (size) =>
    `{"mixins":[${Array(size / 6)
      .fill('"a#b"')
      .join()}]}`,
  'a hash over and over': (size) => `{"mixins":["${'#'.repeat(size)}"]}`,
  'a source of slashes': (size) => `{"resources":[{}],"links":[{"source":"${'/'.repeat(size)}","target":"/b"}]}`,
}

const SIZE = 60_000

function assertReadsLinearly(codec: Codec, text: (size: number) => string): void {
  const request = (size: number): Read => {
    const whole = text(size)
    if (!codec.inHeaders) return { headers: [], body: Buffer.from(whole) }
    const colon = whole.indexOf(':')
    return { headers: [[whole.slice(0, colon), whole.slice(colon + 1)]], body: new Uint8Array() }
  }
  assertLinear((size) => {
    const whole = request(size)
    return () => read(codec, whole)
  }, SIZE)
}

for (const [called, text] of Object.entries(TEXTS)) {
  test(`text takes time in proportion to its size: ${called}`, () => {
    assertReadsLinearly(PLAIN, text)
    assertReadsLinearly(textOcci, text)
    assertReadsLinearly(uriList, text)
  })
}

for (const [called, text] of Object.entries(JSONS)) {
  test(`JSON takes time in proportion to its size: ${called}`, () => assertReadsLinearly(JSON_CODEC, text))
}
