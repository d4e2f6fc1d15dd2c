import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { parseJson } from './json.ts'
import { TYPE_NAMES, type TypeName } from './types.ts'
import { parseXml } from './xml.ts'

const TESTDATA = new URL('testdata/', import.meta.url)
const VECTORS = readdirSync(TESTDATA)
  .filter((name) => /\.(?:json|xml)$/.test(name))
  .map((name) => readFileSync(new URL(name, TESTDATA), 'latin1'))
const MAX_MESSAGE_LENGTH = 400
const RUNS = { numRuns: 1000 }

const anyType = fc.constantFrom(...TYPE_NAMES)
const PIECES = [
  ['<', '>', '/>', '</', '<a>', '</a>', '<!--', '-->', '<![CDATA[', ']]>', '<?', '?>', '<!DOCTYPE', '&', '&amp;', '&#'],
  ['"', "'", '=', ' ', '\n', 'Machine', 'name', 'property', 'key', 'xmlns:a', ':', '__proto__', 'constructor'],
  ['{', '}', '[', ']', ',', '"properties"', '"href"', '"__proto__"', '"operations"', 'null', '1', '"a"'],
  ['<Machine>', '</Machine>', '<name>', '</name>', '<operation ', 'é', '\u0000'],
].flat()
const piece = fc.constantFrom(...PIECES)

/** Never anything but a document or a refusal that is fit to be shown. */
function readEverywhere(body: Uint8Array, type: TypeName): void {
  for (const parse of [parseJson, parseXml])
    try {
      assert.equal(parse(body, type).resource.type, type)
    } catch (error) {
      assert.ok(isCloudError(error, 'invalid'), inspect(error))
      assert.ok(error.message.length < MAX_MESSAGE_LENGTH, `${error.message.length} characters`)
    }
}

test('bytes of any kind are read or refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), anyType, readEverywhere), RUNS)
})

test('pieces of both grammars in any order are read or refused', () => {
  const pieces = fc.array(piece, { maxLength: 30 })
  fc.assert(
    fc.property(pieces, anyType, (parts, type) => readEverywhere(Buffer.from(parts.join('')), type)),
    RUNS,
  )
})

test('names that objects have of their own are read or refused, and change nothing', () => {
  const names = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf')
  fc.assert(
    fc.property(names, anyType, (name, type) => {
      for (const text of [
        `<${name} ${name}="a"><${name} polluted="1">b</${name}></${name}>`,
        `<a><property key="${name}">polluted</property><${name}/></a>`,
        `{"${name}":{"polluted":1},"properties":{"${name}":"a"}}`,
      ])
        readEverywhere(Buffer.from(text), type)
      assert.equal('polluted' in {}, false)
    }),
    { numRuns: 100 },
  )
})

test('vectors are read or refused, however they are damaged', () => {
  const splice = fc.record({ at: fc.nat(), remove: fc.nat({ max: 12 }), insert: fc.oneof(piece, fc.string()) })
  const damage = fc.tuple(fc.constantFrom(...VECTORS), fc.array(splice, { maxLength: 4 }), fc.nat(), fc.boolean())
  fc.assert(
    fc.property(damage, anyType, ([vector, splices, end, isCut], type) => {
      const damaged = splices.reduce((now, { at, remove, insert }) => {
        const start = at % (now.length + 1)
        return `${now.slice(0, start)}${insert}${now.slice(start + remove)}`
      }, vector)
      const kept = isCut ? damaged.slice(0, end % (damaged.length + 1)) : damaged
      // As single bytes: what is cut or put in need not be UTF-8.
      readEverywhere(Buffer.from(kept, 'latin1'), type)
    }),
    RUNS,
  )
})
