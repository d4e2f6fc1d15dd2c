import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { parseJsonObject, renderJson, type Json } from './json.ts'

// Python 3.11: json.dumps of the same values.
const PYTHON: readonly (readonly [Json, string])[] = [
  [{ a: 1, b: [true, null, 'x'] }, '{"a": 1, "b": [true, null, "x"]}'],
  [{ ü: '€😀\u007f' }, String.raw`{"\u00fc": "\u20ac\ud83d\ude00\u007f"}`],
  ['"\\\n\t\u0000/', String.raw`"\"\\\n\t\u0000/"`],
  [[{}, []], '[{}, []]'],
]

describe('renderJson', () => {
  for (const [value, text] of PYTHON) it(`writes as Python does: ${text}`, () => assert.equal(renderJson(value), text))

  it('leaves out what is undefined', () => assert.equal(renderJson({ a: undefined, b: 1 }), '{"b": 1}'))

  it('is read again as what it was, and is ASCII', () => {
    const value = fc.jsonValue({ stringUnit: fc.constantFrom('a', 'é', '\u2028', '"', '\n', ' ', '😀') })
    fc.assert(
      fc.property(value, (value) => {
        const text = renderJson(value)
        assert.match(text, /^[ -~]*$/)
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe('parseJsonObject', () => {
  it('refuses all but an object, and repeats nothing of it', () => {
    for (const text of ['', '[]', 'null', '"hunter2"', '{"hunter2"'])
      assert.throws(
        () => parseJsonObject(Buffer.from(text), 'a/file.json'),
        (error) =>
          isCloudError(error, 'invalid') &&
          error.message.startsWith('a/file.json: ') &&
          !error.message.includes('hunter2'),
      )
  })
})
