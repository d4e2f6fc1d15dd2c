import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keysByName, keysFromNames } from './key-names.ts'

describe('keysByName', () => {
  it('gives every key a name of its own', () => {
    const keys = ['jane', 'jane', 'jane-2', 'jane'].map((name, index) => ({ name, text: `ssh-ed25519 ${index}` }))
    assert.deepEqual(Object.keys(keysByName(keys)), ['jane', 'jane-2', 'jane-2-2', 'jane-3'])
  })

  it('ends the lines of several keys, so that a guest that joins the texts has one key a line', () => {
    const keys = [
      { name: 'jane', text: 'ssh-ed25519 AAAA jane' },
      { name: 'joe', text: 'ssh-ed25519 BBBB joe' },
    ]
    assert.equal(Object.values(keysByName(keys)).join(''), 'ssh-ed25519 AAAA jane\nssh-ed25519 BBBB joe\n')
    assert.deepEqual(keysFromNames(keysByName(keys)), keys)
  })

  it('leaves a single key as it is', () => {
    assert.deepEqual(keysByName([{ name: 'jane', text: 'ssh-ed25519 AAAA jane' }]), { jane: 'ssh-ed25519 AAAA jane' })
  })
})
