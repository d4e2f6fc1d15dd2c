import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it } from 'node:test'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sha256 } from '../../src/model/digest.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'

const INSERTING = fileURLToPath(new URL('./store-inserting.ts', import.meta.url))
const KILLS = 10

it(`a store that is killed ${KILLS} times loses no acknowledged instance`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-killed-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'bellhop.db')

  const acknowledged: string[] = []
  for (let kill = 0; kill < KILLS; kill++) acknowledged.push(...(await insertAndKill(path, Math.random() * 60)))
  assert.ok(acknowledged.length >= KILLS, 'each run got as far as one instance')

  const store = await sqliteStore(path)
  for (const id of acknowledged) {
    const instance = await store.getInstance(id)
    assert.ok(instance?.spec.userData, `${id} was acknowledged and is there, with its user data`)
    assert.equal(sha256(instance.spec.userData), instance.userDataSha256)
    assert.equal((await store.listEvents(id)).length, 1)
  }
  await store.close()

  const database = new DatabaseSync(path)
  assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
  assert.equal(database.prepare('pragma foreign_key_check').all().length, 0)
  database.close()
})

/** @returns the ids that the program acknowledged before it was killed, `delayMs` after the first */
async function insertAndKill(path: string, delayMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [INSERTING, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = text(child.stdout)
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'readable'), ended])
  await sleep(delayMs)
  child.kill('SIGKILL')
  const [, signal] = await ended
  assert.equal(signal, 'SIGKILL', 'the program ran until it was killed')
  return (await output).split('\n').slice(0, -1)
}
