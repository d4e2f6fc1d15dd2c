import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Faults } from '../providers/memory/faults.ts'
import { memoryProvider } from '../providers/memory/index.ts'
import { sqliteStore } from '../store/sqlite.ts'
import type { NewInstance } from './service.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const READER: Caller = { ...RED, subject: 'test/ralph', role: 'reader' }
const BLUE: Caller = { subject: 'test/bob', project: 'test/blue', role: 'member' }
const SCRIPT: NewInstance = { spec: sampleSpec({ name: 'web', userData: Buffer.from('#!/bin/sh\n') }) }

async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
  const opened = await openService(options)
  t.after(opened.close)
  return opened
}

const rejects = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))

/** Machines that are at the provider now. */
async function machines({ provider }: OpenService): Promise<number> {
  return (await provider.made()).filter(({ state }) => state !== 'deleted').length
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 10)))
    assert.ok(Date.now() < end, what)
}

describe('an instance', () => {
  it('is created, seen, stopped, started and deleted', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id, state, remoteId } = await service.create(SCRIPT, RED)
    assert.ok(remoteId)
    assert.equal(state, 'creating')
    assert.equal((await service.get(id, RED)).state, 'active')
    assert.equal((await service.act(id, 'stop', RED)).state, 'inactive')
    await rejects(service.act(id, 'suspend', RED), 'conflict')
    assert.equal((await service.act(id, 'start', RED)).state, 'active')
    await service.delete(id, RED)
    await rejects(service.get(id, RED), 'not-found')
    assert.equal(await machines(opened), 0)
  })

  it('is handed to a cloud that carries the data itself, with nothing of ours made ready', async (t) => {
    const deliveries = (['metadata', 'disk'] as const).map((method) => ({
      method,
      by: 'provider' as const,
      layouts: ['openstack'],
      userDataMaxBytes: 49_149,
      evidence: [],
    }))
    const { service, provider, offered } = await open(t, { cloud: { capabilities: { deliveries } } })
    const { id } = await service.create(SCRIPT, RED)
    assert.deepEqual([...offered], [])
    const [vm] = await provider.made(id)
    assert.deepEqual(vm?.request.offers, [])
    assert.deepEqual(vm?.request.spec.userData, SCRIPT.spec.userData)
    const kinds = (await service.events(id, RED)).map(({ kind, method }) => `${kind} ${method}`)
    assert.deepEqual(kinds, ['planned metadata', 'planned disk', 'offered metadata', 'offered disk'])
    await rejects(
      service.create({ spec: sampleSpec({ userData: Buffer.alloc(49_150) }) }, RED),
      'too-large',
      /49150.*49149/,
    )
  })

  it('stays on its way out, whatever was seen of it before', async (t) => {
    const faults: Faults = { get: { slowMs: 200, times: 1 }, delete: { before: 'unavailable' } }
    const { service, provider, store } = await open(t)
    const { id } = await service.create(SCRIPT, RED)
    await provider.setFaults(faults)
    const looking = service.get(id, RED)
    await rejects(service.delete(id, RED), 'unavailable')
    assert.equal((await looking).state, 'deleting')
    assert.equal((await store.getInstance(id))?.state, 'deleting')
    await provider.setFaults({})
    await until(async () => (await store.getInstance(id)) === undefined, 'it is deleted')
  })

  it('has each action in its timeline, with who asked for it, before what became of it', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.create(SCRIPT, RED)
    await service.get(id, RED)
    await service.act(id, 'stop', RED)
    await rejects(service.act(id, 'stop', RED), 'conflict')
    await provider.setFaults({ act: { before: 'unavailable' } })
    await rejects(service.act(id, 'start', RED), 'unavailable')
    const events = (await service.events(id, RED)).filter(({ kind }) => kind === 'state')
    assert.deepEqual(
      events.map(({ source, action, detail }) => [source, action, detail]),
      [
        ['service', undefined, 'creating -> active'],
        ['service', 'stop', 'stop asked for by test/alice'],
        ['service', undefined, 'active -> inactive'],
      ],
    )
    assert.equal((await service.delivery(id, RED)).state, 'offered')
  })

  it('gets what was planned, offered before the boot, with the bytes as they came', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.create(SCRIPT, RED)
    const [machine] = await provider.made(id)
    assert.deepEqual(
      machine?.request.offers.map(({ method }) => method),
      ['metadata', 'disk'],
    )
    const disk = machine?.request.offers.find((offer) => offer.method === 'disk')
    assert.ok(disk && Buffer.from(disk.image).includes('#!/bin/sh\n'))
    const kinds = (await service.events(id, RED)).map(({ kind, method }) => `${kind} ${method ?? ''}`)
    assert.deepEqual(kinds, ['planned metadata', 'planned disk', 'offered metadata', 'offered disk'])
    assert.equal((await service.delivery(id, RED)).state, 'offered')
  })

  const OPERATIONS: Readonly<
    Record<string, (service: OpenService['service'], id: string, caller: Caller) => Promise<unknown>>
  > = {
    get: (service, id, caller) => service.get(id, caller),
    act: (service, id, caller) => service.act(id, 'stop', caller),
    delete: (service, id, caller) => service.delete(id, caller),
    events: (service, id, caller) => service.events(id, caller),
    delivery: (service, id, caller) => service.delivery(id, caller),
    console: (service, id, caller) => service.console(id, 0, caller),
    watch: (service, id, caller) => service.watch(id, caller, AbortSignal.timeout(1000))[Symbol.asyncIterator]().next(),
  }
  for (const [name, operation] of Object.entries(OPERATIONS))
    it(`of another project is not there for ${name}`, async (t) => {
      const opened = await open(t)
      const { id } = await opened.service.create(SCRIPT, RED)
      await rejects(operation(opened.service, id, BLUE), 'not-found')
      await rejects(operation(opened.service, 'no-such-id', BLUE), 'not-found')
      assert.equal((await opened.service.get(id, RED)).state, 'active', 'it was not touched')
    })

  it('is listed for its own project alone', async (t) => {
    const { service } = await open(t)
    const { id } = await service.create(SCRIPT, RED)
    assert.deepEqual(
      (await service.list(RED)).map((each) => each.id),
      [id],
    )
    assert.deepEqual(await service.list(BLUE), [])
  })

  it('can be looked at by a reader, and by nobody of that role be changed', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id } = await service.create(SCRIPT, RED)
    assert.equal((await service.get(id, READER)).id, id)
    await rejects(service.create(SCRIPT, READER), 'forbidden')
    await rejects(service.act(id, 'stop', READER), 'forbidden')
    await rejects(service.delete(id, READER), 'forbidden')
    assert.equal(await machines(opened), 1)
  })

  it('is made once for one idempotency key, whoever is faster', async (t) => {
    const opened = await open(t, { cloud: { faults: { create: { slowMs: 50 } } } })
    const request = { ...SCRIPT, idempotencyKey: 'k' }
    const made = await Promise.all([1, 2, 3].map(() => opened.service.create(request, RED)))
    assert.equal(new Set(made.map(({ id }) => id)).size, 1)
    assert.equal(await machines(opened), 1)
    await rejects(
      opened.service.create({ ...request, spec: { ...SCRIPT.spec, name: 'other' } }, RED),
      'conflict',
      /key/,
    )
  })

  it('is refused before any provider is asked where the plan cannot be', async (t) => {
    const opened = await open(t, { rules: { servesMetadata: true, userDataMaxBytes: 3 } })
    await rejects(opened.service.create(SCRIPT, RED), 'too-large', /10 bytes; this server takes 3/)
    await rejects(opened.service.create({ spec: sampleSpec({ image: 'nosuch' }) }, RED), 'invalid', /memory-debian/)
    assert.deepEqual(await opened.provider.made(), [])
    assert.deepEqual(await opened.service.list(RED), [])
  })

  it('that its cloud no longer has is an error, not a crash', async (t) => {
    const { service, provider } = await open(t)
    const { id, remoteId = '' } = await service.create(SCRIPT, RED)
    await provider.delete(remoteId, { signal: AbortSignal.timeout(1000), deadline: Date.now() + 1000 })
    const { state, reason } = await service.get(id, RED)
    assert.equal(state, 'error')
    assert.match(reason ?? '', /not have it any more/)
    await service.delete(id, RED)
  })

  it('is seen as it was last seen where its cloud does not answer', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.create(SCRIPT, RED)
    await service.get(id, RED)
    await provider.setFaults({ get: { before: 'unavailable' } })
    assert.equal((await service.get(id, RED)).state, 'active')
  })
})

describe('a create that goes wrong', () => {
  const LOST: Readonly<Record<string, Faults>> = {
    'whose answer is lost': { create: { after: 'timeout', times: 1 } },
    'whose answer is lost twice, and so is a look': {
      create: { after: 'unavailable', times: 2 },
      find: { before: 'unavailable', times: 1 },
    },
    'that never reached the cloud': { create: { before: 'unavailable', times: 1 } },
  }
  for (const [how, faults] of Object.entries(LOST))
    it(`${how} ends in one machine`, async (t) => {
      const opened = await open(t, { cloud: { faults, secondCreate: 'duplicates' } })
      const { id, remoteId } = await opened.service.create(SCRIPT, RED)
      assert.ok(remoteId)
      assert.equal((await opened.provider.made(id)).length, 1)
    })

  it('because the provider refuses is told, and nothing is left', async (t) => {
    const opened = await open(t, { cloud: { faults: { create: { before: 'conflict' } } } })
    const request = { ...SCRIPT, idempotencyKey: 'k' }
    await rejects(opened.service.create(request, RED), 'conflict', /fault/)
    assert.deepEqual(await opened.service.list(RED), [])
    await opened.provider.setFaults({})
    assert.ok((await opened.service.create(request, RED)).remoteId, 'the same request may be sent again')
  })

  it('because the provider is never there is told, once that is proven', async (t) => {
    const opened = await open(t, { cloud: { faults: { create: { before: 'unavailable' } } } })
    await rejects(opened.service.create(SCRIPT, RED), 'unavailable')
    assert.deepEqual(await opened.service.list(RED), [])
  })

  it('is answered with what is known where it takes too long, and goes on', async (t) => {
    const opened = await open(t, { answerMs: 30, cloud: { faults: { create: { slowMs: 400 } } } })
    const { id, state, remoteId } = await opened.service.create(SCRIPT, RED)
    assert.deepEqual([state, remoteId], ['creating', undefined])
    await until(async () => (await opened.service.get(id, RED)).state === 'active', 'it becomes active')
  })

  it('is kept as an error where the refusal comes too late to be told', async (t) => {
    const opened = await open(t, { answerMs: 30, cloud: { faults: { create: { slowMs: 200, before: 'conflict' } } } })
    const { id } = await opened.service.create(SCRIPT, RED)
    await until(async () => (await opened.service.get(id, RED)).state === 'error', 'it becomes an error')
    assert.match((await opened.service.get(id, RED)).reason ?? '', /fault/)
  })

  it('can be deleted while it is under way, and leaves no machine', async (t) => {
    const opened = await open(t, { answerMs: 30, cloud: { faults: { create: { slowMs: 300 } } } })
    const { id } = await opened.service.create(SCRIPT, RED)
    await opened.service.delete(id, RED)
    await rejects(opened.service.get(id, RED), 'not-found')
    assert.equal(await machines(opened), 0)
  })
})

describe('what a crash left unfinished', () => {
  it('is adopted where its machine was made', async (t) => {
    const store = await sqliteStore(':memory:')
    const provider = memoryProvider({ secondCreate: 'duplicates', faults: { create: { after: 'hang' } } })
    const before = await openService({ store, provider, answerMs: 20, reconcileEveryMs: 60_000 })
    const { id, state } = await before.service.create(SCRIPT, RED)
    assert.equal(state, 'creating')
    await before.stop()
    assert.equal((await store.getInstance(id))?.remoteId, undefined, 'the answer never came')
    await provider.setFaults({})
    const after = await open(t, { store, provider, reconcileEveryMs: 20 })
    await until(async () => (await store.getInstance(id))?.remoteId !== undefined, 'it is adopted')
    assert.equal((await provider.made(id)).length, 1)
    assert.equal((await after.service.get(id, RED)).state, 'active')
    assert.ok(after.offered.has(id), 'its guest finds the metadata server again')
  })

  it('is listened to again where it was finished long before', async (t) => {
    const store = await sqliteStore(':memory:')
    const provider = memoryProvider()
    const before = await openService({ store, provider })
    const { id } = await before.service.create(SCRIPT, RED)
    await before.stop()
    const after = await open(t, { store, provider })
    assert.ok(after.offered.has(id))
    await after.service.delete(id, RED)
    assert.ok(!after.offered.has(id))
  })

  it('is deleted to the end', async (t) => {
    const store = await sqliteStore(':memory:')
    const provider = memoryProvider()
    const opened = await open(t, { store, provider, reconcileEveryMs: 20 })
    const { id } = await opened.service.create(SCRIPT, RED)
    await provider.setFaults({ delete: { before: 'unavailable', times: 3 } })
    await rejects(opened.service.delete(id, RED), 'unavailable')
    await until(async () => (await store.getInstance(id)) === undefined, 'it is deleted')
    assert.equal(await machines(opened), 0)
  })
})

describe('evidence from the console', () => {
  const digestOf = ({ userDataSha256 = '' }: Instance): string => userDataSha256

  it('makes a delivery applied, once, though the console is read again after a restart', async (t) => {
    const { service, provider, store } = await open(t, { listenEveryMs: 10 })
    const instance = await service.create(SCRIPT, RED)
    const line = `BELLHOP {"stage":"applied","method":"disk","exitCode":0,"sha256":"${digestOf(instance)}"}\r\n`
    await provider.writeConsole(instance.remoteId ?? '', `booting\r\n${line}`)
    await until(async () => (await service.delivery(instance.id, RED)).state === 'applied', 'it is applied')
    const second = await openService({ store, provider, listenEveryMs: 10 })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const applied = (await second.service.events(instance.id, RED)).filter(({ kind }) => kind === 'applied')
    assert.equal(applied.length, 1)
    assert.deepEqual((await second.service.delivery(instance.id, RED)).methods, {
      metadata: 'offered',
      disk: 'applied',
    })
    await second.stop()
  })

  it('of other bytes than ours makes it failed', async (t) => {
    const { service, provider } = await open(t, { listenEveryMs: 10 })
    const { id, remoteId = '' } = await service.create(SCRIPT, RED)
    await provider.writeConsole(remoteId, `BELLHOP {"stage":"applied","exitCode":0,"sha256":"${'0'.repeat(64)}"}\n`)
    await until(async () => (await service.delivery(id, RED)).state === 'failed', 'it is failed')
  })
})

describe('watch', () => {
  it('gives the events so far, then each as it comes, and ends with the instance', async (t) => {
    const { service, provider } = await open(t, { listenEveryMs: 10 })
    const { id, remoteId = '' } = await service.create(SCRIPT, RED)
    const kinds: string[] = []
    const watching = (async () => {
      for await (const { kind } of service.watch(id, RED, AbortSignal.timeout(20_000))) kinds.push(kind)
    })()
    await until(async () => kinds.length === 4, 'what there is comes at once')
    await provider.writeConsole(remoteId, 'BELLHOP {"stage":"failed","exitCode":3}\n')
    await until(async () => kinds.includes('failed'), 'the new one comes')
    await service.delete(id, RED)
    await watching
    assert.deepEqual(kinds.slice(0, 5), ['planned', 'planned', 'offered', 'offered', 'failed'])
  })
})
