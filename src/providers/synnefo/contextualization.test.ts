import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { contextualize } from './contextualization.ts'

const NOTHING = { publicKeys: [], variables: {}, files: [] }
const OLD = { provider: 'site', serverName: 'web', hasKeyPairs: false, hasUserData: false, readsUserData: false }
const NEW = { ...OLD, hasKeyPairs: true, hasUserData: true }

describe("how a server's data reach its guest in Synnefo", () => {
  it('needs no file where there is nothing to say, or nothing in it', () => {
    for (const circumstances of [OLD, NEW, { ...NEW, readsUserData: true }])
      for (const userData of [{}, { userData: Buffer.of() }])
        assert.deepEqual(contextualize({ ...NOTHING, hostname: 'web', ...userData }, circumstances), {
          personality: [],
          keyPairs: [],
        })
  })

  it('gives a file’s mode as the number that it is', () => {
    const { personality } = contextualize({ ...NOTHING, userData: Buffer.from('x') }, NEW)
    assert.deepEqual(
      personality.map(({ path, mode }) => [path, mode]),
      [
        ['/var/lib/cloud/seed/nocloud-net/meta-data', 384],
        ['/var/lib/cloud/seed/nocloud-net/user-data', 384],
        ['/cernvm/extra-user-data', 384],
      ],
    )
  })

  it('refuses keys and variables that fit into no file', () => {
    const key = { name: 'k', text: `ssh-rsa ${'A'.repeat(4000)}` }
    const tooLarge = (error: unknown): boolean => isCloudError(error, 'too-large') && error.message.includes('7680')
    assert.throws(() => contextualize({ ...NOTHING, publicKeys: [key, key] }, OLD), tooLarge)
    const variables = { A: 'x'.repeat(8000) }
    assert.throws(() => contextualize({ ...NOTHING, userData: Buffer.from('x'), variables }, NEW), tooLarge)
  })
})
