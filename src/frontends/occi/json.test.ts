import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { jsonDefinitions, jsonEntities, locations, reread } from '../../../test/conformance/occi-samples.ts'
import { isCloudError } from '../../model/errors.ts'
import { jsonFault } from '../json-fault.ts'
import { occiJson } from './json.ts'
import type { Representation, Value } from './representation.ts'

const CODEC = occiJson('application/occi+json')
const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'
const COMPUTE = `${INFRASTRUCTURE}compute`
const NETWORK = `${INFRASTRUCTURE}network`
const INTERFACE = `${INFRASTRUCTURE}networkinterface`
const START = 'http://schemas.ogf.org/occi/infrastructure/compute/action#start'

const parseText = (body: string): readonly Representation[] => CODEC.parse({ headers: [], body: Buffer.from(body) })
const parse = (document: unknown): readonly Representation[] => parseText(JSON.stringify(document))
const parseOne = (document: unknown): Representation => {
  const [one, ...more] = parse(document)
  assert.deepEqual(more, [])
  return one ?? assert.fail()
}
const render = (...[answer]: Parameters<typeof CODEC.render>): unknown => JSON.parse(CODEC.render(answer).body)
const attributes = (document: object): unknown => Object.fromEntries(parseOne(document).attributes)

function refusalOf(body: string): string {
  try {
    parseText(body)
  } catch (error) {
    assert.ok(isCloudError(error, 'invalid'), String(error))
    return error.message
  }
  return assert.fail(`taken: ${body}`)
}
const refusal = (document: unknown): string => refusalOf(JSON.stringify(document))

/** What the engine says of a text that is not JSON. */
function engineFault(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof SyntaxError ? error.message : assert.fail(String(error))
  }
}

const kind = { term: 'compute', scheme: INFRASTRUCTURE, class: 'kind' }
const NOTHING = { categories: [], links: [], attributes: new Map(), locations: [] }

test('reads what it wrote: entities', () => {
  fc.assert(
    fc.property(jsonEntities, (entity) => {
      assert.deepEqual(reread(CODEC, { shows: 'entity', entity }), [entity])
      assert.deepEqual(reread(CODEC, { shows: 'created', url: '/compute/1', entity }), [entity])
    }),
    { numRuns: 300 },
  )
})

test('reads what it wrote: categories', () => {
  fc.assert(
    fc.property(jsonDefinitions, (categories) => {
      assert.deepEqual(reread(CODEC, { shows: 'categories', categories }), [{ ...NOTHING, categories }])
    }),
    { numRuns: 200 },
  )
})

test('reads locations as a list, and as a member', () => {
  fc.assert(
    fc.property(locations, (urls) => {
      assert.deepEqual(parse(urls), [{ ...NOTHING, locations: urls }])
      assert.deepEqual(parse({ locations: urls }), [{ ...NOTHING, locations: urls }])
    }),
  )
})

test('finds a fault where there is one, and there alone', () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(...Array.from('{}[],:"\\ \n-0.1e+truefalsn')),
        fc.constantFrom('"a"', 'null', '\\u00e4'),
      ),
    )
    .map((parts) => parts.join(''))
  const cut = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', ']', '}', '\\'))
    .map(([text, at, more]) => `${text.slice(0, at % (text.length + 1))}${more}${text.slice(at % (text.length + 1))}`)
  fc.assert(
    fc.property(fc.oneof(hostile, cut, fc.json()), (text) => {
      const fault = jsonFault(text)
      assert.equal(fault === undefined, engineFault(text) === undefined, text)
      if (!fault) return
      // What stands before the fault only needs to go on.
      const before = text.slice(0, fault.index)
      const atEnd = new RegExp(`^Unexpected end of JSON input$|at position ${before.length} `)
      assert.match(engineFault(before) ?? 'Unexpected end of JSON input', atEnd, text)
    }),
    { numRuns: 2000 },
  )
})

test('reads a resource with its links and actions', () => {
  const ipInterface = 'http://schemas.ogf.org/occi/infrastructure/networkinterface#ipnetworkinterface'
  const document = {
    kind: COMPUTE,
    id: '1',
    title: 'my vm',
    summary: 'two\nlines',
    mixins: ['http://example.org/os_tpl#debian12'],
    attributes: { 'occi.compute.cores': 2, 'occi.compute.userdata': '#!/bin/sh\necho "hi"\n', gone: null, yes: true },
    actions: [START],
    links: [
      {
        kind: INTERFACE,
        id: '2',
        mixins: [ipInterface],
        attributes: { 'occi.networkinterface.interface': 'eth0' },
        source: { location: '/compute/1', kind: COMPUTE },
        target: { location: '/network/public', kind: NETWORK },
      },
      // rOCCI names here what stands elsewhere.
      '/networkinterface/3',
    ],
    somethingElse: [[]],
  }
  const wanted: Representation = {
    categories: [
      { ...kind, class: 'kind' },
      { term: 'debian12', scheme: 'http://example.org/os_tpl#', class: 'mixin' },
    ],
    links: [
      { target: '', rel: START, categories: [], attributes: new Map() },
      {
        target: '/network/public',
        rel: NETWORK,
        categories: [INTERFACE, ipInterface],
        attributes: new Map<string, Value>([
          ['occi.core.id', '2'],
          ['occi.core.source', '/compute/1'],
          ['occi.networkinterface.interface', 'eth0'],
        ]),
      },
    ],
    attributes: new Map<string, Value>([
      ['occi.core.id', '1'],
      ['occi.core.title', 'my vm'],
      ['occi.core.summary', 'two\nlines'],
      ['occi.compute.cores', 2],
      ['occi.compute.userdata', '#!/bin/sh\necho "hi"\n'],
      ['yes', 'true'],
    ]),
    locations: [],
  }
  assert.deepEqual(parse(document), [wanted])
  assert.deepEqual(parse({ resources: [document] }), [wanted])
})

test('reads a link that is an entity of its own', () => {
  const wanted = {
    ...NOTHING,
    categories: [{ term: 'networkinterface', scheme: INFRASTRUCTURE, class: 'kind' }],
    attributes: new Map([
      ['occi.core.source', 'http://host.example/compute/1'],
      ['occi.core.target', '/network/public'],
      ['occi.core.target.kind', NETWORK],
    ]),
  }
  const link = { kind: INTERFACE, source: { location: 'http://host.example/compute/1' } }
  assert.deepEqual(parse({ ...link, target: { location: '/network/public', kind: NETWORK } }), [wanted])
  assert.deepEqual(parse({ ...link, target: '/network/public', rel: NETWORK }), [wanted])
  assert.deepEqual(parse({ links: [{ ...link, target: '/network/public', rel: NETWORK }] }), [wanted])
})

test('gives links beside resources to the resource at which they begin', () => {
  const resource = (id: string) => ({ kind: COMPUTE, id })
  const link = (source?: string) => ({ kind: INTERFACE, target: '/network/public', ...(source ? { source } : {}) })
  const targets = (document: object): unknown =>
    parse(document).map(({ links, attributes }) => [attributes.get('occi.core.id'), links.map(({ target }) => target)])
  assert.deepEqual(targets({ resources: [resource('a')], links: [link(), link('/compute/a')] }), [
    ['a', ['/network/public', '/network/public']],
  ])
  assert.deepEqual(
    targets({ resources: [resource('a'), resource('b')], links: [link('/compute/b'), link('/compute/c')] }),
    [
      ['a', []],
      ['b', ['/network/public']],
      [undefined, []],
    ],
  )
  assert.match(
    refusal({ resources: [resource('a'), resource('b')], links: [link()] }),
    /^links\[0\]: a link whose source says which of the 2 resources/,
  )
  // A part of what the URL names.
  assert.deepEqual(targets({ links: [link(), link('/compute/c')] }), [
    [undefined, ['/network/public']],
    [undefined, []],
  ])
  // The id is the client's own, and will not be the entity's.
  const [joined] = parse({ resources: [resource('a')], links: [link('/compute/a')] })
  assert.deepEqual(joined?.links[0]?.attributes, new Map())
})

test('reads the invocation of an action', () => {
  const wanted = {
    ...NOTHING,
    categories: [{ term: 'start', scheme: START.slice(0, -5), class: 'action' }],
    attributes: new Map([['method', 'cold']]),
  }
  assert.deepEqual(parse({ action: START, attributes: { method: 'cold' } }), [wanted])
  // As rOCCI wraps it.
  assert.deepEqual(parse({ action: { action: START, attributes: { method: 'cold' } } }), [wanted])
})

test('reads a part of an entity, and nothing', () => {
  assert.deepEqual(parseOne({ mixins: ['http://example.org/a#b'] }).categories, [
    { term: 'b', scheme: 'http://example.org/a#', class: 'mixin' },
  ])
  for (const body of ['', ' \r\n', '{}', '{"resources":[]}', '{"unknown":1}'])
    assert.deepEqual(parseText(body), [NOTHING])
  assert.deepEqual(parseText('\uFEFF{"title":"a"}')[0]?.attributes.get('occi.core.title'), 'a')
})

test('reads attributes nested at their dots, and under the prefix that the specification misspells', () => {
  assert.deepEqual(
    attributes({
      attributes: {
        occi: { core: { title: 'a' }, infrastructure: { networkinterface: { mac: 'b' } } },
        'occi.compute': { 'state.message': 'c', state: 1.5 },
      },
    }),
    {
      'occi.core.title': 'a',
      'occi.networkinterface.mac': 'b',
      'occi.compute.state.message': 'c',
      'occi.compute.state': 1.5,
    },
  )
})

test('keeps names that mean something to JavaScript as the names that they are', () => {
  const { attributes } =
    parseText('{"__proto__":{"kind":"x"},"attributes":{"__proto__":{"a":1},"constructor":"b"}}')[0] ?? assert.fail()
  assert.deepEqual(
    [...attributes],
    [
      ['__proto__.a', 1],
      ['constructor', 'b'],
    ],
  )
  const entity = { ...NOTHING, attributes: new Map([['__proto__', 'a']]) }
  assert.equal(CODEC.render({ shows: 'entity', entity }).body, '{"attributes":{"__proto__":"a"}}')
})

test('names the line and the column where it stops being JSON, and repeats nothing of it', () => {
  assert.match(refusalOf('{\n "title": "secret",\r\n\r\n}'), /^line 4, column 1: a name in double quotes expected/)
  assert.match(refusalOf('{"title": "secr\net"}'), /^line 1, column 16: one of the escapes of JSON/)
  assert.match(refusalOf('{"title": "secret}'), /^line 1, column 19: a closing '"'/)
  assert.match(refusalOf('{"title": secret}'), /^line 1, column 11: a value expected/)
  assert.match(refusalOf('{"title": "a"} secret'), /^line 1, column 16: nothing more expected/)
  for (const body of ['"secret', 'secret', '{"a":"secret" "b"}', '["secret"', '{secret:1}'])
    assert.doesNotMatch(refusalOf(body), /secret/)
})

test('names the member that is not as it should be', () => {
  assert.match(refusal({ resources: [{ mixins: ['a#b', 'a#c', 5] }] }), /^resources\[0\]\.mixins\[2\]: a type id/)
  assert.match(refusal({ kind: 'compute' }), /^kind: a type id \(scheme#term\) is expected/)
  assert.match(refusal({ kind: 'a#b"; c' }), /^kind: a type id/)
  assert.match(refusal({ kind: 'a#b', title: 5 }), /^title: a text is expected/)
  assert.match(
    refusal({ attributes: { a: { b: ['c'] } } }),
    /^attributes\.a\.b: a text, a number or a boolean is expected/,
  )
  assert.match(refusal({ attributes: [] }), /^attributes: an object is expected/)
  assert.match(refusal({ attributes: { 'a b': 1 } }), /^attributes\.a b: the name of an attribute/)
  assert.match(refusal({ kind: 'a#b', links: [{ kind: 'a#c' }] }), /^links\[0\]: a link with the member "target"/)
  assert.match(refusal({ source: {} }), /^source: a location, or an object/)
  assert.match(refusal({ kinds: [{ scheme: 'a#' }] }), /^kinds\[0\]: a category with the member "term"/)
  assert.match(refusal(['/a', { b: 1 }]), /^\[1\]: a location is expected/)
  assert.match(refusal('text'), /^the document: an object is expected/)
  assert.match(refusalOf('{"attributes":{"a":1e999}}'), /^attributes\.a: a text, a number/)
  assert.match(refusalOf(String.raw`{"title":"\ud800"}`), /^title: text without halves of surrogate pairs/)
  assert.ok(refusal({ attributes: { ['a'.repeat(10_000)]: 1 } }).length < 500)
})

test('refuses what is said twice, differently', () => {
  assert.match(
    refusal({ title: 'a', attributes: { 'occi.core.title': 'b' } }),
    /^attributes\.occi\.core\.title: occi\.core\.title has another value before/,
  )
  assert.match(refusal({ id: 'a', attributes: { occi: { core: { id: 'b' } } } }), /occi\.core\.id has another value/)
  assert.deepEqual(attributes({ id: 'a', attributes: { 'occi.core.id': 'a' } }), { 'occi.core.id': 'a' })
})

test('refuses what is nested too deeply, wherever it stands', () => {
  const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  for (const body of [
    deep(100_000),
    `{"unknown":${deep(100_000)}}`,
    `{"attributes":${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5 + 1)}`,
  ])
    assert.match(refusalOf(body), /nested deeper than 32 levels/)
})

test('writes an entity with flat attributes, in the order of the specification', () => {
  const entity: Representation = {
    categories: [
      { term: 'compute', scheme: INFRASTRUCTURE, class: 'kind', title: 'Compute' },
      { term: 'debian12', scheme: 'http://example.org/os_tpl#', class: 'mixin', title: 'Debian 12' },
    ],
    links: [
      { target: '/compute/1?action=start', rel: START, categories: [], attributes: new Map() },
      {
        target: '/network/public',
        rel: NETWORK,
        self: '/networkinterface/2',
        categories: [INTERFACE],
        attributes: new Map<string, Value>([
          ['occi.core.id', '2'],
          ['occi.core.target', '/network/public'],
          ['occi.core.source', '/compute/1'],
          ['occi.networkinterface.interface', 'eth0'],
        ]),
      },
    ],
    attributes: new Map<string, Value>([
      ['occi.core.id', '1'],
      ['occi.core.title', 'my vm'],
      ['occi.compute.memory', 2],
    ]),
    locations: [],
  }
  const rendered =
    `{"kind":"${COMPUTE}","id":"1","title":"my vm","mixins":["http://example.org/os_tpl#debian12"],` +
    `"attributes":{"occi.compute.memory":2},"actions":["${START}"],"links":[{"kind":"${INTERFACE}","id":"2",` +
    `"attributes":{"occi.networkinterface.interface":"eth0"},"source":{"location":"/compute/1","kind":"${COMPUTE}"},` +
    `"target":{"location":"/network/public","kind":"${NETWORK}"}}]}`
  assert.equal(CODEC.render({ shows: 'entity', entity }).body, rendered)
  const link: Representation = {
    ...NOTHING,
    categories: [{ term: 'networkinterface', scheme: INFRASTRUCTURE, class: 'kind' }],
    attributes: new Map([
      ['occi.core.id', '2'],
      ['occi.core.source.kind', COMPUTE],
      ['occi.core.source', '/compute/1'],
      ['occi.core.target', '/network/public'],
    ]),
  }
  const renderedLink = {
    kind: INTERFACE,
    id: '2',
    source: { location: '/compute/1', kind: COMPUTE },
    target: { location: '/network/public' },
  }
  assert.deepEqual(render({ shows: 'entity', entity: link }), renderedLink)
  assert.deepEqual(render({ shows: 'collection', urls: [], entities: [link, entity] }), {
    resources: [JSON.parse(rendered)],
    links: [renderedLink],
  })
  assert.deepEqual(render({ shows: 'collection', urls: [], entities: [link] }), { links: [renderedLink] })
})

test('writes definitions, with all that JSON can say of an attribute', () => {
  assert.deepEqual(
    render({
      shows: 'categories',
      categories: [
        { term: 'entity', scheme: 'http://schemas.ogf.org/occi/core#', class: 'kind', location: '/entity/' },
        {
          term: 'compute',
          scheme: INFRASTRUCTURE,
          class: 'kind',
          rel: 'a#resource',
          location: '/compute/',
          actions: [START],
        },
        {
          term: 'net',
          scheme: 'a#',
          class: 'mixin',
          title: 'Net',
          rel: 'a#base',
          applies: [COMPUTE],
          location: '/net/',
          attributes: [
            { name: 'a.b', immutable: true, values: ['x', 'y'], description: 'c' },
            { name: 'a.c', required: true, type: 'number' },
          ],
        },
      ],
    }),
    {
      kinds: [
        { term: 'entity', scheme: 'http://schemas.ogf.org/occi/core#' },
        { term: 'compute', scheme: INFRASTRUCTURE, parent: 'a#resource', location: '/compute/', actions: [START] },
      ],
      mixins: [
        {
          term: 'net',
          scheme: 'a#',
          title: 'Net',
          depends: ['a#base'],
          applies: [COMPUTE],
          location: '/net/',
          attributes: {
            'a.b': { mutable: false, required: false, type: 'string', pattern: { enum: ['x', 'y'] }, description: 'c' },
            'a.c': { mutable: true, required: true, type: 'number' },
          },
        },
      ],
    },
  )
})

test('writes something for every answer', () => {
  assert.deepEqual(render({ shows: 'collection', urls: ['/compute/1'] }), { resources: [] })
  assert.deepEqual(render({ shows: 'created', url: '/compute/1' }), {})
  assert.deepEqual(render({ shows: 'nothing' }), {})
  assert.deepEqual(render({ shows: 'error', message: 'no' }), { message: 'no' })
  assert.deepEqual(render({ shows: 'categories', categories: [] }), {})
})
