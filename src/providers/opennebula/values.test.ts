import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { toContextValues, toVmName } from './values.ts'

describe('a value of a CONTEXT', () => {
  it('is said in clear where nothing in it means something to OpenNebula', () => {
    const plain = {
      A: 'say "hi"',
      B: "it's `id`",
      C: String.raw`C:\temp\new \\server x`,
      D: 'line1\nline2\t',
      E: ' é ☃ ',
    }
    assert.deepEqual(toContextValues(plain), { context: plain, references: {} })
  })

  it('is passed by reference where it has a dollar, or ends in a backslash', () => {
    assert.deepEqual(toContextValues({ HASH: '$6$salt$hash', HOME: 'pay ${now}', PATH: 'C:\\' }), {
      context: { HASH: '$BELLHOP_VALUE_HASH', HOME: '$BELLHOP_VALUE_HOME', PATH: '$BELLHOP_VALUE_PATH' },
      references: { BELLHOP_VALUE_HASH: '$6$salt$hash', BELLHOP_VALUE_HOME: 'pay ${now}', BELLHOP_VALUE_PATH: 'C:\\' },
    })
  })

  it('is refused, and never repeated, where nothing brings it through', () => {
    for (const [value, why] of [
      ['secret@^_^@Q=injected', 'reserved'],
      ['secret]]>', ']]>'],
      ['secret\u{1F600}', 'U+FFFF'],
      ['secret\uD83D', 'U+FFFF'],
      ['secret\r\n', 'control'],
      ['secret\0', 'control'],
      ['secret\x1B[0m', 'control'],
      ['', 'empty'],
    ] as const)
      for (const sent of [value, value === '' ? '' : `$${value}`])
        assert.throws(
          () => toContextValues({ MOTD: sent }, (name) => `variables: ${name}`),
          (error) =>
            isCloudError(error, 'invalid') &&
            error.message.startsWith('variables: MOTD: ') &&
            error.message.includes(why) &&
            !error.message.includes('secret'),
          JSON.stringify(value),
        )
  })
})

describe('the name of a VM', () => {
  it('is the title where OpenNebula takes it', () => {
    assert.equal(toVmName('web 1 (é)'), 'web 1 (é)')
  })

  it('has nothing that OpenNebula refuses, or that would stand in a CONTEXT as more than a name', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string({ unit: 'binary' }),
            fc.constantFrom(
              '@^_^@',
              '$HOME',
              '\u{1F600}',
              '&',
              '|',
              ':',
              '\\',
              '"',
              ';',
              '/',
              "'",
              '#',
              '{',
              '}',
              '<',
              '>',
            ),
          ),
        ),
        (parts) => {
          const name = toVmName(parts.join(''))
          assert.doesNotMatch(name, /[&|:\\";/'#{}$<>\p{Cc}\p{Cs}\u{10000}-\u{10FFFF}]/u)
          assert.ok(!name.includes('@^_^@') && Buffer.byteLength(name) <= 128 && name === name.trim())
        },
      ),
    )
  })

  it('is cut between characters', () => {
    assert.equal(toVmName('é'.repeat(100)), 'é'.repeat(64))
    assert.equal(toVmName('☃'.repeat(100)), '☃'.repeat(42))
  })
})
