import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { sampleNetwork, sampleVolume, sampleVolumeLink } from '../../test/conformance/store-resource-samples.ts'
import {
  sampleDocument,
  sampleEvent,
  sampleImage,
  sampleInstance,
  sampleSpec,
} from '../../test/conformance/store-samples.ts'
import { plain, rejects } from '../../test/conformance/store-under-test.ts'
import { isCloudError } from '../model/errors.ts'
import { sqliteStore } from './sqlite.ts'

const VERSION_1 = new URL('testdata/version-1.sql', import.meta.url)
const VERSION_2 = new URL('testdata/version-2.sql', import.meta.url)
const VERSION_1_SECRET = '4e24eab7418034f5680e01694d5ce7ba8e6cd4039c24ce5d36560d3215fb6333'

describe('the SQLite file', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-sqlite-'))
    path = join(folder, 'state', 'bellhop.db')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

  /** A database that an earlier version wrote. */
  const restore = async (dump: URL, versions: readonly number[]) => {
    await mkdir(join(folder, 'state'))
    const old = new DatabaseSync(path)
    old.exec(await readFile(dump, 'utf8'))
    assert.deepEqual(versionsIn(old), versions)
    old.close()
  }
  const assertNewest = () => {
    const database = new DatabaseSync(path)
    assert.deepEqual(versionsIn(database), [1, 2, 3, 4, 5, 6, 7, 8])
    assert.equal(database.prepare('pragma foreign_key_check').all().length, 0)
    database.close()
  }

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
    const known = versionsIn(database).length
    database.exec("insert into migrations values (1000, 'from the future', 0)")
    database.close()
    await assert.rejects(
      sqliteStore(path),
      (error) => isCloudError(error, 'unsupported') && /version 1000/.test(error.message),
    )
    const after = new DatabaseSync(path)
    assert.equal(versionsIn(after).length, known + 1)
    after.close()
  })

  it('that the first version wrote is brought up to date, once, and nothing in it is lost', async () => {
    await restore(VERSION_1, [1])

    const instance = sampleInstance({
      id: 'b0a7c6de-0000-4000-8000-000000000001',
      state: 'active',
      remoteId: 'vm-1',
      spec: sampleSpec({
        name: 'o\'web "1" ü',
        userData: new TextEncoder().encode('#!/bin/sh\necho hello\n'),
        files: [{ path: '/f', bytes: Uint8Array.of(0, 255) }],
      }),
    })
    const events = [sampleEvent(instance.id), sampleEvent(instance.id, { kind: 'fetched', source: 'metadata' })]
    for (const time of ['first', 'second']) {
      const store = await sqliteStore(path)
      assert.deepEqual(plain(await store.getInstance(instance.id)), plain(instance), time)
      assert.deepEqual(await store.listEvents(instance.id), events)
      assert.equal(await store.fetchedRevision(instance.id), 1)
      assert.deepEqual(await store.listProjectEvents(instance.project), new Map([[instance.id, events]]))
      assert.equal((await store.listEvents('b0a7c6de-0000-4000-8000-000000000002')).length, 2)
      const retry = sampleInstance({ spec: instance.spec })
      assert.equal((await store.insertInstance(retry, [], { idempotencyKey: 'key' })).id, instance.id)
      await rejects(store.insertInstance(sampleInstance(), [], { idempotencyKey: 'used up' }), 'conflict')
      const [second] = await store.nameTemplates('image', [sampleImage({ title: 'Debian', remoteId: 'b' })])
      assert.equal(second?.name, 'memory-debian-2')
      assert.equal(Buffer.from(await store.secret('token')).toString('hex'), VERSION_1_SECRET)
      assert.deepEqual(plain(await store.guestPassword(instance.id)), plain(Uint8Array.of(1, 2, 3)))
      await store.insertResource('link', sampleVolumeLink(instance.id))
      await store.close()
    }
    assertNewest()
  })

  it('that the second version wrote is brought up to date, once, and nothing in it is lost', async () => {
    await restore(VERSION_2, [1, 2])
    const id = (last: number) => `b0a7c6de-0000-4000-8000-00000000000${last}`
    const document = sampleDocument({ bytes: Uint8Array.of(0, 255) })
    const link = sampleVolumeLink(id(1), { id: id(4), volumeId: id(2) })
    for (const time of ['first', 'second']) {
      const store = await sqliteStore(path)
      const instance = await store.getInstance(id(1))
      assert.equal(Buffer.from(instance?.spec.userData ?? []).toString(), '#!/bin/sh\necho hello\n', time)
      assert.deepEqual(await store.listEvents(id(1)), [sampleEvent(id(1))])
      assert.equal(await store.fetchedRevision(id(1)), undefined)
      assert.deepEqual(await store.getResource('volume', id(2)), sampleVolume({ id: id(2) }))
      assert.deepEqual(await store.getResource('network', id(3)), sampleNetwork({ id: id(3) }))
      assert.deepEqual(await store.listResources('link', { targetId: id(2) }), [link])
      assert.deepEqual(await store.listProjectLabels('tokens/demo'), { key: 'value' })
      if (time === 'first') await store.insertDocument(document, 1)
      assert.deepEqual(plain(await store.getDocument(document.id)), plain(document))
      await store.close()
    }
    assertNewest()
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

function versionsIn(database: DatabaseSync): readonly unknown[] {
  return database
    .prepare('select number from migrations order by number')
    .all()
    .map((row) => row['number'])
}
