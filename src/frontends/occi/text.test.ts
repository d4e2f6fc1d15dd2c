import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import type { HttpRequest } from '../http.ts'
import type { Answer, Codec, Representation, Value } from './representation.ts'
import { textOcci, textPlain } from './text.ts'

const CODECS: readonly Codec[] = [textPlain('text/plain'), textOcci]

const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/)
const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
const id = fc.tuple(word, word).map(([path, term]) => `http://example.org/${path}#${term}`)
// Anything but control characters, with those that end values oftener than chance has them.
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', ',', ';', '\\n', ' ', '<', '>', '='),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
})
const shown = text.filter((value) => !/[\0-\x1F\x7F]/.test(value))
const attributes = fc.uniqueArray(fc.tuple(name, shown), { selector: ([key]) => key, maxLength: 5 })

const category = fc.record(
  {
    term: word,
    scheme: word.map((path) => `http://example.org/${path}#`),
    class: fc.constantFrom('kind' as const, 'mixin' as const, 'action' as const),
    title: shown,
    rel: id,
    location: word.map((path) => `/${path}/`),
    attributes: fc.array(
      fc.record(
        { name, immutable: fc.constant(true as const), required: fc.constant(true as const) },
        { requiredKeys: ['name'], noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    actions: fc.array(id, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['term', 'scheme'], noNullPrototype: true },
)

const link = fc.record(
  {
    target: word.map((path) => `/${path}?action=stop`),
    rel: id,
    self: word.map((path) => `/${path}`),
    categories: fc.array(id, { maxLength: 2 }),
    attributes: attributes
      .map((pairs) => pairs.filter(([key]) => !['rel', 'self', 'category'].includes(key)))
      .map((pairs) => new Map<string, Value>(pairs)),
  },
  { requiredKeys: ['target', 'rel', 'categories', 'attributes'], noNullPrototype: true },
)

const entity: fc.Arbitrary<Representation> = fc.record(
  {
    categories: fc.array(category, { maxLength: 4 }),
    links: fc.array(link, { maxLength: 3 }),
    attributes: attributes.map((pairs) => new Map<string, Value>(pairs)),
    locations: fc.constant([]),
  },
  { noNullPrototype: true },
)

function reread(codec: Codec, answer: Answer): Representation {
  const { headers, body } = codec.render(answer)
  // A request in text/occi has no body; the answer's is "OK".
  return codec.parse({ headers, body: Buffer.from(codec === textOcci ? '' : body) })
}

for (const codec of CODECS) {
  test(`${codec.contentType}: reads what it wrote`, () => {
    fc.assert(
      fc.property(entity, (wanted) => {
        assert.deepEqual(reread(codec, { shows: 'entity', entity: wanted }), wanted)
      }),
      { numRuns: 200 },
    )
  })

  test(`${codec.contentType}: reads the locations that it wrote`, () => {
    fc.assert(
      fc.property(fc.array(fc.webUrl().filter((url) => !url.includes(','))), (urls) => {
        const { locations } = reread(codec, { shows: 'collection', urls })
        assert.deepEqual(new Set(locations), new Set(urls))
      }),
    )
  })

  test(`${codec.contentType}: is never broken by what it reads, only refuses`, () => {
    const piece = fc.oneof(
      fc.constantFrom('Category:', 'Link:', 'X-OCCI-Attribute:', 'x-occi-location: ', '__proto__:', 'constructor:'),
      fc.constantFrom('"', '\\', '\\"', ',', ';', '=', '<', '>', '{', '}', '\n', '\r', ' ', '\t', 'scheme="a#"', 'a'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    )
    const pieces = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(pieces, fc.uint8Array({ maxLength: 40 }), (text, bytes) => {
        const header = text.replaceAll(/[\r\n]/g, '')
        const requests: Pick<HttpRequest, 'headers' | 'body'>[] = [
          { headers: [], body: Buffer.from(text) },
          { headers: [], body: bytes },
          {
            headers: ['Category', 'link', 'X-OCCI-ATTRIBUTE', 'Location', '__proto__'].map((name) => [name, header]),
            body: new Uint8Array(),
          },
        ]
        for (const request of requests) {
          try {
            codec.parse(request)
          } catch (error) {
            assert.ok(isCloudError(error, 'invalid'), String(error))
            assert.match(error.message, /line \d+|header |UTF-8|text\/occi/)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
}

test('takes time in proportion to the text, however it is made', () => {
  const size = 2_000_000
  const hostile = [
    `X-OCCI-Attribute: a="${'\\'.repeat(size)}`,
    `X-OCCI-Attribute: a="${'\\"'.repeat(size / 2)}`,
    `X-OCCI-Attribute: ${'a="",'.repeat(size / 5)}b="\\"`,
    `X-OCCI-Attribute: a=${' '.repeat(size)}`,
    `X-OCCI-Attribute: ${'a'.repeat(size)}`,
    `Category: ${'a;'.repeat(size / 2)}`,
    `Category: a;scheme="${'#'.repeat(size)}"`,
    `Category: a;scheme="b#";attributes="${'{'.repeat(size)}"`,
    `Category: a;scheme="b#";attributes="${'a{'.repeat(size / 2)}"`,
    `Link: ${'<'.repeat(size)}`,
    `Link: <${'a'.repeat(size)}`,
    `X-OCCI-Location: ${','.repeat(size)}`,
    '\n'.repeat(size),
    `${'\r\n'.repeat(size / 2)}x`,
    `${' '.repeat(size)}x`,
    'Category: a;scheme="b#"\n'.repeat(size / 25),
  ]
  for (const body of hostile) {
    try {
      CODECS[0]?.parse({ headers: [], body: Buffer.from(body) })
    } catch (error) {
      assert.ok(isCloudError(error, 'invalid'), String(error))
      assert.ok(error.message.length < 400, 'a message repeats little of what it refuses')
    }
  }
})

test('writes what clients match by regular expression, in that order', () => {
  const answer: Answer = {
    shows: 'entity',
    entity: {
      categories: [{ term: 'compute', scheme: 'http://example.org/i#', class: 'kind', title: 'Compute' }],
      links: [
        { target: '/compute/1?action=stop', rel: 'http://example.org/a#stop', categories: [], attributes: new Map() },
      ],
      attributes: new Map<string, Value>([
        ['occi.core.title', 'a "quoted" \\ title\nof two lines'],
        ['occi.compute.cores', 2],
        ['occi.compute.memory', 2],
      ]),
      locations: [],
    },
  }
  assert.equal(
    CODECS[0]?.render(answer).body,
    [
      'Category: compute; scheme="http://example.org/i#"; class="kind"; title="Compute"',
      'Link: </compute/1?action=stop>; rel="http://example.org/a#stop"',
      String.raw`X-OCCI-Attribute: occi.core.title="a \"quoted\" \\ title of two lines"`,
      'X-OCCI-Attribute: occi.compute.cores=2',
      'X-OCCI-Attribute: occi.compute.memory=2.0',
    ].join('\n'),
  )
  assert.deepEqual(textOcci.render({ shows: 'collection', urls: ['http://h/1', 'http://h/2'] }), {
    headers: [
      ['Location', 'http://h/1,http://h/2'],
      ['X-OCCI-Location', 'http://h/1, http://h/2'],
    ],
    body: 'OK',
  })
})

test('names the line and the column of what it cannot read', () => {
  const refusal = (body: string): string => {
    try {
      CODECS[0]?.parse({ headers: [], body: Buffer.from(body) })
      return 'taken'
    } catch (error) {
      return error instanceof Error ? error.message : ''
    }
  }
  assert.match(
    refusal('Category: a; scheme="b#"\r\n\r\nCategory: a; scheme="b" c'),
    /^line 3, column 25: the end or ","/,
  )
  assert.match(refusal('\n\rX-OCCI-Attribute: a="b'), /^line 2, column 21: no closing '"' for "a"/)
  assert.match(refusal('Category: a'), /^line 1, column 12: no scheme for the category "a"/)
  assert.match(refusal('Link: /a; rel="b"'), /^line 1, column 7: a link target in <> expected/)
  assert.match(refusal('Something: a'), /^line 1: Category, Link, X-OCCI-Attribute or X-OCCI-Location expected/)
})
