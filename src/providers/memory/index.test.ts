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

describe('what machines are joined to in the memory provider', () => {
  it('shows all that was done to volumes and networks, also once they are deleted', async () => {
    const { volumes, networks, ...cloud } = memoryProvider()
    assert.ok(volumes && networks)
    const [id, networkId] = [randomUUID(), randomUUID()]
    const { remoteId } = await volumes.create({ id, name: 'data', sizeBytes: 10 }, call())
    for (const action of ['backup', 'snapshot'] as const) await volumes.act(remoteId, action, call())
    await volumes.act(remoteId, 'resize', call(), 20)
    await volumes.delete(remoteId, call())
    const [volume] = await cloud.volumesMade(id)
    assert.deepEqual(volume, {
      remoteId,
      request: { id, name: 'data', sizeBytes: 10 },
      state: 'deleted',
      sizeBytes: 20,
      actions: [{ action: 'backup' }, { action: 'snapshot' }, { action: 'resize', sizeBytes: 20 }],
    })
    const network = await networks.create({ id: networkId, vlan: 7 }, call())
    await networks.delete(network.remoteId, call())
    assert.deepEqual(await cloud.networksMade(networkId), [
      { remoteId: network.remoteId, request: { id: networkId, vlan: 7 }, state: 'deleted' },
    ])
  })

  it('names devices by the first name that is free, after the disk of the machine itself', async () => {
    const cloud = memoryProvider()
    const { volumes, networks } = cloud
    assert.ok(volumes && networks)
    const { remoteId } = await cloud.create(await requestTo(cloud), call())
    const attach = async () => {
      const volume = await volumes.create({ id: randomUUID(), sizeBytes: 1 }, call())
      const link = { linkId: randomUUID(), volumeRemoteId: volume.remoteId }
      return { link, device: (await volumes.attach(remoteId, link, call())).device }
    }
    const [first, second] = [await attach(), await attach()]
    assert.deepEqual([first.device, second.device], ['vdb', 'vdc'])
    await volumes.detach(remoteId, first.link, call())
    assert.equal((await attach()).device, 'vdb')
    const card = { linkId: randomUUID(), networkRemoteId: 'public' }
    assert.equal((await networks.attach(remoteId, card, call())).device, 'eth0')
  })

  it('can be absent, and then nothing can be made with them', async () => {
    const cloud = memoryProvider({ volumes: false, networks: false, saveImage: false })
    assert.deepEqual([cloud.volumes, cloud.networks], [undefined, undefined])
    assert.ok(!('saveImage' in cloud || 'deleteImage' in cloud))
    const volumes = [{ linkId: randomUUID(), volumeRemoteId: 'v' }]
    const networks = [{ linkId: randomUUID(), networkRemoteId: 'public' }]
    await rejects(cloud.create(await requestTo(cloud, { volumes }), call()), 'unsupported')
    await rejects(cloud.create(await requestTo(cloud, { networks }), call()), 'unsupported')
    assert.deepEqual(await cloud.made(), [])
  })

  it('fails as it is told: nothing is done before, and only the answer is lost after', async () => {
    const cloud = memoryProvider({
      faults: { 'volumes.create': { before: 'conflict' }, 'networks.create': { after: 'unavailable' } },
    })
    const { volumes, networks } = cloud
    assert.ok(volumes && networks)
    await rejects(volumes.create({ id: randomUUID(), sizeBytes: 1 }, call()), 'conflict')
    assert.deepEqual(await cloud.volumesMade(), [])
    const id = randomUUID()
    await rejects(networks.create({ id }, call()), 'unavailable')
    assert.equal((await networks.find(id, call()))?.state, 'active')
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
