import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sha256 } from '../model/digest.ts'
import { isCloudError } from '../model/errors.ts'
import { requireMember, tokenAuthenticator } from './access.ts'

const digestOf = (token: string): string => sha256(Buffer.from(token, 'utf8'))

describe('access', () => {
  const authenticate = tokenAuthenticator([
    { sha256: digestOf('alice’s'), subject: 'alice', project: 'red' },
    { sha256: digestOf('ralph’s'), subject: 'ralph', project: 'red', role: 'reader' },
  ])

  it('knows a token by its digest, and whose it is', async () => {
    assert.deepEqual(await authenticate('alice’s'), { subject: 'local/alice', project: 'local/red', role: 'member' })
    assert.deepEqual(await authenticate('ralph’s'), { subject: 'local/ralph', project: 'local/red', role: 'reader' })
  })

  it('does not take a digest for its token, nor anything else', async () => {
    for (const token of [digestOf('alice’s'), '', 'alice', 'ALICE’S', 'alice’s '])
      assert.equal(await authenticate(token), undefined)
    assert.equal(await tokenAuthenticator([])('alice’s'), undefined)
  })

  it('lets only members change anything', () => {
    requireMember({ subject: 's', project: 'p', role: 'member' })
    assert.throws(
      () => requireMember({ subject: 's', project: 'p', role: 'reader' }),
      (error) => isCloudError(error, 'forbidden'),
    )
  })
})
