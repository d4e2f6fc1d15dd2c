import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { sampleEvent, sampleInstance } from '../../test/conformance/store-samples.ts'
import { isCloudError } from '../model/errors.ts'
import { sqliteStore } from './sqlite.ts'

describe('the SQLite file', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-sqlite-'))
    path = join(folder, 'state', 'bellhop.db')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

  it('is for its owner alone, and so are its log and a folder made for it', async () => {
    const store = await sqliteStore(path)
    await store.secret('token')
    assert.equal(await modeOf(join(folder, 'state')), '700')
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(await modeOf(file), '600')
    await store.close()
  })

  it('is made private when it was not, and a folder that was there stays as it is', async () => {
    await mkdir(join(folder, 'state'), { mode: 0o755 })
    await writeFile(path, '', { mode: 0o644 })
    const store = await sqliteStore(path)
    assert.equal(await modeOf(path), '600')
    assert.equal(await modeOf(join(folder, 'state')), '755')
    await store.close()
  })

  it('is one whole file after close', async () => {
    const store = await sqliteStore(path)
    await store.insertInstance(sampleInstance(), [])
    await store.close()
    await assert.rejects(stat(`${path}-wal`), { code: 'ENOENT' })
  })

  it('is refused when a newer Bellhop wrote it, and left as it was', async () => {
    await (await sqliteStore(path)).close()
    const database = new DatabaseSync(path)
    database.exec("insert into migrations values (1000, 'from the future', 0)")
    database.close()
    await assert.rejects(
      sqliteStore(path),
      (error) => isCloudError(error, 'unsupported') && /version 1000/.test(error.message),
    )
    const after = new DatabaseSync(path)
    assert.equal(after.prepare('select count(*) as count from migrations').get()?.['count'], 2)
    after.close()
  })

  it('is refused when it is no database, and left as it was', async () => {
    await mkdir(join(folder, 'state'))
    await writeFile(path, 'a letter to my aunt, long enough to be read as a header\n'.repeat(20))
    const before = await readFile(path)
    await assert.rejects(sqliteStore(path), (error) => isCloudError(error, 'unavailable'))
    assert.deepEqual(await readFile(path), before)
  })

  it('is refused with its name when it cannot be made', async () => {
    await writeFile(join(folder, 'state'), 'a file, no folder')
    await assert.rejects(
      sqliteStore(path),
      (error) => isCloudError(error, 'unavailable') && error.message.includes(path),
    )
  })

  it('can be shared by two processes: each sees what the other committed', async () => {
    const [one, two] = [await sqliteStore(path), await sqliteStore(path)]
    const instances = Array.from({ length: 40 }, () => sampleInstance())
    await Promise.all(
      instances.map((instance, index) => (index % 2 ? one : two).insertInstance(instance, [sampleEvent(instance.id)])),
    )
    assert.equal((await one.listInstances({})).length, 40)
    assert.equal((await two.listInstances({})).length, 40)
    await one.close()
    assert.equal((await two.listInstances({})).length, 40)
    await two.close()
  })

  it('can be made by several processes at once', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => sqliteStore(path)))
    const secrets = await Promise.all(stores.map((store) => store.secret('token')))
    for (const secret of secrets) assert.deepEqual(secret, secrets[0])
    for (const store of stores) await store.close()
  })

  it('that another process holds for too long is unavailable, and no write is half done', async () => {
    const store = await sqliteStore(path, { busyTimeoutMs: 20 })
    const other = new DatabaseSync(path)
    other.exec('begin immediate')
    const instance = sampleInstance()
    await assert.rejects(store.insertInstance(instance, []), (error) => isCloudError(error, 'unavailable'))
    other.exec('rollback')
    other.close()
    assert.equal(await store.getInstance(instance.id), undefined)
    await store.insertInstance(instance, [])
    await store.close()
  })

  it('finishes the writes that were asked before close', async () => {
    const store = await sqliteStore(path)
    const instance = sampleInstance()
    const writing = store.insertInstance(instance, [])
    await store.close()
    await writing
    const again = await sqliteStore(path)
    assert.ok(await again.getInstance(instance.id))
    await again.close()
  })
})
