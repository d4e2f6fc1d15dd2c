import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { locations, reread, textDefinitions, textEntities } from '../../../test/conformance/occi-samples.ts'
import type { Answer, Codec, Value } from './representation.ts'
import { textOcci, textPlain } from './text.ts'

const CODECS: readonly Codec[] = [textPlain('text/plain'), textOcci]

for (const codec of CODECS) {
  test(`${codec.contentType}: reads what it wrote`, () => {
    fc.assert(
      fc.property(textEntities, (entity) => {
        assert.deepEqual(reread(codec, { shows: 'entity', entity }), [entity])
      }),
      { numRuns: 200 },
    )
  })

  test(`${codec.contentType}: reads the categories that it wrote`, () => {
    fc.assert(
      fc.property(textDefinitions, (categories) => {
        const wanted = { categories, links: [], attributes: new Map(), locations: [] }
        assert.deepEqual(reread(codec, { shows: 'categories', categories }), [wanted])
      }),
    )
  })

  test(`${codec.contentType}: reads the locations that it wrote`, () => {
    fc.assert(
      fc.property(locations, (urls) => {
        const [one] = reread(codec, { shows: 'collection', urls })
        // In headers each stands twice, for two clients.
        assert.deepEqual(one?.locations, codec.inHeaders ? [...urls, ...urls] : urls)
      }),
    )
  })
}

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
  assert.match(
    refusal('Something: a'),
    /^line 1, column 1: Category, Link, X-OCCI-Attribute or X-OCCI-Location expected/,
  )
})
