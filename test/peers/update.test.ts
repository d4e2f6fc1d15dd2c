import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readContextDisk, writeContextDisk } from '../../src/deliveries/disk.ts'
import type { Context } from '../../src/model/context.ts'
import { sha256 } from '../../src/model/digest.ts'
import { run } from '../e2e/programs.ts'
import { BELLHOP, type Gateway } from '../e2e/gateway.ts'
import { boot, call, needQemu, openQemu, PATIENCE_MS, untilSays, untilTrue } from './demo-guest.ts'
import { assertNothingLeft, startQemuGateway } from './qemu-gateway.ts'

const scriptOf = (word: string): Buffer => Buffer.from(`#!/bin/sh\necho ${word}\n`)

describe('other user data for a QEMU machine', () => {
  it('are fetched and applied by its guest at the next boot, under another id, and stand on its disk too', async (t) => {
    if (!needQemu(t)) return
    const gateway = await startQemuGateway(t)
    const { ask, folder, url } = gateway
    const env = { ...process.env, XDG_STATE_HOME: folder, BELLHOP_URL: url, BELLHOP_TOKEN: '' }
    const bellhop = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(BELLHOP, args, { env })
      assert.equal(code, 0, stderr)
      return stdout.trim()
    }
    const data = join(folder, 'data.sh')
    await writeFile(data, scriptOf('one'))
    const id = await bellhop('create', '--name', 'web1', '--user-data', data)
    await untilTrue(async () => (await deliveryOf(gateway, id)).state === 'applied', 'the first are applied')

    await writeFile(data, scriptOf('two'))
    assert.equal(await bellhop('update', 'web1', '--user-data', data, '--reapply'), '2')
    assert.deepEqual((await deliveryOf(gateway, id)).methods, { metadata: 'offered', disk: 'planned' })
    const json = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ action: 'restart' })
    assert.equal((await ask(`/api/v1/instances/${id}/actions`, { method: 'POST', headers: json, body })).status, 200)
    await untilTrue(async () => (await deliveryOf(gateway, id)).state === 'applied', 'the others are applied')
    const { servedBy, methods } = await deliveryOf(gateway, id)
    assert.deepEqual([servedBy, methods], ['metadata', { metadata: 'applied', disk: 'offered' }])

    const { events } = (await (await ask(`/api/v1/instances/${id}/events`)).json()) as {
      events: { kind: string; revision: number; sha256?: string }[]
    }
    // By its console, its report, or both.
    const settled = events.filter(({ kind }) => kind === 'applied' || kind === 'failed')
    assert.deepEqual(
      [...new Set(settled.map(({ kind, revision, sha256: digest }) => `${kind} ${revision} ${digest}`))],
      [`applied 1 ${sha256(scriptOf('one'))}`, `applied 2 ${sha256(scriptOf('two'))}`],
    )
    const { contexts } = await readContextDisk(await readFile(join(folder, 'bellhop', 'qemu', id, 'seed.img')))
    for (const layout of ['openstack', 'nocloud']) {
      const { guestId, userData } = contexts[layout] ?? assert.fail(`${layout} is not on it`)
      assert.ok(userData && guestId !== undefined && guestId !== id)
      assert.equal(sha256(userData), sha256(scriptOf('two')))
    }
    await bellhop('rm', 'web1')
    await assertNothingLeft(gateway, [id])
  })

  it('stand on the disk of a guest that looks there alone, once it is restarted in whatever way', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t, { kernelArguments: 'bellhop.by=disk' })
    const context: Context = {
      guestId: randomUUID(),
      facts: { launchIndex: 0 },
      publicKeys: [],
      variables: {},
      files: [],
    }
    const diskOf = (word: string) => {
      const image = writeContextDisk(
        { ...context, userData: scriptOf(word) },
        { layouts: ['openstack'], format: 'iso' },
      )
      return { method: 'disk', format: 'iso', image } as const
    }
    const id = await boot(provider, [diskOf('one')])
    await untilSays(provider, id, /user-data: one\r?\n[^]*"stage":"applied"/)
    for (const [word, method] of [
      ['two', undefined],
      ['three', 'graceful'],
    ] as const) {
      await provider.renewDisk?.(id, diskOf(word), call())
      const { next } = (await provider.console?.(id, 0, call())) ?? { next: 0 }
      await provider.act(id, 'restart', call(), method)
      await untilSays(provider, id, new RegExp(`user-data: ${word}\\r?\\n[^]*"stage":"applied"`), next)
    }
  })
})

interface Shown {
  readonly state?: string
  readonly servedBy?: string
  readonly methods?: Readonly<Record<string, string>>
}

async function deliveryOf({ ask }: Gateway, id: string): Promise<Shown> {
  const answer = await ask(`/api/v1/instances/${id}`, { signal: AbortSignal.timeout(PATIENCE_MS) })
  return ((await answer.json()) as { readonly delivery: Shown }).delivery
}
