import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { buildDemoGuest } from '../../src/providers/qemu/demo-guest/build.ts'
import { QEMU_CONFIG, startGateway, type Gateway } from '../e2e/gateway.ts'
import { processesWith } from './demo-guest.ts'

/** A `bellhop serve` whose machines run the demo guest on this host; all of it ends with the test. */
export async function startQemuGateway(t: Pick<TestContext, 'after' | 'diagnostic'>): Promise<Gateway> {
  await buildDemoGuest({ log: (line) => t.diagnostic(line) })
  return await startGateway(t, { config: QEMU_CONFIG })
}

/** All that a machine has written on its console. */
export async function consoleOf({ ask }: Gateway, id: string): Promise<string> {
  return ((await (await ask(`/api/v1/instances/${id}/console`)).json()) as { text: string }).text
}

/** Of machines that were deleted nothing is left on this host: no process, no file, no socket. */
export async function assertNothingLeft({ folder }: Gateway, ids: readonly string[]): Promise<void> {
  for (const id of ids) assert.deepEqual(await processesWith(id), [], 'no process is left')
  assert.deepEqual(await readdir(join(folder, 'bellhop', 'qemu')), [], 'no file is left')
  assert.deepEqual(await readdir(join(folder, 'bellhop', 'sockets')), [], 'no socket is left')
}
