import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIni } from './ini.ts'

describe('a file of settings', () => {
  it('is read as Python’s ConfigParser reads it', () => {
    const text =
      '# a\n; b\nlost = 1\n[One] behind\r\nKey = a = b : c\r\nOTHER:d\n\n= no key\n[two]\nk=\n[One]\nkey = again\n'
    const sections = parseIni(text)
    assert.deepEqual(
      [...(sections.get('One') ?? [])],
      [
        ['key', 'again'],
        ['other', 'd'],
      ],
    )
    assert.deepEqual([...(sections.get('two') ?? [])], [['k', '']])
  })

  it('keeps the case of the keys of one section', () => {
    const sections = parseIni('[a]\nKey = 1\n[b]\nKey = 2\n', 'b')
    assert.deepEqual([sections.get('a')?.get('key'), sections.get('b')?.get('Key')], ['1', '2'])
  })
})
