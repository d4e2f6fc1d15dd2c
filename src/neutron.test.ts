import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sampleInstance } from '../test/conformance/store-samples.ts'
import { isCloudError } from './model/errors.ts'
import { neutronListener } from './neutron.ts'
import { sqliteStore } from './store/sqlite.ts'

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'bellhop-neutron-'))))
after(() => rm(folder, { recursive: true }))

async function listenerWith(secret: string | undefined) {
  const sharedSecretFile = join(folder, 'secret')
  await rm(sharedSecretFile, { force: true })
  if (secret !== undefined) await writeFile(sharedSecretFile, secret)
  const store = await sqliteStore(':memory:')
  const listen = { host: '127.0.0.1', port: 0 }
  const place = { providers: ['east', 'west'], listen, sharedSecretFile, configDrive: true }
  const { identity } = await neutronListener(place, store).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  assert.ok(identity.by === 'signature')
  return { identity, store }
}

describe("a listener in Nova's place", () => {
  it('has the secret of its file, without the end of the line', async () => {
    for (const [text, secret] of [
      ['peersecret', 'peersecret'],
      ['peersecret\n', 'peersecret'],
      [' with blanks \r\n', ' with blanks '],
    ] as const) {
      const { identity, store } = await listenerWith(text)
      assert.equal(identity.sharedSecret, secret)
      await store.close()
    }
  })

  it('is not opened without a secret, and says where it is looked for', async () => {
    for (const text of [undefined, '', '\n'])
      await assert.rejects(
        listenerWith(text),
        (error) =>
          isCloudError(error, 'invalid') && /metadata\.neutron\.sharedSecretFile: .*\/secret/.test(error.message),
      )
  })

  it("knows the servers of its providers' instances, with the project that the cloud has told", async () => {
    const { identity, store } = await listenerWith('x')
    const instances = [
      sampleInstance({ id: 'e', provider: 'east', remoteId: 'server-e' }),
      sampleInstance({ id: 'w', provider: 'west', remoteId: 'server-w' }),
      sampleInstance({ id: 'n', provider: 'north', remoteId: 'server-n' }),
    ]
    for (const instance of instances)
      await store.insertInstance({ ...instance, facts: { launchIndex: 0, projectId: `of ${instance.id}` } }, [])
    assert.deepEqual(await identity.find('server-e'), { instanceId: 'e', projectId: 'of e' })
    assert.deepEqual(await identity.find('server-w'), { instanceId: 'w', projectId: 'of w' })
    assert.equal(await identity.find('server-n'), undefined, 'of another provider')
    assert.equal(await identity.find('e'), undefined, 'our ids mean nothing there')
    await store.close()
  })
})
