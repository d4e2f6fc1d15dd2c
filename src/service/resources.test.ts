import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Link, LinkSpec } from '../model/link.ts'
import type { Volume } from '../model/volume.ts'
import { memoryProvider } from '../providers/memory/index.ts'
import { sqliteStore } from '../store/sqlite.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const BLUE: Caller = { subject: 'test/bob', project: 'test/blue', role: 'member' }
const GIB = 1024 ** 3
const VOLUME = { spec: { name: 'data', sizeBytes: GIB, labels: {} } }

async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
  const opened = await openService({ reconcileEveryMs: 10, ...options })
  t.after(opened.close)
  return opened
}

const rejects = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))

async function eventually<T>(what: string, look: () => Promise<T | false | undefined>): Promise<T> {
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const found = await look()
    if (found !== false && found !== undefined) return found
    assert.ok(Date.now() < end, what)
  }
}

const start = ({ service }: OpenService, links: readonly LinkSpec[] = []): Promise<Instance> =>
  service.create({ spec: sampleSpec({ links }) }, RED)

const diskOf = (volume: Volume): LinkSpec => ({ kind: 'volume', volumeId: volume.id })

describe('a volume', () => {
  for (const code of ['timeout', 'unavailable'] as const)
    it(`is made once though the answer was lost (${code})`, async (t) => {
      const opened = await open(t, { cloud: { faults: { 'volumes.create': { after: code, times: 1 } } } })
      const { service, provider } = opened
      const { id, state } = await service.volumes.create(VOLUME, RED)
      assert.equal(state, 'creating')
      const online = await eventually('it is online', async () => {
        const volume = await service.volumes.get(id, RED)
        return volume.state === 'online' && volume
      })
      assert.equal((await provider.volumesMade(id)).length, 1)
      assert.equal((await provider.volumesMade(id))[0]?.remoteId, online.remoteId)
    })

  it('is not kept when it was refused', async (t) => {
    const { service } = await open(t, { cloud: { faults: { 'volumes.create': { before: 'conflict' } } } })
    await rejects(service.volumes.create(VOLUME, RED), 'conflict')
    assert.deepEqual(await service.volumes.list(RED), [])
  })

  it('is gone in the end though the answer to its deletion was lost', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.volumes.create(VOLUME, RED)
    await provider.setFaults({ 'volumes.delete': { after: 'timeout', times: 1 } })
    await rejects(service.volumes.delete(id, RED), 'timeout')
    await eventually('it is gone', async () =>
      service.volumes.get(id, RED).then(
        () => false,
        (error: unknown) => isCloudError(error, 'not-found'),
      ),
    )
  })

  it('is made once by a client that repeats its request with one key, also at once', async (t) => {
    const { service, provider } = await open(t)
    const request = { ...VOLUME, idempotencyKey: 'k' }
    const made = await Promise.all([1, 2, 3].map(() => service.volumes.create(request, RED)))
    assert.equal(new Set(made.map(({ id }) => id)).size, 1)
    assert.equal((await provider.volumesMade()).length, 1)
    const other = { ...request, spec: { ...VOLUME.spec, sizeBytes: 2 * GIB } }
    await rejects(service.volumes.create(other, RED), 'conflict', /the idempotency key was used for volume/)
    assert.notEqual((await service.volumes.create(request, BLUE)).id, made[0]?.id)
    const { id } = await service.create({ spec: sampleSpec({}) }, RED)
    const card = { instanceId: id, spec: { kind: 'network', networkId: 'memory-public' }, idempotencyKey: 'k' } as const
    const links = [await service.links.create(card, RED), await service.links.create(card, RED)]
    assert.equal(links[0]?.id, links[1]?.id)
  })

  it('is made where one asks for it, and nowhere else', async (t) => {
    const bare = await open(t, { cloud: { volumes: false, networks: false } })
    await rejects(bare.service.volumes.create(VOLUME, RED), 'unsupported', /no provider here has volumes/)
    await rejects(
      bare.service.volumes.create({ ...VOLUME, provider: 'memory' }, RED),
      'unsupported',
      /memory has no volumes/,
    )
    const { service } = await open(t)
    await rejects(service.volumes.create({ ...VOLUME, provider: 'mars' }, RED), 'invalid', /no provider "mars"/)
    assert.equal((await service.volumes.create({ ...VOLUME, provider: 'memory' }, RED)).provider, 'memory')
    assert.deepEqual([bare.service.makers('volumes'), service.makers('volumes')], [[], ['memory']])
  })
})

describe('a link', () => {
  it('comes with its instance from the first boot on, and goes with it', async (t) => {
    const opened = await open(t)
    const { service, provider } = opened
    const volume = await service.volumes.create(VOLUME, RED)
    const { id } = await start(opened, [diskOf(volume)])
    const links = await service.links.ofInstance(id, RED)
    assert.deepEqual(
      new Set(links.map(({ kind, state }) => `${kind} ${state}`)),
      new Set(['volume active', 'network active']),
    )
    const [machine] = await provider.made(id)
    assert.deepEqual(machine?.request.volumes, [
      { linkId: links.find(({ kind }) => kind === 'volume')?.id, volumeRemoteId: volume.remoteId },
    ])
    await rejects(service.volumes.delete(volume.id, RED), 'conflict', /is attached to instance/)
    await service.delete(id, RED)
    assert.deepEqual(await service.links.list(RED), [])
    await service.volumes.delete(volume.id, RED)
  })

  it('is not left behind by an instance that was refused', async (t) => {
    const opened = await open(t, { cloud: { faults: { create: { before: 'conflict' } } } })
    const volume = await opened.service.volumes.create(VOLUME, RED)
    await rejects(start(opened, [diskOf(volume)]), 'conflict')
    assert.deepEqual(await opened.service.links.list(RED), [])
    await opened.service.volumes.delete(volume.id, RED)
  })

  it('to a volume is one: of two at once, one is refused', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const volume = await service.volumes.create(VOLUME, RED)
    const instances = [await start(opened), await start(opened)]
    const outcomes = await Promise.allSettled(
      instances.map(({ id }) => service.links.create({ instanceId: id, spec: diskOf(volume) }, RED)),
    )
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const refused = outcomes.find((outcome) => outcome.status === 'rejected')
    assert.ok(isCloudError(refused?.reason, 'conflict'))
    assert.equal((await service.links.list(RED)).filter(({ kind }) => kind === 'volume').length, 1)
  })

  it('is made once though the answer was lost', async (t) => {
    const opened = await open(t)
    const { service, provider } = opened
    const [volume, { id }] = [await service.volumes.create(VOLUME, RED), await start(opened)]
    await provider.setFaults({ 'volumes.attach': { after: 'timeout', times: 1 } })
    const made = await service.links.create({ instanceId: id, spec: diskOf(volume) }, RED)
    assert.equal(made.state, 'creating')
    const link = await eventually<Link>('it is active', async () => {
      const found = await service.links.get(made.id, RED)
      return found.state === 'active' && found
    })
    assert.equal(link.device, 'vdb')
  })

  it('stays when its guest does not let go of it', async (t) => {
    const opened = await open(t)
    const { service, provider } = opened
    const volume = await service.volumes.create(VOLUME, RED)
    const { id } = await start(opened, [diskOf(volume)])
    const link = (await service.links.ofInstance(id, RED)).find(({ kind }) => kind === 'volume') ?? assert.fail()
    await provider.setFaults({ 'volumes.detach': { before: 'conflict', times: 1 } })
    await rejects(service.links.delete(link.id, RED), 'conflict')
    assert.equal((await service.links.get(link.id, RED)).state, 'active')
    await service.links.delete(link.id, RED)
    await rejects(service.links.get(link.id, RED), 'not-found')
  })

  it('is only to what is the same project’s, ready, and at the same provider', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const [volume, { id }] = [await service.volumes.create(VOLUME, RED), await start(opened)]
    const theirs = await service.volumes.create(VOLUME, BLUE)
    const link = (spec: LinkSpec, caller = RED) => service.links.create({ instanceId: id, spec }, caller)
    await rejects(link(diskOf(theirs)), 'not-found', /no volume/)
    await rejects(link(diskOf(volume), BLUE), 'not-found', /no instance/)
    await rejects(link({ kind: 'network', networkId: randomUUID() }), 'not-found', /no network/)
    await rejects(link({ kind: 'network', networkId: 'memory-none' }), 'not-found', /no network/)
    await service.volumes.act(volume.id, 'offline', RED)
    await rejects(link(diskOf(volume)), 'conflict', /is offline; bring it online first/)
  })
})

describe('a cloud that tells what cannot be', () => {
  it('spoils a link, and neither the machine nor its record', async (t) => {
    const memory = memoryProvider()
    const provider = {
      ...memory,
      create: async (...given: Parameters<typeof memory.create>) => {
        const { attached = [], ...remote } = await memory.create(...given)
        return { ...remote, attached: attached.map((each) => ({ ...each, address: '192.0.2.1' })) }
      },
    }
    const opened = await open(t, { provider })
    const spec = { cidr: '192.0.2.0/24', labels: {} }
    const on = { kind: 'network', networkId: (await opened.service.networks.create({ spec }, RED)).id } as const
    const [first, second] = [await start(opened, [on]), await start(opened, [on])]
    assert.ok(first.remoteId && second.remoteId)
    const [link] = await opened.service.links.ofInstance(second.id, RED)
    assert.equal(link?.state, 'error')
    assert.match(link?.reason ?? '', /192\.0\.2\.1 is taken/)
  })

  it('may give the same address to each machine that asks for one', async (t) => {
    const memory = memoryProvider()
    const provider = {
      ...memory,
      create: async (...given: Parameters<typeof memory.create>) => {
        const { attached = [], ...remote } = await memory.create(...given)
        return { ...remote, attached: attached.map((each) => ({ ...each, address: '10.0.2.15' })) }
      },
    }
    const opened = await open(t, { provider })
    for (const _ of [1, 2]) {
      const [link] = await opened.service.links.ofInstance((await start(opened)).id, RED)
      assert.deepEqual(link?.kind === 'network' && [link.state, link.address], ['active', '10.0.2.15'])
    }
  })
})

describe('what is just being made', () => {
  it('is no unfinished work for the reconciler, not even in the moment after it is recorded', async (t) => {
    const inner = await sqliteStore(':memory:')
    t.after(() => inner.close())
    // The answer to the insertion comes late: a reconciler of this node and one of another look meanwhile.
    const store = {
      ...inner,
      insertInstance: async (...given: Parameters<typeof inner.insertInstance>) => {
        const kept = await inner.insertInstance(...given)
        await new Promise((resolve) => setTimeout(resolve, 100))
        return kept
      },
    }
    const provider = memoryProvider({ secondCreate: 'duplicates' })
    const opened = await openService({ store, provider, reconcileEveryMs: 5 })
    t.after(opened.stop)
    const other = await openService({ store, provider, reconcileEveryMs: 5, node: 'other' })
    t.after(other.stop)
    const { id } = await opened.service.create({ spec: sampleSpec({}) }, RED)
    assert.equal((await provider.made(id)).length, 1)
  })
})

describe('what a crash left', () => {
  it('of an instance with links is finished as a whole', async (t) => {
    const [store, provider] = [await sqliteStore(':memory:'), memoryProvider()]
    t.after(() => store.close())
    const first = await openService({ store, provider, answerMs: 10 })
    const volume = await first.service.volumes.create(VOLUME, RED)
    await provider.setFaults({ create: { before: 'hang' } })
    const { id } = await first.service.create({ spec: sampleSpec({ links: [diskOf(volume)] }) }, RED)
    await first.stop()
    assert.deepEqual(
      (await store.listResources('link', { instanceId: id })).map(({ state }) => state),
      ['creating', 'creating'],
    )
    await provider.setFaults({})
    const second = await openService({ store, provider, reconcileEveryMs: 10 })
    t.after(second.stop)
    await eventually('it is there', async () => (await second.service.get(id, RED)).remoteId)
    const links = await second.service.links.ofInstance(id, RED)
    assert.deepEqual(
      links.map(({ state }) => state),
      ['active', 'active'],
    )
    assert.equal((await provider.made(id))[0]?.request.volumes?.length, 1)
  })
})

describe('a network', () => {
  it('numbers its guests before they boot, where that is ours', async (t) => {
    const opened = await open(t)
    const { service, provider } = opened
    const spec = { cidr: '192.0.2.0/29', gateway: '192.0.2.1', labels: {} }
    const network = await service.networks.create({ spec }, RED)
    const { id } = await start(opened, [{ kind: 'network', networkId: network.id }])
    const [link] = await service.links.ofInstance(id, RED)
    assert.deepEqual(link?.kind === 'network' && [link.address, link.prefixLength, link.gateway, link.allocation], [
      '192.0.2.2',
      29,
      '192.0.2.1',
      'static',
    ])
    const [machine] = await provider.made(id)
    assert.equal(machine?.request.networks?.[0]?.address, '192.0.2.2')
    const later = await start(opened)
    const wish = { kind: 'network', networkId: network.id, address: '192.0.2.2' } as const
    await rejects(service.links.create({ instanceId: later.id, spec: wish }, RED), 'conflict', /192\.0\.2\.2 is taken/)
    await rejects(service.networks.delete(network.id, RED), 'conflict', /is on network/)
  })

  it('leaves the numbers to whoever gives them where it says so', async (t) => {
    const opened = await open(t)
    const spec = { cidr: '192.0.2.0/29', allocation: 'dynamic', labels: {} } as const
    const network = await opened.service.networks.create({ spec }, RED)
    const { id } = await start(opened, [{ kind: 'network', networkId: network.id }])
    const [machine] = await opened.provider.made(id)
    assert.equal(machine?.request.networks?.[0]?.address, undefined)
  })
})

describe('a card that comes later', () => {
  it('is told to a guest that asks again', async (t) => {
    const memory = memoryProvider()
    const cards: string[] = []
    const provider = {
      ...memory,
      get: async (...given: Parameters<typeof memory.get>) => {
        const remote = await memory.get(...given)
        const nics = (remote.attached ?? []).map(({ mac = '' }) => ({ id: mac, mac, addresses: [] }))
        return { ...remote, network: { nics } }
      },
    }
    const metadata = {
      offer: async () => ({ socketPath: '/nowhere' }),
      withdraw: async () => {},
      refresh: (id: string) => void cards.push(id),
    }
    const opened = await open(t, { provider, metadata })
    const network = await opened.service.networks.create({ spec: { labels: {} } }, RED)
    const { id } = await start(opened)
    await opened.service.get(id, RED)
    cards.length = 0
    const spec = { kind: 'network', networkId: network.id } as const
    const link = await opened.service.links.create({ instanceId: id, spec }, RED)
    const known = async (): Promise<number | undefined> => (await opened.store.getInstance(id))?.network?.nics.length
    assert.deepEqual([await known(), cards], [2, [id]])
    await opened.service.links.delete(link.id, RED)
    assert.deepEqual([await known(), cards], [1, [id, id]])
  })
})

describe('a saved image', () => {
  it('is its project’s alone, and starts instances', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id } = await start(opened)
    const image = await service.saveImage(id, { title: 'Mine' }, RED)
    assert.equal(image.name, 'memory-mine')
    assert.ok((await service.images(RED)).some(({ name }) => name === image.name))
    assert.ok(!(await service.images(BLUE)).some(({ name }) => name === image.name))
    const spec = sampleSpec({ image: image.name })
    assert.equal((await service.create({ spec }, RED)).image.name, image.name)
    await rejects(service.create({ spec }, BLUE), 'invalid', /there is no "memory-mine"/)
  })

  it('is deleted by its project alone, once no instance needs it', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id } = await start(opened)
    const { name, remoteId } = await service.saveImage(id, { title: 'Mine' }, RED)
    const user = await service.create({ spec: sampleSpec({ image: name }) }, RED)
    await rejects(service.deleteImage(name, BLUE), 'not-found', /there is no image "memory-mine"/)
    await rejects(service.deleteImage(name, { ...RED, role: 'reader' }), 'forbidden')
    await rejects(service.deleteImage(name, RED), 'conflict', new RegExp(user.id))
    await service.delete(user.id, RED)
    await service.deleteImage(name, RED)
    await rejects(service.deleteImage(name, RED), 'not-found')
    assert.ok(!(await service.images(RED)).some((image) => image.name === name))
    const other = await service.saveImage(id, {}, RED)
    await rejects(service.deleteImage(remoteId, RED), 'not-found')
    await service.deleteImage(other.remoteId, RED)
    assert.ok((await service.images(RED)).every(({ project }) => project === undefined))
  })

  it('that is for all, or at a provider that deletes none, stays', async (t) => {
    const provider = memoryProvider()
    delete provider.deleteImage
    const opened = await open(t, { provider })
    const { id } = await start(opened)
    const { name } = await opened.service.saveImage(id, {}, RED)
    await rejects(opened.service.deleteImage(name, RED), 'unsupported', /memory cannot delete images/)
    await rejects(opened.service.deleteImage('memory-debian', RED), 'forbidden', /memory-debian is for all/)
    assert.equal((await opened.service.images(RED)).length, 3)
  })

  it('is refused where the provider makes none', async (t) => {
    const opened = await open(t, { cloud: { saveImage: false } })
    const { id } = await start(opened)
    await rejects(opened.service.saveImage(id, {}, RED), 'unsupported', /memory cannot save/)
  })
})

describe('an instance', () => {
  it('is renamed without its guest noticing', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id, facts, revision } = await service.create({ spec: sampleSpec({ name: 'old' }) }, RED)
    const renamed = await service.rename(id, { name: 'new', labels: { a: 'b' } }, RED)
    assert.deepEqual([renamed.spec.name, renamed.spec.labels['a']], ['new', 'b'])
    assert.deepEqual([renamed.facts, renamed.revision], [facts, revision])
    const bare = await service.rename(id, { name: null, labels: { a: null } }, RED)
    assert.deepEqual([bare.spec.name, bare.spec.labels['a']], [undefined, undefined])
    await rejects(service.rename(id, {}, { ...RED, role: 'reader' }), 'forbidden')
  })

  it('has the id that its client chose, once', async (t) => {
    const { service } = await open(t)
    const id = randomUUID()
    assert.equal((await service.create({ spec: sampleSpec({}), id }, RED)).id, id)
    await rejects(service.create({ spec: sampleSpec({}), id }, RED), 'conflict')
    await service.delete(id, RED)
    // What was seen of the first would speak for the second.
    await rejects(service.create({ spec: sampleSpec({}), id }, RED), 'conflict')
    await rejects(service.create({ spec: sampleSpec({}), id: 'MINE' }, RED), 'invalid', /no UUID in lower case/)
  })
})
