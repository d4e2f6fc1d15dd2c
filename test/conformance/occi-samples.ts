import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import type { HttpRequest } from '../../src/frontends/http.ts'
import type { Answer, Category, Codec, Representation, Value } from '../../src/frontends/occi/representation.ts'

type Pair = readonly [name: string, value: Value]

const TESTDATA = new URL('../../src/frontends/occi/testdata/', import.meta.url)

/** What a codec reads of what it wrote. */
export function reread(codec: Codec, answer: Answer): readonly Representation[] {
  const { headers, body } = codec.render(answer)
  // A request in text/occi has no body; the answer's is "OK".
  return codec.parse({ headers, body: Buffer.from(codec.inHeaders ? '' : body) })
}

/** The requests of real clients: headers as text, the body as bytes. */
export function recordedRequests(): readonly Pick<HttpRequest, 'headers' | 'body'>[] {
  return readdirSync(TESTDATA)
    .filter((name) => name.endsWith('.req'))
    .map((name) => {
      const bytes = readFileSync(new URL(name, TESTDATA))
      const end = bytes.indexOf('\r\n\r\n')
      const [, ...lines] = bytes.subarray(0, end).toString('utf8').split('\r\n')
      return {
        headers: lines.map((line) => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
        }),
        body: bytes.subarray(end + 4),
      }
    })
}

const word = fc.oneof(
  { arbitrary: fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/), weight: 9 },
  fc.constantFrom('constructor', 'toString', 'id', 'kind'),
)
const name = fc.oneof(
  { arbitrary: fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')), weight: 9 },
  fc.constantFrom('__proto__', 'occi.compute.state.message', 'occi.compute.state'),
)
const scheme = word.map((path) => `http://example.org/${path}#`)
const id = fc.tuple(scheme, word).map(([scheme, term]) => `${scheme}${term}`)
const ids = fc.array(id, { minLength: 1, maxLength: 3 })
const path = word.map((step) => `/${step}/`)

/** Any text, with the characters that end values oftener than chance has them. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', ',', ';', '\\n', '\n', '\r\n', '\t', '\0', ' ', '<', '>', '=', '#', ':', '{', '}'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
})
// No text rendering can hold a line break or another control character.
const oneLine = anyText.map((text) => text.replaceAll(/[\0-\x1F\x7F]/g, ''))
// What text holds it reads as text; JSON has no negative zero.
const number = fc.oneof(
  fc.nat(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
)

const pairs = (value: fc.Arbitrary<Value>): fc.Arbitrary<readonly Pair[]> =>
  fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 5 })
const mapOf = (entries: Iterable<Pair>): ReadonlyMap<string, Value> => new Map(entries)

const textCategory = fc.record(
  {
    term: word,
    scheme,
    class: fc.constantFrom('kind' as const, 'mixin' as const, 'action' as const),
    title: oneLine,
    rel: id,
    location: path,
    attributes: fc.array(
      fc.record(
        { name, immutable: fc.constant(true as const), required: fc.constant(true as const) },
        { requiredKeys: ['name'], noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 3 },
    ),
    actions: ids,
  },
  { requiredKeys: ['term', 'scheme'], noNullPrototype: true },
)

const textLink = fc.record(
  {
    target: word.map((step) => `/${step}?action=stop`),
    rel: id,
    self: path,
    categories: fc.array(id, { maxLength: 2 }),
    // These three are what a link says of itself.
    attributes: pairs(oneLine).map((all) => mapOf(all.filter(([key]) => !['rel', 'self', 'category'].includes(key)))),
  },
  { requiredKeys: ['target', 'rel', 'categories', 'attributes'], noNullPrototype: true },
)

/** Entities, of which text holds everything. */
export const textEntities: fc.Arbitrary<Representation> = fc.record(
  {
    categories: fc.array(textCategory, { maxLength: 4 }),
    links: fc.array(textLink, { maxLength: 3 }),
    attributes: pairs(oneLine).map(mapOf),
    locations: fc.constant([]),
  },
  { noNullPrototype: true },
)

/** Definitions, of which text holds everything. */
export const textDefinitions: fc.Arbitrary<readonly Category[]> = fc.array(textCategory, { maxLength: 5 })

/** Locations that any rendering holds: text has commas between them. */
export const locations: fc.Arbitrary<readonly string[]> = fc.array(
  fc.webUrl({ withQueryParameters: true }).filter((url) => !url.includes(',')),
)

// Of an entity's categories JSON holds the type ids alone.
const jsonReference = (of: 'kind' | 'mixin'): fc.Arbitrary<Category> =>
  fc.record({ term: word, scheme, class: fc.constant(of) }, { noNullPrototype: true })

// Links alone, of nothing, would be a list of links.
const jsonCategories = fc
  .tuple(
    fc.array(jsonReference('kind'), { minLength: 1, maxLength: 1 }),
    fc.array(jsonReference('mixin'), { maxLength: 3 }),
  )
  .map((parts) => parts.flat())

const titles = (members: readonly string[]): fc.Arbitrary<readonly Pair[]> =>
  fc.tuple(fc.subarray([...members]), anyText).map(([chosen, text]) => chosen.map((member) => [member, text] as const))

const jsonAttributes = (members: readonly string[]): fc.Arbitrary<readonly Pair[]> =>
  fc.tuple(titles(members), pairs(fc.oneof(anyText, number))).map((parts) => parts.flat())

// What can be done now has in JSON no place of its own.
const jsonAction = id.map((rel) => ({ target: '', rel, categories: [], attributes: new Map<string, Value>() }))

// Within a resource the target is a member, and the link has no location.
const jsonLink = fc.record(
  {
    target: anyText,
    rel: fc.oneof(id, fc.constant('')),
    categories: ids,
    attributes: jsonAttributes(['occi.core.id', 'occi.core.title', 'occi.core.source']).map(mapOf),
  },
  { noNullPrototype: true },
)

const jsonResource = fc.record(
  {
    categories: jsonCategories,
    // They are two lists in JSON, actions the first.
    links: fc
      .tuple(fc.array(jsonAction, { maxLength: 2 }), fc.array(jsonLink, { maxLength: 2 }))
      .map((parts) => parts.flat()),
    attributes: jsonAttributes(['occi.core.id', 'occi.core.title', 'occi.core.summary']).map(mapOf),
    locations: fc.constant([]),
  },
  { noNullPrototype: true },
)

const jsonLinkEntity = fc.record(
  {
    categories: jsonCategories,
    links: fc.array(jsonAction, { maxLength: 2 }),
    attributes: fc
      .tuple(
        fc.tuple(fc.constant('occi.core.source'), anyText),
        fc.tuple(fc.constant('occi.core.target'), anyText),
        fc.array(fc.tuple(fc.constantFrom('occi.core.source.kind', 'occi.core.target.kind'), id), { maxLength: 2 }),
        jsonAttributes(['occi.core.id', 'occi.core.title', 'occi.core.summary']),
      )
      .map(([source, target, kinds, rest]) => mapOf([source, target, ...kinds, ...rest])),
    locations: fc.constant([]),
  },
  { noNullPrototype: true },
)

/** Entities, of which JSON holds everything. */
export const jsonEntities: fc.Arbitrary<Representation> = fc.oneof(jsonResource, jsonLinkEntity)

const jsonDefinition = fc.record(
  {
    term: word,
    scheme,
    class: fc.constantFrom('kind' as const, 'mixin' as const, 'action' as const),
    title: anyText,
    rel: id,
    location: path,
    attributes: fc.uniqueArray(
      fc.record(
        {
          name,
          immutable: fc.constant(true as const),
          required: fc.constant(true as const),
          type: fc.constant('number' as const),
          values: fc.array(anyText, { maxLength: 3 }),
          description: anyText,
        },
        { requiredKeys: ['name'], noNullPrototype: true },
      ),
      { selector: ({ name }) => name, minLength: 1, maxLength: 3 },
    ),
    actions: ids,
    applies: ids,
  },
  { requiredKeys: ['term', 'scheme', 'class'], noNullPrototype: true },
)

/** Definitions, of which JSON holds everything: it has one list for each class. */
export const jsonDefinitions: fc.Arbitrary<readonly Category[]> = fc
  .array(jsonDefinition, { maxLength: 6 })
  .map((all) => (['kind', 'mixin', 'action'] as const).flatMap((one) => all.filter((entry) => entry.class === one)))
