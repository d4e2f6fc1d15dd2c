import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { Call, CreateRequest, Provider } from '../provider.ts'
import { memoryProvider } from './index.ts'

const call = (timeoutMs = 10_000): Call => ({
  signal: new AbortController().signal,
  deadline: Date.now() + timeoutMs,
})

async function requestTo(provider: Provider, change: Partial<CreateRequest> = {}): Promise<CreateRequest> {
  const [[image], [size]] = [await provider.images(call()), await provider.sizes(call())]
  assert.ok(image && size)
  return {
    id: randomUUID(),
    image,
    size,
    spec: { publicKeys: [], variables: {}, files: [], labels: {} },
    plan: { provider: provider.name, deliveries: [], warnings: [] },
    offers: [],
    ...change,
  }
}

const rejects = (promise: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(promise, (error) => isCloudError(error, code))

describe('the memory provider', () => {
  it('shows what a machine was made of and what was done to it, also once it is deleted', async () => {
    const cloud = memoryProvider()
    const request = await requestTo(cloud, {
      offers: [{ method: 'disk', image: Uint8Array.of(1, 2, 3), format: 'iso' }],
    })
    const { remoteId } = await cloud.create(request, call())
    await cloud.act(remoteId, 'stop', call(), 'acpioff')
    await cloud.delete(remoteId, call())
    const [vm, ...others] = await cloud.made(request.id)
    assert.deepEqual(others, [])
    assert.deepEqual(vm?.request, request)
    assert.deepEqual(vm?.actions, [{ action: 'stop', method: 'acpioff' }])
    assert.equal(vm?.state, 'deleted')
  })

  it('has the name, images and limits that it is given', async () => {
    const image = { name: 'x-a', provider: 'x', remoteId: 'a', title: 'A' }
    const delivery = { method: 'provider', by: 'provider', layouts: [], userDataMaxBytes: 10, evidence: [] } as const
    const cloud = memoryProvider({ name: 'x', images: [image], capabilities: { deliveries: [delivery] } })
    assert.deepEqual([cloud.name, await cloud.images(call())], ['x', [image]])
    assert.deepEqual(cloud.capabilities.deliveries, [delivery])
    assert.ok(cloud.capabilities.actions.length > 0)
  })

  it('can make a second machine for the same id, as a cloud does that does not know our ids', async () => {
    const cloud = memoryProvider({ secondCreate: 'duplicates' })
    const request = await requestTo(cloud)
    await cloud.create(request, call())
    await cloud.create(request, call())
    assert.equal((await cloud.made(request.id)).length, 2)
  })

  it('says on the console what it is told, in bytes', async () => {
    const cloud = memoryProvider()
    const { remoteId } = await cloud.create(await requestTo(cloud), call())
    const { next } = await cloud.console!(remoteId, 0, call())
    await cloud.writeConsole(remoteId, 'grüße\n')
    assert.deepEqual(await cloud.console!(remoteId, next, call()), { text: 'grüße\n', next: next + 8 })
  })
})

describe('a fault', () => {
  it('before the deed leaves nothing done, and strikes as often as it is told', async () => {
    const cloud = memoryProvider({ faults: { create: { before: 'conflict', times: 2 } } })
    const request = await requestTo(cloud)
    await rejects(cloud.create(request, call()), 'conflict')
    await rejects(cloud.create(request, call()), 'conflict')
    assert.deepEqual(await cloud.made(), [])
    await cloud.create(request, call())
    assert.equal((await cloud.made()).length, 1)
  })

  it('after the deed loses only the answer', async () => {
    const cloud = memoryProvider({ faults: { create: { after: 'unavailable' }, delete: { after: 'timeout' } } })
    const request = await requestTo(cloud)
    await rejects(cloud.create(request, call()), 'unavailable')
    const found = await cloud.find(request.id, call())
    assert.ok(found)
    await rejects(cloud.delete(found.remoteId, call()), 'timeout')
    assert.equal(await cloud.find(request.id, call()), undefined)
  })

  it('can hang until the caller gives up or his time is over', async () => {
    const cloud = memoryProvider({ faults: { create: { after: 'hang' }, find: { before: 'hang' } } })
    const request = await requestTo(cloud)
    await rejects(cloud.create(request, call(20)), 'timeout')
    assert.equal((await cloud.made(request.id)).length, 1)
    const caller = new AbortController()
    const finding = cloud.find(request.id, { signal: caller.signal, deadline: Date.now() + 60_000 })
    caller.abort()
    await rejects(finding, 'timeout')
  })

  it('can make a call slow, and a call that has no time for that does nothing', async () => {
    const cloud = memoryProvider({ faults: { create: { slowMs: 30 } } })
    const request = await requestTo(cloud)
    await rejects(cloud.create(request, call(5)), 'timeout')
    assert.deepEqual(await cloud.made(), [])
    await cloud.create(request, call())
    assert.equal((await cloud.made()).length, 1)
  })

  it('lasts until other faults are set', async () => {
    const cloud = memoryProvider({ faults: { list: { before: 'provider-failed' } } })
    await rejects(cloud.list(call()), 'provider-failed')
    await cloud.setFaults({})
    assert.deepEqual(await cloud.list(call()), [])
  })
})
