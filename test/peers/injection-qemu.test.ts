import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { qemuProvider } from '../../src/providers/qemu/index.ts'
import type { Provider } from '../../src/providers/provider.ts'
import { call, needQemu, requestFor } from './demo-guest.ts'
import {
  asRaw,
  assertClean,
  debugfs,
  makeImage,
  needImages,
  sumOf,
  testFolder,
  type ImageWish,
} from './injection-images.ts'

const FILES: Files = new Map([
  ['var/lib/cloud/seed/nocloud-net/user-data', textFile('#!/bin/sh\n', { mode: 0o600 })],
  ['etc/motd', textFile('good evening\n', { uid: 7, gid: 8 })],
])

/** A provider whose only image has a file system, but nothing that boots. */
async function provide(t: TestContext, wish: ImageWish) {
  const folder = await testFolder(t)
  const [image, stateDir] = [await makeImage(folder, 'guest', wish), join(folder, 'state')]
  const provider = qemuProvider({ stateDir, images: [{ path: image }] })
  const create = async (files: Files) => {
    const [[found], [size]] = [await provider.images(call()), await provider.sizes(call())]
    assert.ok(found && size)
    return provider.create(requestFor(randomUUID(), found, size, [{ method: 'injection', files }]), call())
  }
  t.after(async () => {
    for (const { remoteId } of await provider.list(call())) await provider.delete(remoteId, call())
  })
  return { provider, image, stateDir, create }
}

async function pullPlug(provider: Provider, id: string): Promise<void> {
  await provider.act(id, 'stop', call(), 'poweroff')
}

describe('files injected into a QEMU machine', () => {
  for (const format of ['raw', 'qcow2'] as const)
    it(`are on its own disk before it boots, and the image stays as it was: ${format}`, async (t) => {
      if (!needImages(t) || !needQemu(t)) return
      const { provider, image, stateDir, create } = await provide(t, { format })
      const before = await sumOf(image)
      const { remoteId, state } = await create(FILES)
      assert.equal(state, 'active')
      await pullPlug(provider, remoteId)
      const raw = asRaw(join(stateDir, remoteId, 'overlay.qcow2'), 'qcow2')
      assertClean(raw)
      const shown = debugfs(raw, [
        'cat /etc/motd',
        'cat /etc/motd.bellhop-old',
        'stat /etc/motd',
        'stat /var/lib/cloud/seed/nocloud-net/user-data',
      ])
      assert.match(shown, /\ngood evening\n[^]*\nwelcome\n[^]*User: +7 +Group: +8 [^]*Mode: +0600 /)
      assert.equal(await sumOf(image), before)
      assert.deepEqual(
        (await readdir(join(stateDir, remoteId))).filter((name) => name.startsWith('.')),
        [],
      )
    })

  it('that cannot be written leave no machine behind, and the reason is told', async (t) => {
    if (!needImages(t) || !needQemu(t)) return
    const { stateDir, create } = await provide(t, { commands: ['ssv state 0'] })
    await assert.rejects(
      create(FILES),
      (error) => isCloudError(error, 'unsupported') && /not unmounted/.test(error.message),
    )
    assert.deepEqual(
      (await readdir(stateDir)).filter((name) => !['networks', 'volumes'].includes(name)),
      [],
    )
  })
})
