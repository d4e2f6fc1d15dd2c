import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { ageText, consoleLine, jsonText, printable, sizeText, table, toMs } from './output.ts'

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

describe('ageText', () => {
  it('is as fine as people need it', () => {
    const minute = 60_000
    assert.deepEqual(
      [-5, 0, 119_000, 2 * minute, 119 * minute, 120 * minute, 47 * 60 * minute, 48 * 60 * minute].map(ageText),
      ['0 s', '0 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d'],
    )
  })
})

describe('what others say', () => {
  const anyText = fc.string({
    unit: fc.oneof(
      fc.integer({ min: 0, max: 0x10ff_ff }).map((point) => String.fromCodePoint(point)),
      fc.constantFrom('\x1b', '\x9b', '\u202e', '\0', '\r'),
    ),
  })
  const obeyed = /[\0-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

  it('is the same JSON, in which a terminal obeys nothing', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const written = jsonText({ text })
        assert.doesNotMatch(written, obeyed)
        assert.deepEqual(JSON.parse(written), {
          text: text.toWellFormed() === text ? text : JSON.parse(JSON.stringify(text)),
        })
      }),
    )
    assert.equal(
      jsonText({ a: ['\u009b1m', '\u{e0001}'] }, 2),
      '{\n  "a": [\n    "\\u009b1m",\n    "\\udb40\\udc01"\n  ]\n}',
    )
  })

  it('is a part of a line, or a line, that a terminal obeys nothing of', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.doesNotMatch(printable(text), obeyed)
        assert.doesNotMatch(consoleLine(text.replaceAll('\n', '')), obeyed)
      }),
    )
    assert.equal(consoleLine('\u001b[31mred\u009b0m\ttab '), 'red0m\ttab')
  })
})
