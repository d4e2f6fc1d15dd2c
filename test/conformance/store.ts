import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { describe } from 'node:test'
import * as fc from 'fast-check'
import { sha256 } from '../../src/model/digest.ts'
import type { Store } from '../../src/store/store.ts'
import { anySpec, sampleEvent, sampleImage, sampleInstance, sampleSize, sampleSpec } from './store-samples.ts'
import { plain, rejects, storeTests, type StoreUnderTest } from './store-under-test.ts'

const KEY = { idempotencyKey: 'key' }
const USER_DATA = Buffer.from('#!/bin/sh\necho hello\n')

/** What every store promises; each implementation runs this. */
export function testStore(under: StoreUnderTest): void {
  describe(`store: ${under.name}`, () => {
    const test = storeTests(under)

    describe('instances', () => {
      test('gives back any instance as it was recorded', async (store) => {
        await fc.assert(
          fc.asyncProperty(anySpec, async (spec) => {
            const instance = sampleInstance({ spec })
            await store.insertInstance(instance, [])
            assert.deepEqual(plain(await store.getInstance(instance.id)), plain(instance))
          }),
          { numRuns: 100 },
        )
      })

      test('keeps every field that may be there', async (store) => {
        const instance = sampleInstance({
          remoteId: 'vm-1',
          reason: 'no host',
          state: 'error',
          network: { nics: [{ id: 'port', mac: '52:54:00:00:00:01', addresses: [] }] },
        })
        await store.insertInstance(instance, [])
        assert.deepEqual(plain(await store.getInstance(instance.id)), plain(instance))
      })

      test('holds user data of 8 MiB', async (store) => {
        const userData = new Uint8Array(8 * 1024 * 1024).map((_, index) => index % 251)
        const instance = sampleInstance({ spec: sampleSpec({ userData }) })
        await store.insertInstance(instance, [])
        const kept = await store.getInstance(instance.id)
        assert.equal(sha256(kept?.spec.userData ?? new Uint8Array()), sha256(userData))
      })

      test('refuses a second instance with the same id, and takes none of its events', async (store) => {
        const instance = sampleInstance()
        await store.insertInstance(instance, [sampleEvent(instance.id)])
        await rejects(
          store.insertInstance(instance, [sampleEvent(instance.id)], { idempotencyKey: 'a key' }),
          'conflict',
        )
        assert.equal((await store.listEvents(instance.id)).length, 1)
        const other = sampleInstance()
        assert.equal((await store.insertInstance(other, [], { idempotencyKey: 'a key' })).id, other.id)
      })

      test('knows nothing of an unknown id', async (store) => {
        assert.equal(await store.getInstance('unknown'), undefined)
        assert.deepEqual(await store.listEvents('unknown'), [])
        await rejects(store.updateInstance('unknown', { state: 'active' }, [sampleEvent('unknown')]), 'not-found')
        assert.deepEqual(await store.listEvents('unknown'), [])
        await store.deleteInstance('unknown', [sampleEvent('unknown')])
        assert.deepEqual(await store.listEvents('unknown'), [])
      })

      test('changes nothing in the state that is excepted', async (store) => {
        const instance = sampleInstance({ state: 'deleting' })
        await store.insertInstance(instance, [])
        const change = { state: 'active', updatedAt: instance.updatedAt + 1 } as const
        const kept = await store.updateInstance(instance.id, change, [sampleEvent(instance.id)], 'deleting')
        assert.deepEqual(plain(kept), plain(instance))
        assert.deepEqual(await store.listEvents(instance.id), [])
        assert.equal((await store.updateInstance(instance.id, change, [], 'active')).state, 'active')
        await rejects(store.updateInstance('unknown', change, [], 'deleting'), 'not-found')
      })

      test('keeps the id that a guest was given, whatever is told of the machine by who did not know it', async (store) => {
        const instance = sampleInstance()
        await store.insertInstance(instance, [])
        assert.equal((await store.getInstance(instance.id))?.guestId, undefined)
        const guestId = randomUUID()
        assert.equal((await store.updateInstance(instance.id, { guestId })).guestId, guestId)
        const seen = await store.updateInstance(instance.id, { facts: { ...instance.facts, localIpv4: '10.0.0.5' } })
        assert.deepEqual([seen.guestId, seen.facts.localIpv4], [guestId, '10.0.0.5'])
        assert.equal((await store.updateInstance(instance.id, { consoleFrom: 7 })).consoleFrom, 7)
        const whole = sampleInstance({ guestId, consoleFrom: 2 ** 40 })
        await store.insertInstance(whole, [])
        assert.deepEqual(plain(await store.getInstance(whole.id)), plain(whole))
        assert.equal((await store.listInstances({})).find(({ id }) => id === whole.id)?.guestId, guestId)
      })

      test('gives any part of a timeline by the places of its events', async (store) => {
        const [instance, other] = [sampleInstance(), sampleInstance()]
        for (const { id } of [instance, other]) await store.insertInstance(sampleInstance({ id }), [])
        const events = Array.from({ length: 12 }, (_, index) => sampleEvent(instance.id, { detail: `${index + 1}` }))
        for (const event of events) await store.appendEvents([event, sampleEvent(other.id)])
        for (const after of [0, 1, 11, 12, 99, 1e300])
          for (const limit of [0, 1, 5, 12, 100, undefined]) {
            const range = { after, ...(limit === undefined ? {} : { limit }) }
            const expected = events.slice(after, limit === undefined ? undefined : after + limit)
            assert.deepEqual(await store.listEvents(instance.id, range), expected, JSON.stringify(range))
          }
      })

      test('changes only what a change names', async (store) => {
        const instance = sampleInstance({ spec: sampleSpec({ userData: USER_DATA, variables: { a: '1' } }) })
        await store.insertInstance(instance, [])
        const change = { state: 'active' as const, remoteId: 'vm-1', updatedAt: instance.updatedAt + 1 }
        const changed = await store.updateInstance(instance.id, change, [sampleEvent(instance.id)])
        assert.deepEqual(plain(changed), plain({ ...instance, ...change }))
        assert.deepEqual(plain(await store.getInstance(instance.id)), plain(changed))
        assert.equal((await store.listEvents(instance.id)).length, 1)
        assert.deepEqual(plain(await store.updateInstance(instance.id, {})), plain(changed))
      })

      test('drops the reason with the state it explained', async (store) => {
        const instance = sampleInstance({ state: 'error', reason: 'no host' })
        await store.insertInstance(instance, [])
        assert.equal((await store.updateInstance(instance.id, { revision: 2 })).reason, 'no host')
        assert.equal((await store.updateInstance(instance.id, { state: 'active' })).reason, undefined)
        assert.equal((await store.updateInstance(instance.id, { state: 'error', reason: 'why' })).reason, 'why')
      })

      test('replaces a spec whole, with its bytes and their digest', async (store) => {
        const files = [1, 2].map((value) => ({ path: `/${value}`, bytes: Uint8Array.of(value) }))
        const instance = sampleInstance({ spec: sampleSpec({ userData: USER_DATA, files }) })
        await store.insertInstance(instance, [])
        const spec = sampleSpec({ userData: Buffer.from('other'), files: files.slice(1) })
        const changed = await store.updateInstance(instance.id, { spec })
        assert.deepEqual(plain(changed.spec), plain(spec))
        assert.equal(changed.userDataSha256, sha256(Buffer.from('other')))
        const without = await store.updateInstance(instance.id, { spec: sampleSpec() })
        assert.deepEqual([without.spec.userData, without.userDataSha256], [undefined, undefined])
      })

      test('lists by project, provider, remote id and state, oldest first and without the bytes of the user', async (store) => {
        const files = [{ path: '/f', bytes: USER_DATA }]
        const at = (createdAt: number) => ({ createdAt, spec: sampleSpec({ userData: USER_DATA, files }) })
        const second = sampleInstance({ ...at(2), state: 'active' })
        const first = sampleInstance(at(1))
        const elsewhere = sampleInstance({ ...at(3), project: 'tokens/other' })
        const foreign = sampleInstance({ ...at(4), provider: 'other', remoteId: 'vm-1' })
        for (const instance of [second, first, elsewhere, foreign]) await store.insertInstance(instance, [])
        const ids = async (filter: Parameters<Store['listInstances']>[0]) =>
          (await store.listInstances(filter)).map(({ id }) => id)
        assert.deepEqual(await ids({}), [first.id, second.id, elsewhere.id, foreign.id])
        assert.deepEqual(await ids({ project: 'tokens/demo', provider: 'memory' }), [first.id, second.id])
        assert.deepEqual(await ids({ provider: 'other' }), [foreign.id])
        assert.deepEqual(await ids({ provider: 'other', remoteId: 'vm-1' }), [foreign.id])
        assert.deepEqual(await ids({ provider: 'memory', remoteId: 'vm-1' }), [])
        assert.deepEqual(await ids({ project: 'tokens/demo', states: ['active', 'error'] }), [second.id])
        assert.deepEqual(await ids({ states: [] }), [])
        const [listed] = await store.listInstances({ states: ['active'] })
        assert.deepEqual(plain(listed), plain({ ...second, spec: sampleSpec() }))
      })

      test('forgets a deleted instance and its bytes, but not its events', async (store) => {
        const instance = sampleInstance({ spec: sampleSpec({ userData: USER_DATA }) })
        await store.insertInstance(instance, [sampleEvent(instance.id)])
        const gone = sampleEvent(instance.id, { kind: 'state', detail: 'deleted' })
        await store.deleteInstance(instance.id, [gone])
        await store.deleteInstance(instance.id, [gone])
        assert.equal(await store.getInstance(instance.id), undefined)
        assert.deepEqual(await store.listInstances({}), [])
        assert.deepEqual(await store.listEvents(instance.id), [sampleEvent(instance.id), gone])
      })

      test('refuses the id of a deleted instance as long as its events are there', async (store) => {
        const instance = sampleInstance()
        await store.insertInstance(instance, [sampleEvent(instance.id, { at: 1 })])
        await store.deleteInstance(instance.id)
        await rejects(store.insertInstance(instance, [], KEY), 'conflict', /instance/)
        assert.equal(await store.getInstance(instance.id), undefined)
        assert.equal((await store.listEvents(instance.id)).length, 1)
        const other = sampleInstance()
        assert.equal((await store.insertInstance(other, [], KEY)).id, other.id)
        await store.pruneEvents(2)
        assert.equal((await store.insertInstance(instance, [])).id, instance.id)
      })
    })

    describe('idempotency keys', () => {
      const spec = sampleSpec({ name: 'vm', userData: USER_DATA })

      test('give a retry the instance of the first request', async (store) => {
        const first = sampleInstance({ spec })
        const retry = sampleInstance({ spec })
        await store.insertInstance(first, [sampleEvent(first.id)], KEY)
        assert.deepEqual(
          plain(await store.insertInstance(retry, [sampleEvent(retry.id)], KEY)),
          plain(await store.getInstance(first.id)),
        )
        assert.equal(await store.getInstance(retry.id), undefined)
        assert.deepEqual(await store.listEvents(retry.id), [])
      })

      test('are a conflict when the retry asks for something else', async (store) => {
        await store.insertInstance(sampleInstance({ spec }), [], KEY)
        const others = [
          sampleInstance({ spec: { ...spec, userData: Buffer.from('other') } }),
          sampleInstance({ spec, image: sampleImage({ name: 'memory-other' }) }),
          sampleInstance({ spec, size: sampleSize({ name: 'memory-other' }) }),
          sampleInstance({ spec: { ...spec, name: 'other' } }),
          sampleInstance({ spec: { ...spec, by: 'disk' } }),
          sampleInstance({ spec: { ...spec, tracking: false } }),
          sampleInstance({ spec: { ...spec, wrap: true } }),
        ]
        for (const other of others) {
          await rejects(store.insertInstance(other, [], KEY), 'conflict')
          assert.equal(await store.getInstance(other.id), undefined)
        }
      })

      test('belong to one project', async (store) => {
        await store.insertInstance(sampleInstance({ spec }), [], KEY)
        const other = sampleInstance({ spec, project: 'tokens/other' })
        assert.equal((await store.insertInstance(other, [], KEY)).id, other.id)
      })

      test('start one instance when retries race', async (store) => {
        const tries = Array.from({ length: 8 }, () => sampleInstance({ spec }))
        const kept = await Promise.all(tries.map((instance) => store.insertInstance(instance, [], KEY)))
        assert.equal(new Set(kept.map(({ id }) => id)).size, 1)
        assert.equal((await store.listInstances({})).length, 1)
      })

      test('outlive their instance, so that a late retry starts no second one, until they are pruned', async (store) => {
        const first = sampleInstance({ spec })
        await store.insertInstance(first, [sampleEvent(first.id, { at: 1000 })], KEY)
        await store.deleteInstance(first.id, [sampleEvent(first.id, { at: 2000 })])
        await store.pruneEvents(2000)
        await rejects(store.insertInstance(sampleInstance({ spec }), [], KEY), 'conflict')
        await store.pruneEvents(2001)
        assert.deepEqual(await store.listEvents(first.id), [])
        const later = sampleInstance({ spec })
        assert.equal((await store.insertInstance(later, [], KEY)).id, later.id)
      })

      test('are free again where their instance was refused', async (store) => {
        const refused = sampleInstance({ spec })
        await store.insertInstance(refused, [], KEY)
        await store.deleteInstance(refused.id, [sampleEvent(refused.id)], true)
        const retry = sampleInstance({ spec })
        assert.equal((await store.insertInstance(retry, [], KEY)).id, retry.id)
      })

      test('and so is its id', async (store) => {
        const refused = sampleInstance({ spec })
        await store.insertInstance(refused, [sampleEvent(refused.id)])
        await store.deleteInstance(refused.id, [sampleEvent(refused.id)], true)
        assert.deepEqual(await store.listEvents(refused.id), [])
        assert.equal((await store.insertInstance(refused, [])).id, refused.id)
      })
    })

    describe('events', () => {
      test('come back as they were, in the order of recording', async (store) => {
        const events = Array.from({ length: 1000 }, (_, index) =>
          sampleEvent(index % 2 ? 'odd' : 'even', {
            at: 5000 - index,
            kind: 'fetched',
            source: 'metadata',
            method: 'metadata',
            path: 'openstack/latest/user_data',
            bytes: index,
            sha256: sha256(USER_DATA),
            exitCode: 0,
            detail: 'ünïcode',
          }),
        )
        await Promise.all([store.appendEvents(events.slice(0, 500)), store.appendEvents(events.slice(500))])
        await store.appendEvents([])
        assert.deepEqual(
          await store.listEvents('odd'),
          events.filter(({ instanceId }) => instanceId === 'odd'),
        )
      })

      test('of a project come by instance, without those of others and of deleted ones', async (store) => {
        const [one, two, silent, deleted] = [sampleInstance(), sampleInstance(), sampleInstance(), sampleInstance()]
        const elsewhere = sampleInstance({ project: 'tokens/other' })
        for (const each of [one, two, deleted, elsewhere]) await store.insertInstance(each, [sampleEvent(each.id)])
        await store.insertInstance(silent, [])
        await store.deleteInstance(deleted.id, [sampleEvent(deleted.id, { kind: 'state' })])
        const later = [1, 2, 3].flatMap((bytes) =>
          [one, two].map(({ id }) => sampleEvent(id, { at: 9 - bytes, bytes })),
        )
        await store.appendEvents(later)
        const byInstance = await store.listProjectEvents('tokens/demo')
        assert.deepEqual(new Set(byInstance.keys()), new Set([one.id, two.id]))
        for (const { id } of [one, two]) {
          assert.equal(byInstance.get(id)?.length, 4)
          assert.deepEqual(byInstance.get(id), await store.listEvents(id))
        }
        assert.deepEqual(await store.listProjectEvents('tokens/none'), new Map())
      })

      test('tell the newest revision whose user data our metadata server saw fetched, whoever else says so', async (store) => {
        const [instance, other] = [sampleInstance(), sampleInstance()]
        const seen = (revision: number, id = instance.id) =>
          sampleEvent(id, { kind: 'fetched', source: 'metadata', revision })
        await store.insertInstance(instance, [sampleEvent(instance.id, { source: 'metadata', kind: 'access' })])
        await store.insertInstance(other, [])
        await store.appendEvents([sampleEvent(instance.id, { kind: 'fetched', source: 'agent', revision: 3 })])
        assert.equal(await store.fetchedRevision(instance.id), undefined)
        await store.appendEvents([seen(2), seen(7, other.id), sampleEvent(instance.id, { revision: 5 })])
        await store.updateInstance(instance.id, {}, [seen(1)])
        assert.equal(await store.fetchedRevision(instance.id), 2)
        assert.equal(await store.fetchedRevision(other.id), 7)
        await store.appendEvents([seen(3)])
        assert.equal(await store.fetchedRevision(instance.id), 3)
        await store.deleteInstance(instance.id, [], true)
        assert.equal(await store.fetchedRevision(instance.id), undefined)
      })

      test('of living instances survive pruning', async (store) => {
        const instance = sampleInstance()
        await store.insertInstance(instance, [sampleEvent(instance.id, { at: 1 })], KEY)
        await store.pruneEvents(1000)
        assert.equal((await store.listEvents(instance.id)).length, 1)
        assert.equal((await store.insertInstance(sampleInstance(), [], KEY)).id, instance.id)
      })
    })

    describe('leases', () => {
      const inAnHour = () => Date.now() + 3_600_000

      test('can be held from the moment in which the instance is there', async (store) => {
        const { id } = await store.insertInstance(sampleInstance(), [], { lease: { holder: 'a', untilMs: inAnHour() } })
        assert.equal(await store.lease(id, 'b', inAnHour()), false)
        assert.equal(await store.lease(id, 'a', inAnHour()), true)
      })

      test('have one holder, who can renew and release them', async (store) => {
        const { id } = await store.insertInstance(sampleInstance(), [])
        assert.equal(await store.lease(id, 'a', inAnHour()), true)
        assert.equal(await store.lease(id, 'b', inAnHour()), false)
        assert.equal(await store.lease(id, 'a', inAnHour()), true)
        await store.release(id, 'b')
        assert.equal(await store.lease(id, 'b', inAnHour()), false)
        await store.release(id, 'a')
        assert.equal(await store.lease(id, 'b', inAnHour()), true)
      })

      test('can be taken once they have run out', async (store) => {
        const { id } = await store.insertInstance(sampleInstance(), [])
        assert.equal(await store.lease(id, 'a', Date.now() - 1), true)
        assert.equal(await store.lease(id, 'b', inAnHour()), true)
        assert.equal(await store.lease(id, 'a', inAnHour()), false)
      })

      test('go to one of many who ask at once', async (store) => {
        const { id } = await store.insertInstance(sampleInstance(), [])
        const holders = Array.from({ length: 8 }, (_, index) => `node-${index}`)
        const won = await Promise.all(holders.map((holder) => store.lease(id, holder, inAnHour())))
        assert.equal(won.filter(Boolean).length, 1)
      })

      test('of no instance go to nobody', async (store) => {
        assert.equal(await store.lease('unknown', 'a', inAnHour()), false)
      })
    })

    describe('names of images, sizes and networks', () => {
      test('are words made of title, else of the cloud’s id', async (store) => {
        const named = async (title: string, remoteId: string) =>
          (await store.nameTemplates('image', [sampleImage({ title, remoteId })]))[0]?.name
        assert.equal(await named('Debian 12 "Bookworm" (amd64)', '1'), 'memory-debian-12-bookworm-amd64')
        assert.equal(await named('Übuntu_22.04', '2'), 'memory-ubuntu-22-04')
        assert.equal(await named('日本', 'IMG.7'), 'memory-img-7')
        assert.equal(await named('日本', '…'), 'memory-image')
        assert.match((await named('x'.repeat(300), '3')) ?? '', /^memory-x{56}$/)
      })

      test('are always words, and each its own', async (store) => {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), async (titles) => {
            const found = titles.map((title) => sampleImage({ title, remoteId: randomUUID() }))
            const names = (await store.nameTemplates('image', found)).map((image) => image.name)
            for (const given of names) assert.match(given, /^memory-[a-z0-9][a-z0-9-]*$/)
            assert.equal(new Set(names).size, titles.length)
          }),
          { numRuns: 50 },
        )
      })

      test('stay when the title changes, and keep the rest of what was found', async (store) => {
        const before = await store.nameTemplates('size', [sampleSize({ title: 'Big', diskGiB: 10 })])
        assert.deepEqual(before, [sampleSize({ name: 'memory-big', title: 'Big', diskGiB: 10 })])
        const after = await store.nameTemplates('size', [sampleSize({ title: 'Huge', cores: 8 })])
        assert.deepEqual(after, [sampleSize({ name: 'memory-big', title: 'Huge', cores: 8 })])
      })

      test('never mean two things', async (store) => {
        const found = ['a', 'b', 'c'].map((remoteId) => sampleImage({ remoteId, title: 'Debian' }))
        const names = (await store.nameTemplates('image', found)).map((image) => image.name)
        assert.deepEqual(names, ['memory-debian', 'memory-debian-2', 'memory-debian-3'])
        const again = await store.nameTemplates('image', found.toReversed())
        assert.deepEqual(
          again.map((image) => image.name),
          names.toReversed(),
        )
        for (const kind of ['size', 'network'] as const) {
          const [other] = await store.nameTemplates(kind, [sampleSize({ title: 'Debian' })])
          assert.equal(other?.name, 'memory-debian')
        }
      })

      test('are the same for all who ask at once', async (store) => {
        const found = ['a', 'b'].map((remoteId) => sampleImage({ remoteId }))
        const answers = await Promise.all(Array.from({ length: 4 }, () => store.nameTemplates('image', found)))
        for (const answer of answers) assert.deepEqual(answer, answers[0])
      })
    })

    test('keeps the first password of a guest, as long as its instance', async (store) => {
      const { id } = await store.insertInstance(sampleInstance(), [])
      const [first, second] = [Buffer.from([0, 255]), Buffer.from('other')]
      assert.equal(await store.guestPassword(id), undefined)
      assert.equal(await store.keepGuestPassword(id, first), true)
      assert.equal(await store.keepGuestPassword(id, second), false)
      assert.deepEqual(plain(await store.guestPassword(id)), plain(first))
      await store.deleteInstance(id)
      assert.equal(await store.guestPassword(id), undefined)
      assert.equal(await store.keepGuestPassword(id, second), false, 'there is nobody to keep it for')
    })

    test('has secrets of 32 bytes that are made once', async (store) => {
      const [first, ...others] = await Promise.all(Array.from({ length: 4 }, () => store.secret('token')))
      assert.equal(first?.length, 32)
      for (const other of others) assert.deepEqual(plain(other), plain(first))
      assert.notDeepEqual(plain(await store.secret('another')), plain(first))
    })

    test('still has everything when it is opened again', async (before, reopen) => {
      const instance = sampleInstance({ spec: sampleSpec({ userData: USER_DATA }) })
      await before.insertInstance(instance, [sampleEvent(instance.id)], KEY)
      await before.lease(instance.id, 'a', Date.now() + 3_600_000)
      const secret = await before.secret('token')
      const names = await before.nameTemplates('image', [sampleImage()])
      const store = await reopen()
      assert.deepEqual(plain(await store.getInstance(instance.id)), plain(instance))
      assert.equal((await store.listEvents(instance.id)).length, 1)
      assert.equal((await store.insertInstance(sampleInstance({ spec: instance.spec }), [], KEY)).id, instance.id)
      assert.equal(await store.lease(instance.id, 'b', Date.now() + 3_600_000), false)
      assert.deepEqual(plain(await store.secret('token')), plain(secret))
      assert.deepEqual(await store.nameTemplates('image', [sampleImage({ title: 'renamed' })]), [
        { ...names[0], title: 'renamed' },
      ])
    })

    test('a write that fails takes none of its neighbours with it', async (store) => {
      const instance = sampleInstance()
      await store.insertInstance(instance, [])
      const others = Array.from({ length: 5 }, () => sampleInstance())
      const outcomes = await Promise.allSettled(
        [...others, instance].map((each) => store.insertInstance(each, [sampleEvent(each.id)])),
      )
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        [...others.map(() => 'fulfilled'), 'rejected'],
      )
      for (const { id } of others) assert.equal((await store.listEvents(id)).length, 1)
      assert.deepEqual(await store.listEvents(instance.id), [])
    })

    test('says so when it is used after close', async (store) => {
      await store.close()
      await store.close()
      await rejects(store.getInstance('any'), 'unavailable')
      await rejects(store.appendEvents([sampleEvent('any')]), 'unavailable')
    })
  })
}
