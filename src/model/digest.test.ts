import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { uuidOf } from './digest.ts'

test('a text stands for one UUID of version 8, and another text for another', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      assert.match(uuidOf(one), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.equal(uuidOf(one) === uuidOf(other), one === other)
    }),
  )
})
