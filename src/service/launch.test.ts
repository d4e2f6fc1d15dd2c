import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { memoryProvider } from '../providers/memory/index.ts'
import type { NewInstance } from './service.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const REQUEST: NewInstance = { spec: sampleSpec({ name: 'web' }) }

async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
  const opened = await openService(options)
  t.after(opened.close)
  return opened
}

const rejects = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))

async function living({ provider }: OpenService): Promise<readonly string[]> {
  return (await provider.made()).filter(({ state }) => state !== 'deleted').map(({ remoteId }) => remoteId)
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await sleep(10)) assert.ok(Date.now() < end, what)
}

describe('after an answer that was lost', { concurrency: true }, () => {
  for (const code of ['provider-failed', 'forbidden', 'rate-limited', 'conflict'] as const)
    it(`a look that fails with ${code} is no proof that nothing is there`, async (t) => {
      const faults = { create: { after: 'timeout', times: 1 }, find: { before: code, times: 2 } } as const
      const opened = await open(t, { cloud: { faults, secondCreate: 'duplicates' } })
      const { remoteId } = await opened.service.create(REQUEST, ALICE)
      assert.deepEqual(await living(opened), [remoteId])
    })

  it('a machine that was made twice is deleted with its instance', async (t) => {
    const opened = await open(t, { cloud: { secondCreate: 'duplicates' } })
    const { id } = await opened.service.create(REQUEST, ALICE)
    await madeLate(opened, id)
    await opened.service.delete(id, ALICE)
    assert.deepEqual(await living(opened), [])
  })
})

describe('what was made for a refused instance', () => {
  it('is taken away though that fails at first, and the refusal is told all the same', async (t) => {
    const faults = { create: { after: 'conflict', times: 1 }, discard: { before: 'unavailable', times: 2 } } as const
    const opened = await open(t, { cloud: { faults }, reconcileEveryMs: 20 })
    await rejects(opened.service.create(REQUEST, ALICE), 'conflict')
    await until(async () => (await opened.service.list(ALICE)).length === 0, 'it is forgotten')
    assert.deepEqual(await living(opened), [])
  })

  it('is taken away where nobody is told', async (t) => {
    const faults = { create: { slowMs: 200, after: 'conflict', times: 1 } } as const
    const opened = await open(t, { cloud: { faults }, answerMs: 10 })
    const { id } = await opened.service.create(REQUEST, ALICE)
    await until(async () => (await opened.service.get(id, ALICE)).state === 'error', 'it is an error')
    assert.deepEqual(await living(opened), [])
  })
})

describe('a machine that a cloud made long after it was asked for', () => {
  it('goes where its instance has another', async (t) => {
    const opened = await open(t, { cloud: { secondCreate: 'duplicates' }, straysEveryMs: 20 })
    const { id, remoteId } = await opened.service.create(REQUEST, ALICE)
    await opened.service.get(id, ALICE)
    await madeLate(opened, id)
    await until(async () => (await living(opened)).length === 1, 'one is left')
    assert.deepEqual(await living(opened), [remoteId])
  })

  it('goes where its instance was deleted', async (t) => {
    const opened = await open(t, { straysEveryMs: 20 })
    const { id } = await opened.service.create(REQUEST, ALICE)
    const [first] = await opened.provider.made(id)
    await opened.service.delete(id, ALICE)
    assert.ok(first)
    await opened.provider.create(first.request, anyCall())
    await until(async () => (await living(opened)).length === 0, 'none is left')
  })

  it('is given to an instance that was given up as an error', async (t) => {
    const faults = { create: { slowMs: 100, before: 'conflict', times: 1 } } as const
    const opened = await open(t, { cloud: { faults }, answerMs: 10, straysEveryMs: 20 })
    const { id } = await opened.service.create(REQUEST, ALICE)
    await until(async () => (await opened.service.get(id, ALICE)).state === 'error', 'it is an error')
    const { spec, image, size, plan } = (await opened.store.getInstance(id)) ?? assert.fail('it is kept')
    const { remoteId } = await opened.provider.create({ id, spec, image, size, plan, offers: [] }, anyCall())
    await until(async () => (await opened.service.get(id, ALICE)).state === 'active', 'it is active')
    assert.equal((await opened.service.get(id, ALICE)).remoteId, remoteId)
  })

  it('stays where it is another Bellhop’s', async (t) => {
    const provider = memoryProvider()
    const [ours, theirs] = [await open(t, { provider, straysEveryMs: 20 }), await open(t, { provider })]
    const { id, remoteId } = await theirs.service.create(REQUEST, ALICE)
    const gone = await ours.service.create(REQUEST, ALICE)
    const [made] = await provider.made(gone.id)
    await ours.service.delete(gone.id, ALICE)
    assert.ok(made)
    // Once this one is gone, all were looked through.
    await provider.create(made.request, anyCall())
    await until(async () => (await living(ours)).length === 1, 'ours is gone')
    assert.deepEqual(await living(ours), [remoteId])
    assert.equal((await theirs.service.get(id, ALICE)).state, 'active')
  })
})

describe('a provider that does not answer', () => {
  it('is no reason to say that an image, a size or a network is not there', async (t) => {
    const opened = await open(t)
    const [image] = await opened.service.images(ALICE)
    const [size] = await opened.service.sizes(ALICE)
    const [network] = await opened.service.networks.list(ALICE)
    assert.ok(image && size && network)
    const silent = { before: 'unavailable' } as const
    await opened.provider.setFaults({ images: silent, sizes: silent, 'networks.shared': silent })
    const says = /memory does not answer now; try again/
    for (const spec of [{ image: image.name }, { size: size.name }, {}])
      await rejects(opened.service.create({ spec: sampleSpec(spec) }, ALICE), 'unavailable', says)
    await rejects(opened.service.networks.get(network.id, ALICE), 'unavailable', says)
    await opened.provider.setFaults({ 'networks.shared': { before: 'timeout' } })
    const links = [{ kind: 'network', networkId: network.id, labels: {} }] as const
    await rejects(opened.service.create({ spec: sampleSpec({ links }) }, ALICE), 'timeout')
    assert.deepEqual(await opened.service.list(ALICE), [])
  })
})

const anyCall = () => ({ signal: new AbortController().signal, deadline: Date.now() + 10_000 })

/** The cloud makes the same once more. */
async function madeLate({ provider }: OpenService, id: string): Promise<void> {
  const [first] = await provider.made(id)
  assert.ok(first)
  await provider.create(first.request, anyCall())
}
