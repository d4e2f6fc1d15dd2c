import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { sampleInstance } from '../conformance/store-samples.ts'

const RECORDING = fileURLToPath(new URL('recording.ts', import.meta.url))
const KILLS = 5
const KILL_WITHIN_MS = 200

it(`a recorder that is killed ${KILLS} times loses the last events alone, and none that was in the store`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-recording-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'bellhop.db')
  for (let kill = 0; kill < KILLS; kill++) {
    const instance = sampleInstance()
    const before = await sqliteStore(path)
    await before.insertInstance(instance, [])
    await before.close()

    const { recorded, kept } = await recordAndKill(path, instance.id)
    const after = await sqliteStore(path)
    const found = (await after.listEvents(instance.id)).map(({ bytes = 0 }) => bytes)
    await after.close()
    assert.deepEqual(
      found,
      Array.from(found, (_, index) => index + 1),
      'there is no gap, and no event twice',
    )
    assert.ok(kept <= found.length, `${kept} were in the store, and ${found.length} are`)
    assert.ok(found.length <= recorded)
    t.diagnostic(`${kept} were known to be kept, ${found.length} are there, of at most ${recorded}`)
  }
})

/** @returns how many events were recorded before the kill, and how many of them were said to be in the store */
async function recordAndKill(path: string, instanceId: string): Promise<{ recorded: number; kept: number }> {
  const child = spawn(process.execPath, [RECORDING, path, instanceId], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = text(child.stdout)
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'readable'), ended])
  await sleep(Math.random() * KILL_WITHIN_MS)
  child.kill('SIGKILL')
  const [, signal] = await ended
  assert.equal(signal, 'SIGKILL', 'the program ran until it was killed')
  // The last one may be cut short.
  const lines = (await output).split('\n').slice(0, -1)
  const lastOf = (word: string): number =>
    Number(lines.findLast((line) => line.startsWith(word))?.slice(word.length) ?? 0)
  return { recorded: lastOf('recording '), kept: lastOf('kept ') }
}
