import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { keyFrom } from './key-file.ts'

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-key-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

describe('the key of sessions', () => {
  it('is made once, for all who start at the same time, and nobody else reads it', async (t) => {
    const folder = await folderOf(t)
    const path = join(folder, 'state', 'key')
    const keys = await Promise.all(Array.from({ length: 20 }, () => keyFrom(path)))
    assert.equal(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 1)
    assert.equal(keys[0]?.length, 32)
    assert.deepEqual(await keyFrom(path), keys[0])
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(folder, 'state')), ['key'])
  })

  it('is another one in another place', async (t) => {
    const folder = await folderOf(t)
    assert.notDeepEqual(await keyFrom(join(folder, 'a')), await keyFrom(join(folder, 'b')))
  })

  it('is refused where the file holds no key, without what it holds', async (t) => {
    const path = join(await folderOf(t), 'key')
    for (const text of ['', 'swordfish\n']) {
      await writeFile(path, text)
      await assert.rejects(keyFrom(path), (error) => {
        assert.ok(isCloudError(error, 'unavailable'))
        assert.match(error.message, /holds no key.*--key-file/)
        assert.doesNotMatch(error.message, /swordfish/)
        return true
      })
    }
  })
})
