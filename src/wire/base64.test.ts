import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { decodeBase64 } from './base64.ts'

const CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function refusal(text: string): string {
  try {
    decodeBase64(text, 'userData')
  } catch (error) {
    assert.ok(isCloudError(error, 'invalid'))
    return error.message
  }
  return assert.fail(`${JSON.stringify(text)} was decoded`)
}

test('gives back what Buffer encoded', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.deepEqual(Buffer.from(decodeBase64(Buffer.from(bytes).toString('base64'), 'x')), Buffer.from(bytes))
    }),
  )
})

test('takes white space anywhere', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(' ', '\n', '\r\n', '\t'), (bytes, blank) => {
      const spaced = Buffer.from(bytes).toString('base64').split('').join(blank)
      assert.deepEqual(Buffer.from(decodeBase64(`${blank}${spaced}${blank}`, 'x')), Buffer.from(bytes))
    }),
  )
})

test('takes nothing but canonical base64, and refuses with a position inside the text', () => {
  const alphabet = fc.constantFrom(...'AQZaz09+/=-_ \n!é'.split(''))
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 16 }), (text) => {
      const packed = text.replaceAll(/\s/g, '')
      const bytes = Buffer.from(packed, 'base64')
      if (CANONICAL.test(packed) && bytes.toString('base64') === packed) {
        assert.deepEqual(Buffer.from(decodeBase64(text, 'x')), bytes)
        return
      }
      const position = Number(/character (\d+)/.exec(refusal(text))?.[1])
      assert.ok(position >= 1 && position <= text.length, `${position} in ${JSON.stringify(text)}`)
    }),
    { numRuns: 1000 },
  )
})

test('names the field and the position of the first wrong character', () => {
  assert.match(refusal('QUJD\nQU-D'), /^userData: not base64: character 8 of 9 is not of A-Z/)
  assert.match(refusal('QQ==QQ=='), /character 5 of 8/)
  assert.match(refusal('Q==='), /character 4 of 4/)
  assert.match(refusal('QUJ'), /its end, character 3, comes after 3, no multiple of 4/)
  assert.match(refusal('QR=='), /character 2 of 4 has bits set beyond the last byte/)
})

test('never repeats the value', () => {
  assert.doesNotMatch(refusal('secret-secret'), /secret-/)
})

test('takes empty text as no bytes', () => {
  assert.equal(decodeBase64('', 'x').byteLength, 0)
  assert.equal(decodeBase64(' \n', 'x').byteLength, 0)
})
