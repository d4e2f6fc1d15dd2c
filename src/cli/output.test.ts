import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { sizeText, table, toMs } from './output.ts'

describe('toMs', () => {
  it('reads durations with and without a unit', () => {
    for (const [text, ms] of [
      ['120', 120_000],
      ['90s', 90_000],
      ['1500ms', 1500],
      ['0.5m', 30_000],
      ['2h', 7_200_000],
    ] as const)
      assert.equal(toMs(text), ms, text)
  })

  it('refuses what is no duration, and one that is over at once', () => {
    for (const text of ['', 's', '-1s', '0', '1e3', '1 s', '90sec', 'NaN', '١s'])
      assert.throws(
        () => toMs(text),
        (error) => isCloudError(error, 'invalid') && error.message.includes(`"${text}"`),
        text,
      )
  })
})

describe('sizeText', () => {
  it('counts in units of 1024', () => {
    assert.deepEqual([0, 1023, 1024, 1536, 1024 ** 2, 8 * 1024 ** 2].map(sizeText), [
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '1.0 MiB',
      '8.0 MiB',
    ])
  })
})

describe('table', () => {
  it('lines columns up, numbers on the right, and leaves no blanks at the end', () => {
    assert.equal(
      table(
        [
          ['a', '1', 'x'],
          ['long', '100', 'what is last is not padded'],
          ['b', '20', ''],
        ],
        [1],
      ),
      ['a       1  x', 'long  100  what is last is not padded', 'b      20'].join('\n'),
    )
  })

  it('is nothing without rows', () => {
    assert.equal(table([]), '')
  })
})
