import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { isCloudError } from '../../src/model/errors.ts'
import { call, rejects, type Bench } from './provider-calls.ts'
import type { Test } from './provider.ts'

/** What every provider that saves machines as images promises. */
export function testImages(bench: Bench, test: Test): void {
  test('images: one that is saved from a machine is listed with its project, once however often it is asked', async (t) => {
    const { provider } = bench
    if (!provider.saveImage) return t.skip('it saves no images')
    const request = { id: randomUUID(), title: 'Saved; by the suite', project: 'https://issuer.example/p1' }
    await rejects(provider.saveImage(randomUUID(), request, call()), 'not-found')
    const machine = await bench.running()
    try {
      const saved = await provider.saveImage(machine, request, call())
      assert.deepEqual([saved.title, saved.project], [request.title, request.project])
      assert.deepEqual(await provider.saveImage(machine, request, call()), saved)
      const listed = (await provider.images(call())).filter(({ project }) => project === request.project)
      assert.deepEqual(listed, [saved])
      const other = await bench.running({ image: saved })
      await provider.delete(other, call())
    } catch (error) {
      // Its image may have no disk at all; then nothing must be listed.
      if (!isCloudError(error, 'unsupported')) throw error
      assert.ok((await provider.images(call())).every(({ project }) => project === undefined))
    }
    assert.equal((await provider.get(machine, call())).state, 'active')
    await provider.delete(machine, call())
  })
  test('images: one that was saved is deleted once no machine needs it', async (t) => {
    const { provider } = bench
    if (!provider.saveImage || !provider.deleteImage) return t.skip('it saves no images')
    const request = { id: randomUUID(), title: 'To be deleted', project: 'https://issuer.example/p2' }
    const shared = (await provider.images(call())).find(({ project }) => project === undefined)
    await rejects(provider.deleteImage(shared?.remoteId ?? '', call()), 'unsupported')
    await provider.deleteImage(randomUUID(), call())
    const machine = await bench.running()
    const saved = await provider.saveImage(machine, request, call()).catch((error: unknown) => {
      // As above.
      if (!isCloudError(error, 'unsupported')) throw error
    })
    if (!saved) {
      await provider.delete(machine, call())
      return t.skip('its image has no disk to be saved')
    }
    const other = await bench.running({ image: saved })
    const { ourId = '' } = await provider.get(other, call())
    await assert.rejects(
      provider.deleteImage(saved.remoteId, call()),
      (error) => isCloudError(error, 'conflict') && error.message.includes(ourId),
    )
    assert.ok((await provider.images(call())).some(({ remoteId }) => remoteId === saved.remoteId))
    await provider.delete(other, call())
    for (const _ of [1, 2]) await provider.deleteImage(saved.remoteId, call())
    assert.ok((await provider.images(call())).every(({ remoteId }) => remoteId !== saved.remoteId))
    assert.equal((await provider.get(machine, call())).state, 'active')
    await provider.delete(machine, call())
  })
}
