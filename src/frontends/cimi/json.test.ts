import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { parseJson } from './json.ts'
import type { TypeName } from './types.ts'

const read = (body: unknown, ...expected: [TypeName, ...TypeName[]]) =>
  parseJson(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), ...expected)

function refuses(body: unknown, type: TypeName, message: string | RegExp): void {
  assert.throws(
    () => read(body, type),
    (error) => {
      assert.ok(isCloudError(error, 'invalid'))
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    },
  )
}

const NAMED = { type: 'MachineCreate', attributes: new Map([['name', 'web']]) }

test('the type may be missing, of another version, in another member, in any case, or in a wrapper', () => {
  assert.deepEqual(read({ name: 'web' }, 'MachineCreate'), { resource: NAMED, unknown: [] })
  for (const body of [
    { resourceURI: 'http://schemas.dmtf.org/cimi/1/MachineCreate', name: 'web' },
    { resourceURI: ' http://schemas.dmtf.org/cimi/2/machineCreate/ ', name: 'web' },
    { resourceType: 'http://schemas.dmtf.org/cimi/1/MachineCreate', name: 'web' },
    { MachineCreate: { name: 'web' } },
    { machinecreate: { entityURI: 'anything', name: 'web' } },
  ])
    assert.deepEqual(read(body, 'MachineCreate'), { resource: NAMED, claimed: 'MachineCreate', unknown: [] })
})

test('a type that is plainly another is shown, not judged', () => {
  assert.equal(read({ resourceURI: 'http://schemas.dmtf.org/cimi/1/Volume' }, 'MachineCreate').claimed, 'Volume')
  assert.equal(read({ resourceURI: 'http://example.org/spaceship' }, 'MachineCreate').claimed, 'spaceship')
  assert.equal(read({ Volume: {} }, 'MachineCreate').claimed, 'Volume')
})

test('of several types that are expected the claimed one is read, else the first', () => {
  const types = ['MachineTemplateCreate', 'MachineTemplate'] as const
  assert.equal(read({ MachineTemplate: {} }, ...types).resource.type, 'MachineTemplate')
  assert.equal(read({}, ...types).resource.type, 'MachineTemplateCreate')
})

test('an attribute that has the name of a type is no wrapper', () => {
  const { resource, claimed } = read({ machineTemplate: { userData: 'YQ==' } }, 'MachineCreate')
  assert.equal(claimed, undefined)
  assert.deepEqual(
    resource.attributes,
    new Map([['machineTemplate', { type: 'MachineTemplate', attributes: new Map([['userData', 'YQ==']]) }]]),
  )
})

test('references are objects or strings, and are trimmed', () => {
  const image = (href: unknown) => read({ machineImage: href }, 'MachineTemplate').resource.attributes
  assert.deepEqual(image(' img1 '), image({ href: 'img1' }))
  const location = (imageLocation: unknown) => read({ imageLocation }, 'MachineImageCreate').resource.attributes
  assert.deepEqual(location('m1'), new Map([['imageLocation', 'm1']]))
  assert.deepEqual(location({ href: 'm1' }), location('m1'))
})

test('numbers and booleans may be strings', () => {
  const { attributes } = read({ cpu: ' 2 ', memory: '1024' }, 'MachineConfiguration').resource
  assert.deepEqual([attributes.get('cpu'), attributes.get('memory')], [2, 1024])
  assert.equal(read({ force: 'TRUE' }, 'Action').resource.attributes.get('force'), true)
  assert.equal(read({ bootable: 'false' }, 'Volume').resource.attributes.get('bootable'), false)
})

test('other spellings of attributes are read', () => {
  const { attributes } = read({ username: 'u', publicKey: 'k' }, 'Credential').resource
  assert.deepEqual(attributes, read({ userName: 'u', key: 'k' }, 'Credential').resource.attributes)
  assert.equal(read({ status: 'RUNNING' }, 'Job').resource.attributes.get('state'), 'RUNNING')
})

test('unknown attributes are named, and the names are few and short', () => {
  const { unknown } = read({ a: 1, machineTemplate: { b: {}, volumes: [{ c: [] }] } }, 'MachineCreate')
  assert.deepEqual(unknown.toSorted(), ['a', 'machineTemplate.b', 'machineTemplate.volumes[0].c'])
  const many = read(
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${'x'.repeat(999)}${i}`, 1])),
    'Machine',
  )
  assert.ok(many.unknown.join('').length < 10_000)
})

test('full resources stand in requests as they come', () => {
  const machineImage = {
    id: 'a',
    href: 'a',
    created: 'yesterday',
    state: '?',
    operations: [{ rel: 'edit', href: 'a' }],
  }
  const { attributes } = read({ machineImage }, 'MachineTemplate').resource
  assert.deepEqual(attributes.get('machineImage'), read(machineImage, 'MachineImage').resource)
})

test('what cannot be read is named by its path, and its value is not repeated', () => {
  refuses(
    { machineTemplate: { machineConfig: { disks: [{}, { capacity: 'big' }] } } },
    'MachineCreate',
    'machineTemplate.machineConfig.disks[1].capacity: an integer is expected',
  )
  refuses({ cpu: 1.5 }, 'Machine', 'cpu: an integer is expected')
  refuses({ cpu: '0x10' }, 'Machine', 'cpu: an integer is expected')
  refuses({ force: 1 }, 'Action', 'force: true or false is expected')
  refuses({ name: 5 }, 'Machine', 'name: text is expected')
  refuses({ name: '\uD800' }, 'Machine', 'name: text without halves of characters is expected')
  refuses({ properties: { a: 1 } }, 'Machine', 'properties.a: text is expected')
  refuses({ properties: [] }, 'Machine', 'properties: an object is expected')
  refuses({ operations: {} }, 'Machine', 'operations: a list is expected')
  refuses({ summary: 'none' }, 'EventLog', 'summary: an object is expected')
  refuses(
    { machineTemplate: { userData: ['hunter2'] } },
    'MachineCreate',
    'machineTemplate.userData: a single value is expected',
  )
  for (const body of ['[]', '"web"', '1', 'null']) refuses(body, 'Machine', 'the document: an object is expected')
})

test('what is not JSON is refused without its text', () => {
  for (const body of ['', '{', '{"password":"hunter2"', '{"password":hunter2}'])
    refuses(body, 'Machine', /^line \d+, column \d+: (?!.*hunter2).* expected; this is not JSON$/)
  assert.throws(
    () => parseJson(Buffer.from([0xff]), 'Machine'),
    (error) => isCloudError(error, 'invalid'),
  )
})

test('what is too large or too deep is refused', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"machineTemplate":', '}'],
  ] as const)
    for (const text of [`${open.repeat(100_000)}1${close.repeat(100_000)}`, `${open.repeat(33)}1${close.repeat(33)}`])
      refuses(text, 'MachineCreate', /nested deeper than 32 levels/)
  assert.throws(
    () => parseJson(Buffer.alloc(16 * 1024 * 1024 + 1, ' '), 'Machine'),
    (error) => isCloudError(error, 'too-large'),
  )
})
