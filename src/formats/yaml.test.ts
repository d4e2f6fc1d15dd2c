import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readYaml } from './yaml.ts'

/** What PyYAML's safe loader makes of a text; see testdata/README.md. */
type Vector = readonly [root: 'mapping' | 'list' | 'scalar' | 'empty' | 'refused', text: string]

const VECTORS = JSON.parse(
  readFileSync(new URL('./testdata/yaml-pyyaml-6.json', import.meta.url), 'utf8'),
) as readonly Vector[]

describe('readYaml', () => {
  for (const [root, text] of VECTORS)
    it(`reads as PyYAML does: ${JSON.stringify(text).slice(0, 60)}`, () => {
      const read = readYaml(text)
      if ('unchecked' in read) return assert.equal(root, 'refused', 'what PyYAML takes, it must not leave open here')
      assert.equal('root' in read ? read.root : 'refused', root)
    })

  it('leaves open what not all programs read alike, rather than call it wrong', () => {
    for (const text of ['a:\n  b: [\nc]\n', 'a: "b\nc"\n', 'a: 1\rb: 2\n', 'a: [b]#c\n'])
      assert.ok('unchecked' in readYaml(text), JSON.stringify(text))
  })

  it('gives the keys of a mapping and the entries of a list', () => {
    const mapping = readYaml('a: 1\n"b c": 2\n')
    assert.deepEqual('keys' in mapping && [...mapping.keys], ['a', 'b c'])
    const list = readYaml('- a\n- {b: !!binary aGk=}\n')
    assert.deepEqual('items' in list && list.items(), ['a', { b: Buffer.from('hi') }])
  })

  it('names the line of a problem, and nothing of the text', () => {
    const read = readYaml('a: 1\nsecret: {{ hunter2 }}\n')
    assert.match('problem' in read ? read.problem : '', /^line 2 /)
    assert.doesNotMatch('problem' in read ? read.problem : '', /hunter2|secret/)
  })

  it('bears whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...' \n\t-:?{}[],&*!|>\'"%@`#a1=<'.split('')) }),
        (text) => void readYaml(text),
      ),
    )
    assert.ok('unchecked' in readYaml('['.repeat(30_000)) || 'problem' in readYaml('['.repeat(30_000)))
  })
})
