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
}
