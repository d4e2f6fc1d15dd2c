import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anyResource } from '../../../test/conformance/cimi-samples.ts'
import type { Resource } from './document.ts'
import { parseJson, renderJson } from './json.ts'
import { TYPE_NAMES, type TypeName } from './types.ts'
import { parseXml, renderXml } from './xml.ts'

const throughJson = (resource: Resource) => parseJson(Buffer.from(renderJson(resource)), resource.type)
const throughXml = (resource: Resource) => parseXml(Buffer.from(renderXml(resource)), resource.type)

/** Checks what only a whole document says. */
function assertSame(read: ReturnType<typeof parseJson>, resource: Resource): void {
  assert.deepEqual(read.resource, resource)
  assert.deepEqual(read.unknown, [])
  assert.equal(read.claimed, resource.type)
}

for (const type of TYPE_NAMES)
  test(`${type}: what JSON and XML write is read back, and they agree`, () => {
    fc.assert(
      fc.property(anyResource(type), (resource) => {
        assertSame(throughJson(resource), resource)
        assertSame(throughXml(resource), resource)
        assertSame(throughXml(throughJson(resource).resource), resource)
      }),
      { numRuns: 30 },
    )
  })

test('what XML cannot say is written as the replacement character', () => {
  const resource = (name: string): Resource => ({ type: 'Machine', attributes: new Map([['name', name]]) })
  assertSame(throughXml(resource('a\0\u001B\uFFFE\uD800b')), resource('a\uFFFD\uFFFD\uFFFD\uFFFDb'))
})

test('properties keep the names that objects have of their own', () => {
  const type: TypeName = 'Machine'
  const resource: Resource = {
    type,
    attributes: new Map([['properties', new Map(['__proto__', 'constructor', 'toString'].map((key) => [key, key]))]]),
  }
  assertSame(throughJson(resource), resource)
  assertSame(throughXml(resource), resource)
  assert.equal(Object.hasOwn(Object.prototype, '__proto__'), true)
})
