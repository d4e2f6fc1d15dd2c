import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listing, textFile, type Files } from './files.ts'

const FILES: Files = new Map([
  ['latest/user-data', textFile('x')],
  ['latest/meta-data/hostname', textFile('x')],
  ['latest/meta-data/public-keys/0/openssh-key', textFile('x')],
  ['latest/meta-data/public-keys/', textFile('0=jane')],
  ['latest/meta-data/ami-id', textFile('x')],
])
const listed = (dir: string): string | undefined => {
  const bytes = listing(FILES, dir)
  return bytes && Buffer.from(bytes).toString()
}

describe('listing', () => {
  it('has one name a line, sorted, folders with a slash, and no newline at its end', () => {
    assert.equal(listed(''), 'latest/')
    assert.equal(listed('latest'), 'meta-data/\nuser-data')
    assert.equal(listed('latest/meta-data'), 'ami-id\nhostname\npublic-keys/')
  })

  it('is what the layout says where it says it', () => {
    assert.equal(listed('latest/meta-data/public-keys'), '0=jane')
    assert.equal(listed('latest/meta-data/public-keys/0'), 'openssh-key')
  })

  it('is not there for a file, nor for a folder that is none', () => {
    assert.equal(listed('latest/user-data'), undefined)
    assert.equal(listed('late'), undefined)
    assert.equal(listed('nowhere'), undefined)
  })
})
