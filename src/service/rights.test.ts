import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { memoryProvider, type MemoryProviderOptions } from '../providers/memory/index.ts'
import { sqliteStore } from '../store/sqlite.ts'

const ISSUER = 'https://keystone.example.org'
const TOKEN = 'gAAAAABsecret-of-alice'
const SPEC = sampleSpec({ name: 'web', userData: Buffer.from('#!/bin/sh\n') })

function callerWith(token: string, role: Caller['role'] = 'member'): Caller {
  return { subject: `${ISSUER}/alice`, project: `${ISSUER}/red`, role, credential: { issuer: ISSUER, token } }
}

const ALICE = callerWith(TOKEN)
/** Of the same project, but without a token of its cloud. */
const { credential: _, ...TOKENLESS } = ALICE

/** A cloud that knows Alice's token alone, until `known` is changed. */
async function open(t: TestContext, cloud: MemoryProviderOptions = {}, options: OpenOptions = {}) {
  const known = new Map<string, Omit<Caller, 'credential'>>([[TOKEN, TOKENLESS]])
  const provider = memoryProvider({ ...cloud, callers: { issuer: ISSUER, known } })
  const store = await sqliteStore(':memory:')
  t.after(() => store.close())
  const start = async (): Promise<OpenService> => {
    const opened = await openService({ provider, store, reconcileEveryMs: 20, ...options })
    t.after(opened.stop)
    return opened
  }
  return { ...(await start()), provider, store, known, start }
}

const rejects = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 10)))
    assert.ok(Date.now() < end, what)
}

describe('a provider that is asked with its callers’ own tokens', () => {
  it('is asked so by every use case', async (t) => {
    const { service, provider } = await open(t)
    assert.ok((await service.images(ALICE)).length > 0)
    assert.ok((await service.sizes(ALICE)).length > 0)
    assert.ok((await service.networks.list(ALICE)).length > 0)
    const { id, remoteId = '' } = await service.create({ spec: SPEC }, ALICE)
    assert.equal((await service.get(id, ALICE)).state, 'active')
    await provider.writeConsole(remoteId, 'login:')
    assert.match((await service.console(id, 0, ALICE)).text, /login:/)
    const volume = await service.volumes.create({ spec: { sizeBytes: 1024, labels: {} } }, ALICE)
    const network = await service.networks.create({ spec: { labels: {} } }, ALICE)
    for (const spec of [
      { kind: 'volume', volumeId: volume.id },
      { kind: 'network', networkId: network.id },
    ] as const) {
      const link = await service.links.create({ instanceId: id, spec }, ALICE)
      assert.equal(link.state, 'active')
      await service.links.delete(link.id, ALICE)
    }
    await service.volumes.act(volume.id, 'offline', ALICE)
    await service.networks.act(network.id, 'down', ALICE)
    assert.equal((await service.volumes.get(volume.id, ALICE)).state, 'offline')
    await service.volumes.delete(volume.id, ALICE)
    await service.networks.delete(network.id, ALICE)
    const image = await service.saveImage(id, { title: 'kept' }, ALICE)
    await service.deleteImage(image.name, ALICE)
    assert.equal((await service.act(id, 'stop', ALICE)).state, 'inactive')
    await service.delete(id, ALICE)
    assert.deepEqual(
      (await provider.made()).map(({ state }) => state),
      ['deleted'],
    )
  })

  it('is not asked for callers without a token of it, who are told where to get one', async (t) => {
    const { service } = await open(t)
    const { id } = await service.create({ spec: SPEC }, ALICE)
    assert.deepEqual(await service.images(TOKENLESS), [])
    await rejects(service.act(id, 'stop', TOKENLESS), 'forbidden', /keystone\.example\.org/)
    await rejects(service.console(id, 0, TOKENLESS), 'forbidden')
    await rejects(service.delete(id, TOKENLESS), 'forbidden')
    const elsewhere = { ...TOKENLESS, credential: { issuer: 'https://other.example.org', token: TOKEN } }
    await rejects(service.act(id, 'stop', elsewhere), 'forbidden')
    // As last seen.
    assert.equal((await service.get(id, TOKENLESS)).state, 'creating')
    assert.equal((await service.get(id, ALICE)).state, 'active')
  })

  it('has what was left unfinished wait for its owner, who then has it once', async (t) => {
    const first = await open(t, { secondCreate: 'duplicates', faults: { create: { after: 'hang' } } }, { answerMs: 20 })
    const { id } = await first.service.create({ spec: SPEC }, ALICE)
    await until(async () => (await first.provider.made(id)).length === 1, 'it is made')
    await first.stop()
    await first.provider.setFaults({})
    const { service, said } = await first.start()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual(said, [])
    assert.equal((await service.get(id, TOKENLESS)).state, 'creating')
    service.welcome(callerWith(TOKEN, 'reader'))
    service.welcome({ ...ALICE, project: `${ISSUER}/blue` })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await service.get(id, TOKENLESS)).remoteId, undefined)
    service.welcome(ALICE)
    await until(async () => (await service.get(id, TOKENLESS)).remoteId !== undefined, 'it is found')
    assert.equal((await first.provider.made()).length, 1)
  })

  it('has a deletion that failed wait too', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.create({ spec: SPEC }, ALICE)
    await provider.setFaults({ delete: { before: 'unavailable', times: 1 } })
    await rejects(service.delete(id, ALICE), 'unavailable')
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await service.get(id, ALICE)).state, 'deleting')
    service.welcome(ALICE)
    await until(async () => (await service.list(ALICE)).length === 0, 'it is gone')
    assert.equal((await provider.made(id))[0]?.state, 'deleted')
  })

  it('keeps what it may have made when the token ends before that is known', async (t) => {
    const { service, provider, known } = await open(t, {
      secondCreate: 'duplicates',
      faults: { create: { after: 'timeout' } },
    })
    const creating = service.create({ spec: SPEC }, ALICE)
    await until(async () => (await provider.made()).length === 1, 'it is made')
    known.clear()
    await rejects(creating, 'unavailable', /waits for its owner/)
    const [left] = await service.list(ALICE)
    assert.equal(left?.state, 'creating')
    known.set('another', TOKENLESS)
    service.welcome(callerWith('another'))
    await until(async () => (await service.list(ALICE))[0]?.remoteId !== undefined, 'it is found')
    assert.equal((await provider.made()).length, 1)
  })

  it('is looked through for machines that came too late when somebody of the project is here', async (t) => {
    const { service, provider } = await open(t, { secondCreate: 'duplicates' }, { straysEveryMs: 20 })
    const { id, remoteId } = await service.create({ spec: SPEC }, ALICE)
    await service.get(id, ALICE)
    const [first] = await provider.made(id)
    assert.ok(first)
    const call = { signal: new AbortController().signal, deadline: Date.now() + 60_000, credential: { token: TOKEN } }
    await provider.create(first.request, call)
    const living = async () => (await provider.made(id)).filter(({ state }) => state !== 'deleted')
    service.welcome({ ...ALICE, project: `${ISSUER}/blue` })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal((await living()).length, 2, 'another project may have written our id on a machine of its own')
    service.welcome(ALICE)
    await until(async () => (await living()).length === 1, 'one is left')
    assert.deepEqual(
      (await living()).map((each) => each.remoteId),
      [remoteId],
    )
  })

  it('refuses a token that is good no longer, and makes nothing', async (t) => {
    const { service, provider, known } = await open(t, { faults: { create: { before: 'unauthenticated', times: 1 } } })
    await rejects(service.create({ spec: SPEC }, ALICE), 'unauthenticated')
    known.clear()
    assert.deepEqual(await service.images(ALICE), [])
    assert.deepEqual(await service.list(ALICE), [])
    assert.deepEqual(await provider.made(), [])
  })

  it('shows in lists what it was seen to be when somebody of the project came last', async (t) => {
    const { service } = await open(t)
    const { id } = await service.create({ spec: SPEC }, ALICE)
    assert.deepEqual(
      (await service.list(ALICE)).map(({ state }) => state),
      ['creating'],
    )
    service.welcome(ALICE)
    await until(async () => (await service.list(ALICE)).some((each) => each.id === id && each.state === 'active'), id)
  })

  it('has its guests’ consoles read when somebody asks what became of his data', async (t) => {
    const deliveries = [
      {
        method: 'disk',
        by: 'provider',
        layouts: ['openstack'],
        userDataMaxBytes: 49_149,
        evidence: ['console'],
      },
    ] as const
    const { service, provider } = await open(t, { capabilities: { deliveries, consoleEveryMs: 1 } })
    const { id, remoteId = '', userDataSha256 } = await service.create({ spec: SPEC }, ALICE)
    const word = { stage: 'applied', exitCode: 0, sha256: userDataSha256 }
    await provider.writeConsole(remoteId, `BELLHOP ${JSON.stringify(word)}\n`)
    assert.equal((await service.delivery(id, TOKENLESS)).state, 'offered')
    const heard = await service.delivery(id, ALICE)
    assert.equal(heard.state, 'applied', JSON.stringify(await service.events(id, ALICE)))
  })

  it('leaves no token in store or log', async (t) => {
    const { service, provider, store, said } = await open(t)
    const { id } = await service.create({ spec: SPEC, idempotencyKey: 'once' }, ALICE)
    await provider.setFaults({ get: { before: 'unavailable' }, act: { before: 'provider-failed' } })
    await service.get(id, ALICE)
    await rejects(service.act(id, 'stop', ALICE), 'provider-failed')
    const kept = [await store.listInstances({}), await store.listEvents(id), await store.listResources('link', {})]
    assert.match(JSON.stringify(said), /could not be asked/)
    assert.doesNotMatch(JSON.stringify([kept, said]), new RegExp(TOKEN))
  })
})
