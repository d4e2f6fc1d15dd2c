import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { pauseMs } from './pauses.ts'

const HOUR_MS = 3_600_000

test('pauses grow from seconds to an hour, and chance takes no more than half of one', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => pauseMs(failures, 0, () => 1))
  assert.deepEqual(longest, [5000, 20_000, 80_000, 320_000, 1_280_000, HOUR_MS, HOUR_MS, HOUR_MS])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
      const full = pauseMs(failures, 0, () => 1)
      const own = pauseMs(failures, 0, () => chance)
      assert.ok(own >= full / 2 && own <= full)
    }),
  )
})

test('who asks for more is given it, up to a day', () => {
  assert.equal(
    pauseMs(1, 120_000, () => 1),
    120_000,
  )
  assert.equal(
    pauseMs(1, 1, () => 1),
    5000,
  )
  assert.equal(
    pauseMs(9, Number.MAX_SAFE_INTEGER, () => 0),
    24 * HOUR_MS,
  )
})
