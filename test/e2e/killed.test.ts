import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sha256 } from '../../src/model/digest.ts'
import { memoryProcessProvider } from '../../src/providers/memory/client.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { startMemoryProcess } from '../conformance/memory-process.ts'
import { openService } from './service.ts'

const PROGRAM = fileURLToPath(new URL('./killed-service.ts', import.meta.url))
/** Each costs a second: who waits for the tests gets fewer. */
const KILLS = process.env['CI'] ? 100 : 25
/** A create takes the cloud this long, so that kills fall into it; a lost one is seen at the latest after `SETTLE_MS`. */
const CREATE_MS = 15
const SETTLE_MS = 60
/** At least; longer on a busy machine, so that in half of the time a first create is through. */
const KILL_WITHIN_MS = 350
const STEP = 1.1

test(`a service killed at ${KILLS} random points loses no acknowledged instance and makes no second machine`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-killed-'))
  const [path, socketPath] = [join(folder, 'bellhop.sqlite'), join(folder, 'cloud.sock')]
  const cloud = await startMemoryProcess({
    socketPath,
    options: {
      secondCreate: 'duplicates',
      capabilities: { settleMs: SETTLE_MS },
      faults: { create: { slowMs: CREATE_MS } },
    },
  })
  t.after(async () => {
    await cloud.kill()
    await rm(folder, { recursive: true })
  })

  const said: string[] = []
  for (let kill = 0, withinMs = KILL_WITHIN_MS; kill < KILLS; kill++) {
    const lines = await runAndKill(path, socketPath, Math.random() * withinMs)
    const cameFar = lines.some((line) => line.startsWith('created '))
    withinMs = cameFar ? Math.max(KILL_WITHIN_MS, withinMs / STEP) : withinMs * STEP
    said.push(...lines)
  }
  const idsOf = (word: string): readonly string[] =>
    said.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  const [acknowledged, deleting] = [idsOf('created'), new Set(idsOf('deleting'))]

  const provider = await memoryProcessProvider({ socketPath })
  const store = await sqliteStore(path)
  const { close } = await openService({ store, provider, reconcileEveryMs: 20 })
  t.after(close)
  const unfinished = async (): Promise<number> => {
    const found = await store.listInstances({ states: ['creating', 'deleting'] })
    return found.filter(({ remoteId, state }) => remoteId === undefined || state === 'deleting').length
  }
  for (const end = Date.now() + 60_000; (await unfinished()) > 0; await sleep(20))
    assert.ok(Date.now() < end, 'all that was left unfinished is finished')

  const made = await provider.made()
  const [machines, alive] = [made.map(({ request }) => request.id), made.filter(({ state }) => state !== 'deleted')]
  assert.equal(new Set(machines).size, machines.length, 'no instance was made twice')
  for (const id of acknowledged.filter((each) => !deleting.has(each))) {
    const instance = await store.getInstance(id)
    assert.ok(instance?.spec.userData, `${id} was acknowledged and is there, with its user data`)
    assert.equal(sha256(instance.spec.userData), instance.userDataSha256)
    assert.ok(
      alive.some(({ remoteId }) => remoteId === instance.remoteId),
      `${id} has its machine`,
    )
  }
  const kept = new Set((await store.listInstances({})).map(({ id }) => id))
  for (const { request } of alive) assert.ok(kept.has(request.id), `machine of ${request.id} belongs to somebody`)
  t.diagnostic(
    `${acknowledged.length} acknowledged, ${deleting.size} of them deleted, ${machines.length} machines made`,
  )
  assert.ok(acknowledged.length >= KILLS / 2, 'the runs came far enough to be worth killing')
})

/** @returns what the program said before it was killed, `delayMs` after it was ready */
async function runAndKill(path: string, socketPath: string, delayMs: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [PROGRAM, path, socketPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const closed = once(child, 'close')
  const said: string[] = []
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => said.push(line))
  await Promise.race([once(lines, 'line'), ended])
  await sleep(delayMs)
  child.kill('SIGKILL')
  const [, signal] = await ended
  assert.equal(signal, 'SIGKILL', 'the program ran until it was killed')
  await closed
  return said
}
