import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { distinctStems, type NumberingRule, type WantedName } from './distinct-names.ts'

const RULE: NumberingRule = { mark: '~', stemMaxChars: (extension) => 8 - extension.length, always: false }

const wanted = (stem: string, exact = false): WantedName => ({ stem, extension: '', exact })

describe('names of one folder', () => {
  it('are all different, and none is too long', () => {
    const name = fc.record({
      stem: fc.string({ unit: fc.constantFrom('A', 'B', '~', '1'), minLength: 1, maxLength: 10 }),
      extension: fc.constantFrom('', '.X', '.YZ'),
    })
    fc.assert(
      fc.property(fc.array(name, { maxLength: 60 }), fc.boolean(), (names, always) => {
        const rule = { ...RULE, always }
        const inexact = names.map((each) => ({ ...each, exact: false }))
        const full = distinctStems(inexact, rule).map((stem, i) => stem + names[i]?.extension)
        assert.equal(new Set(full).size, names.length)
        assert.ok(full.every((each) => each.length <= 8))
      }),
    )
  })

  it('leave an exact name to whom it belongs, whoever comes first', () => {
    assert.deepEqual(distinctStems([wanted('A_B'), wanted('A_B', true), wanted('A_B~1', true)], RULE), [
      'A_B~2',
      'A_B',
      'A_B~1',
    ])
  })

  it('get longer numbers when the short ones are used up', () => {
    const stems = distinctStems(
      Array.from({ length: 1200 }, () => wanted('ABCDEFGHIJ')),
      RULE,
    )
    assert.deepEqual(
      [0, 1, 9, 10, 99, 100, 1000].map((i) => stems[i]),
      ['ABCDEFGH', 'ABCDEF~1', 'ABCDEF~9', 'ABCDE~10', 'ABCDE~99', 'ABCD~100', 'ABC~1000'],
    )
  })

  it('never end in half a character', () => {
    for (const stem of distinctStems([wanted('1234567😀'), wanted('1234567😀'), wanted('12345😀')], RULE))
      assert.ok(stem.isWellFormed())
  })
})
