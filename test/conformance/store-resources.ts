import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe } from 'node:test'
import * as fc from 'fast-check'
import type { Resources, Store } from '../../src/store/store.ts'
import {
  anyLink,
  anyNetwork,
  anyVolume,
  sampleNetwork,
  sampleNetworkLink,
  sampleSharedNetwork,
  sampleVolume,
  sampleVolumeLink,
} from './store-resource-samples.ts'
import { dictionary, sampleEvent, sampleInstance, text } from './store-samples.ts'
import { rejects, storeTests, type StoreUnderTest } from './store-under-test.ts'

const KINDS = ['volume', 'network', 'link'] as const

/** What every store promises of volumes, networks, links and the labels of projects. */
export function testStoreResources(under: StoreUnderTest): void {
  describe(`store, resources: ${under.name}`, () => {
    const test = storeTests(under)

    describe('resources', () => {
      test('come back as they were recorded, whatever users wrote into them', async (store) => {
        const { id: instanceId } = await store.insertInstance(sampleInstance(), [])
        const comesBack = async <K extends keyof Resources>(kind: K, resource: Resources[K]) => {
          await store.insertResource(kind, resource)
          assert.deepEqual(await store.getResource(kind, resource.id), resource)
        }
        await fc.assert(
          fc.asyncProperty(anyVolume, anyNetwork, anyLink(instanceId), async (volume, network, link) => {
            await comesBack('volume', volume)
            await comesBack('network', network)
            await comesBack('link', link)
          }),
          { numRuns: 50 },
        )
      })

      test('are found as what they are, and as nothing else', async (store) => {
        const { volume } = await insertOneOfEach(store)
        for (const kind of ['network', 'link'] as const) {
          assert.equal(await store.getResource(kind, volume.id), undefined)
          assert.ok(!(await store.listResources(kind, {})).some(({ id }) => id === volume.id))
          await rejects(store.updateResource(kind, volume.id, { state: 'error' }), 'not-found', new RegExp(volume.id))
          await store.deleteResource(kind, volume.id)
        }
        assert.deepEqual(await store.getResource('volume', volume.id), volume)
      })

      test('are gone once they are deleted, and deleting them again is no error', async (store) => {
        const all = await insertOneOfEach(store)
        for (const kind of KINDS) {
          await store.deleteResource(kind, all[kind].id)
          await store.deleteResource(kind, all[kind].id)
          assert.equal(await store.getResource(kind, all[kind].id), undefined)
          assert.deepEqual(await store.listResources(kind, {}), [])
        }
      })

      test('have each their own id', async (store) => {
        const volume = sampleVolume()
        await store.insertResource('volume', volume)
        const message = new RegExp(`${volume.id} is taken`)
        await rejects(
          store.insertResource('volume', sampleVolume({ id: volume.id, state: 'error' })),
          'conflict',
          message,
        )
        await rejects(store.insertResource('network', sampleNetwork({ id: volume.id })), 'conflict', message)
        assert.deepEqual(await store.getResource('volume', volume.id), volume)
      })

      test('are listed by project, provider and state, oldest first', async (store) => {
        const second = sampleNetwork({ createdAt: 2, state: 'active' })
        const first = sampleNetwork({ createdAt: 1 })
        const elsewhere = sampleNetwork({ createdAt: 3, owner: { subject: 'tokens/bob', project: 'tokens/other' } })
        const foreign = sampleNetwork({ createdAt: 4, provider: 'other' })
        const shared = sampleSharedNetwork()
        for (const network of [second, first, elsewhere, foreign, shared])
          await store.insertResource('network', network)
        const ids = async (filter: Parameters<Store['listResources']>[1]) =>
          (await store.listResources('network', filter)).map(({ id }) => id)
        assert.deepEqual(await ids({}), [first.id, second.id, elsewhere.id, foreign.id, shared.id])
        assert.deepEqual(await ids({ project: 'tokens/demo', provider: 'memory' }), [first.id, second.id])
        assert.deepEqual(await ids({ provider: 'other' }), [foreign.id])
        assert.deepEqual(await ids({ states: ['active', 'error'] }), [second.id, shared.id])
        assert.deepEqual(await ids({ states: [] }), [])
        assert.deepEqual(await ids({ targetId: first.id }), [])
      })

      test('change only in what a change names', async (store) => {
        const { volume } = await insertOneOfEach(store)
        const change = { state: 'online', remoteId: 'vol-9', updatedAt: volume.updatedAt + 1 } as const
        const changed = await store.updateResource('volume', volume.id, change)
        assert.deepEqual(changed, { ...volume, ...change })
        assert.deepEqual(await store.getResource('volume', volume.id), changed)
        assert.deepEqual(await store.listResources('volume', { states: ['online'] }), [changed])
        assert.deepEqual(await store.listResources('volume', { states: [volume.state] }), [])
        assert.deepEqual(await store.updateResource('volume', volume.id, {}), changed)
      })

      test('lose what a change says is undefined', async (store) => {
        const { id: instanceId } = await store.insertInstance(sampleInstance(), [])
        const bare = sampleVolumeLink(instanceId)
        await store.insertResource('link', { ...bare, name: 'data', mountpoint: '/data' })
        const changed = await store.updateResource('link', bare.id, { name: undefined, mountpoint: undefined })
        assert.deepEqual(changed, bare)
        assert.deepEqual(await store.getResource('link', bare.id), bare)
      })

      test('drop the reason with the state it explained', async (store) => {
        const { id } = sampleVolume()
        await store.insertResource('volume', sampleVolume({ id, state: 'error', reason: 'no space' }))
        const reasonAfter = async (change: Partial<Resources['volume']>) =>
          (await store.updateResource('volume', id, change)).reason
        assert.equal(await reasonAfter({ remoteId: 'vol-1' }), 'no space')
        assert.equal(await reasonAfter({ state: 'online' }), undefined)
        assert.equal(await reasonAfter({ state: 'error', reason: 'why' }), 'why')
      })

      test('are all there when the store is opened again', async (before, reopen) => {
        const all = await insertOneOfEach(before)
        await before.addProjectLabel('tokens/demo', 'key', 'value')
        const store = await reopen()
        for (const kind of KINDS) assert.deepEqual(await store.listResources(kind, {}), [all[kind]])
        assert.deepEqual(await store.listProjectLabels('tokens/demo'), { key: 'value' })
        const again = sampleVolumeLink(all.link.instanceId, { volumeId: all.link.volumeId })
        await rejects(store.insertResource('link', again), 'conflict')
      })
    })

    describe('links', () => {
      const inserted = async (store: Store) => (await store.insertInstance(sampleInstance(), [])).id

      test('are listed by instance and by what they lead to', async (store) => {
        const [one, two] = [await inserted(store), await inserted(store)]
        const networkId = randomUUID()
        const disk = sampleVolumeLink(one, { createdAt: 1 })
        const card = sampleNetworkLink(one, { createdAt: 2, networkId })
        const other = sampleNetworkLink(two, { createdAt: 3, networkId })
        for (const link of [other, card, disk]) await store.insertResource('link', link)
        assert.deepEqual(await store.listResources('link', { instanceId: one }), [disk, card])
        assert.deepEqual(await store.listResources('link', { targetId: networkId }), [card, other])
        assert.deepEqual(await store.listResources('link', { targetId: disk.volumeId }), [disk])
        assert.deepEqual(await store.listResources('link', { instanceId: two, targetId: disk.volumeId }), [])
      })

      test('attach a volume once, until they are deleted', async (store) => {
        const [one, two] = [await inserted(store), await inserted(store)]
        const first = sampleVolumeLink(one)
        const second = sampleVolumeLink(two, { volumeId: first.volumeId })
        await store.insertResource('link', first)
        await rejects(
          store.insertResource('link', second),
          'conflict',
          new RegExp(`${first.volumeId}.*instance ${one}`),
        )
        assert.equal(await store.getResource('link', second.id), undefined)
        await store.deleteResource('link', first.id)
        await store.insertResource('link', second)
        assert.deepEqual(await store.listResources('link', {}), [second])
      })

      test('attach a volume once when many try at the same time', async (store) => {
        const { volumeId } = sampleVolumeLink('none')
        const instances = await Promise.all(Array.from({ length: 8 }, () => inserted(store)))
        const outcomes = await Promise.allSettled(
          instances.map((id) => store.insertResource('link', sampleVolumeLink(id, { volumeId }))),
        )
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
        assert.equal((await store.listResources('link', { targetId: volumeId })).length, 1)
      })

      test('have an address for themselves on their network, and as many without one as there are', async (store) => {
        const instanceId = await inserted(store)
        const [network, address] = [
          { networkId: randomUUID() },
          { address: '192.0.2.7', allocation: 'static' } as const,
        ]
        await store.insertResource('link', sampleNetworkLink(instanceId, { ...network, ...address }))
        await rejects(
          store.insertResource('link', sampleNetworkLink(instanceId, { ...network, ...address })),
          'conflict',
          /192\.0\.2\.7 is taken/,
        )
        await store.insertResource('link', sampleNetworkLink(instanceId, address))
        for (const _ of [1, 2]) await store.insertResource('link', sampleNetworkLink(instanceId, network))
        const given = { ...network, ...address, allocation: 'dynamic' } as const
        for (const _ of [1, 2]) await store.insertResource('link', sampleNetworkLink(instanceId, given))
        assert.equal((await store.listResources('link', {})).length, 6)
      })

      test('hold the address that they have now, not the one before', async (store) => {
        const instanceId = await inserted(store)
        const common = { networkId: randomUUID(), allocation: 'static' } as const
        const one = sampleNetworkLink(instanceId, { ...common, address: '192.0.2.1' })
        const two = sampleNetworkLink(instanceId, { ...common, address: '192.0.2.2' })
        for (const link of [one, two]) await store.insertResource('link', link)
        const moveTo = (id: string, address?: string) => store.updateResource<'link'>('link', id, { address })
        await rejects(moveTo(two.id, '192.0.2.1'), 'conflict', /192\.0\.2\.1 is taken/)
        assert.deepEqual(await store.getResource('link', two.id), two)
        await moveTo(one.id, '192.0.2.3')
        await moveTo(two.id, '192.0.2.1')
        await moveTo(one.id)
        await rejects(moveTo(one.id, '192.0.2.1'), 'conflict')
        await moveTo(one.id, '192.0.2.2')
      })

      test('need their instance', async (store) => {
        const orphan = sampleVolumeLink(randomUUID())
        await rejects(store.insertResource('link', orphan), 'not-found', new RegExp(orphan.instanceId))
        assert.equal(await store.getResource('link', orphan.id), undefined)
      })

      test('go with their instance, and leave their volume free for another', async (store) => {
        const [one, two] = [await inserted(store), await inserted(store)]
        const gone = [sampleVolumeLink(one), sampleNetworkLink(one)] as const
        const stays = sampleVolumeLink(two)
        for (const link of [...gone, stays]) await store.insertResource('link', link)
        await store.deleteInstance(one)
        assert.deepEqual(await store.listResources('link', {}), [stays])
        await store.insertResource('link', sampleVolumeLink(two, { volumeId: gone[0].volumeId }))
      })

      test('come with their instance', async (store) => {
        const instance = sampleInstance()
        const links = [sampleVolumeLink(instance.id), sampleNetworkLink(instance.id)]
        await store.insertInstance(instance, [], { links })
        assert.deepEqual(byId(await store.listResources('link', { instanceId: instance.id })), byId(links))
      })

      test('come with their instance once, however often it is asked for', async (store) => {
        const [first, retry] = [sampleInstance(), sampleInstance()]
        const options = ({ id }: typeof first) => ({ idempotencyKey: 'key', links: [sampleNetworkLink(id)] })
        await store.insertInstance(first, [], options(first))
        assert.equal((await store.insertInstance(retry, [], options(retry))).id, first.id)
        assert.deepEqual(
          (await store.listResources('link', {})).map(({ instanceId }) => instanceId),
          [first.id],
        )
      })

      test('come with their instance all, or it is not there either', async (store) => {
        const held = sampleVolumeLink(await inserted(store))
        await store.insertResource('link', held)
        const instance = sampleInstance()
        const links = [sampleNetworkLink(instance.id), sampleVolumeLink(instance.id, { volumeId: held.volumeId })]
        const options = { idempotencyKey: 'key', links }
        await rejects(store.insertInstance(instance, [sampleEvent(instance.id)], options), 'conflict', /attached/)
        assert.equal(await store.getInstance(instance.id), undefined)
        assert.deepEqual(await store.listEvents(instance.id), [])
        assert.deepEqual(await store.listResources('link', {}), [held])
        await store.deleteResource('link', held.id)
        assert.equal((await store.insertInstance(instance, [], options)).id, instance.id)
        assert.deepEqual(byId(await store.listResources('link', {})), byId(links))
      })
    })

    describe('labels of a project', () => {
      test('keep any key and value', async (store) => {
        await fc.assert(
          fc.asyncProperty(dictionary, async (labels) => {
            const project = randomUUID()
            for (const [key, value] of Object.entries(labels))
              assert.equal(await store.addProjectLabel(project, key, value), true)
            const kept = await store.listProjectLabels(project)
            assert.deepEqual(new Map(Object.entries(kept)), new Map(Object.entries(labels)))
          }),
          { numRuns: 50 },
        )
      })

      test('are kept per project', async (store) => {
        assert.equal(await store.addProjectLabel('one', 'key', 'a'), true)
        assert.equal(await store.addProjectLabel('two', 'key', 'b'), true)
        assert.deepEqual(await store.listProjectLabels('one'), { key: 'a' })
        await store.deleteProjectLabel('one', 'key')
        assert.deepEqual(await store.listProjectLabels('one'), {})
        assert.deepEqual(await store.listProjectLabels('two'), { key: 'b' })
      })

      test('stay as they were first, until they are deleted', async (store) => {
        await fc.assert(
          fc.asyncProperty(text, text, async (first, second) => {
            const project = randomUUID()
            assert.equal(await store.addProjectLabel(project, 'key', first), true)
            assert.equal(await store.addProjectLabel(project, 'key', second), false)
            assert.deepEqual(await store.listProjectLabels(project), { key: first })
            await store.deleteProjectLabel(project, 'key')
            await store.deleteProjectLabel(project, 'key')
            assert.equal(await store.addProjectLabel(project, 'key', second), true)
            assert.deepEqual(await store.listProjectLabels(project), { key: second })
          }),
          { numRuns: 20 },
        )
      })

      test('go to one of many who add them at once', async (store) => {
        const values = Array.from({ length: 8 }, (_, index) => `${index}`)
        const won = await Promise.all(values.map((value) => store.addProjectLabel('project', 'key', value)))
        assert.equal(won.filter(Boolean).length, 1)
        assert.deepEqual(await store.listProjectLabels('project'), { key: values[won.indexOf(true)] })
      })
    })
  })
}

async function insertOneOfEach(store: Store) {
  const { id } = await store.insertInstance(sampleInstance(), [])
  const all = { volume: sampleVolume(), network: sampleNetwork(), link: sampleVolumeLink(id) } as const
  await store.insertResource('volume', all.volume)
  await store.insertResource('network', all.network)
  await store.insertResource('link', all.link)
  return all
}

/** Links that were made in the same millisecond have no order of their own. */
function byId<R extends { readonly id: string }>(resources: readonly R[]): ReadonlyMap<string, R> {
  return new Map(resources.map((resource) => [resource.id, resource]))
}
