import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe } from 'node:test'
import type { ContextEvent } from '../../src/model/events.ts'
import type { Webhook, WebhookProgress } from '../../src/model/webhook.ts'
import type { Store } from '../../src/store/store.ts'
import { sampleEvent, sampleInstance, sampleSpec } from './store-samples.ts'
import { plain, rejects, storeTests, type StoreUnderTest } from './store-under-test.ts'

const MAX = 3
const OWN = 'tokens/demo'
const KINDS = ['planned', 'offered', 'state'] as const

const inAnHour = (): number => Date.now() + 3_600_000

function sampleWebhook(change: Partial<Webhook> = {}): Omit<Webhook, keyof WebhookProgress> {
  return {
    id: randomUUID(),
    subject: 'tokens/alice',
    project: OWN,
    url: 'https://portal.example.org/hook?a=b',
    kinds: KINDS,
    secret: Uint8Array.of(0, 255, 10, 13),
    createdAt: 1,
    ...change,
  }
}

/** What every store promises of webhooks and of the events that they tell. */
export function testStoreWebhooks(under: StoreUnderTest): void {
  describe(`store, webhooks: ${under.name}`, () => {
    const test = storeTests(under)

    test('come back as they were recorded, behind the events that there were', async (store) => {
      await store.insertInstance(sampleInstance({ id: 'a' }), [sampleEvent('a'), sampleEvent('a')])
      const made = await store.insertWebhook(sampleWebhook(), MAX)
      assert.equal(made.after, await store.newestEvent())
      assert.notEqual(made.after, 0)
      assert.deepEqual([made.state, made.failures, made.missed], ['on', 0, 0])
      assert.deepEqual(plain(await store.listWebhooks()), plain([made]))
      assert.deepEqual(plain(await store.listWebhooks(OWN)), plain([made]))
      assert.deepEqual(await store.listWebhooks('tokens/other'), [])
    })

    test('are no more than a project may have', async (store) => {
      for (let count = 0; count < MAX; count++) await store.insertWebhook(sampleWebhook({ createdAt: count }), MAX)
      await rejects(store.insertWebhook(sampleWebhook(), MAX), 'conflict', /3 webhooks/)
      await store.insertWebhook(sampleWebhook({ project: 'tokens/other' }), MAX)
      const [first] = await store.listWebhooks(OWN)
      await store.deleteWebhook(first?.id ?? '')
      await store.deleteWebhook(first?.id ?? '')
      await store.insertWebhook(sampleWebhook(), MAX)
      assert.equal((await store.listWebhooks(OWN)).length, MAX)
    })

    test('are all there when the store is opened again', async (store, reopen) => {
      const { id } = await store.insertWebhook(sampleWebhook(), MAX)
      const progress: WebhookProgress = {
        after: 7,
        state: 'off',
        failures: 2,
        nextAt: 99,
        reason: 'answers 500',
        missed: 1,
      }
      await store.leaseWebhook(id, 'a', inAnHour())
      assert.equal(await store.updateWebhook(id, 'a', progress), true)
      assert.equal(await store.updateWebhook(randomUUID(), 'a', progress), false)
      const again = await reopen()
      const [kept] = await again.listWebhooks()
      assert.deepEqual({ ...kept, ...progress }, kept)
      await again.updateWebhook(id, 'a', { after: 8, state: 'on', failures: 0, missed: 1 })
      assert.ok(!Object.keys((await again.listWebhooks())[0] ?? {}).includes('reason'), 'what is no more is not kept')
    })

    test('have one holder of their lease, who learns how far they are, and can renew and release it', async (store) => {
      const { id, after } = await store.insertWebhook(sampleWebhook(), MAX)
      const other = await store.insertWebhook(sampleWebhook({ createdAt: 2 }), MAX)
      const mine = await store.leaseWebhook(id, 'a', inAnHour())
      assert.deepEqual([mine?.id, mine?.after, mine?.lease?.holder], [id, after, 'a'])
      assert.deepEqual(plain(await store.listWebhooks()), plain([mine, other]))
      assert.equal(await store.leaseWebhook(id, 'b', inAnHour()), undefined)
      assert.equal((await store.leaseWebhook(id, 'a', inAnHour() + 1000))?.id, id)
      await store.leaseWebhook(other.id, 'b', inAnHour())
      await store.releaseWebhooks('b')
      assert.equal(await store.leaseWebhook(id, 'b', inAnHour()), undefined)
      await store.leaseWebhook(other.id, 'a', inAnHour())
      await store.releaseWebhooks('a')
      assert.deepEqual(
        (await store.listWebhooks()).map(({ lease }) => lease),
        [undefined, undefined],
      )
      assert.equal(await store.leaseWebhook('unknown', 'a', inAnHour()), undefined)
    })

    test('go to one of many who ask at once, and to another once their lease has run out', async (store) => {
      const { id } = await store.insertWebhook(sampleWebhook(), MAX)
      const holders = Array.from({ length: 8 }, (_, index) => `node-${index}`)
      const won = await Promise.all(holders.map((holder) => store.leaseWebhook(id, holder, inAnHour())))
      assert.equal(won.filter(Boolean).length, 1)
      await store.leaseWebhook(id, won.find(Boolean)?.lease?.holder ?? '', Date.now() - 1)
      assert.equal((await store.leaseWebhook(id, 'another', inAnHour()))?.lease?.holder, 'another')
    })

    test('are changed by who has their lease alone, and never come back to where they were', async (store) => {
      const { id } = await store.insertWebhook(sampleWebhook(), MAX)
      const progress = (after: number): WebhookProgress => ({ after, state: 'on', failures: after, missed: 0 })
      assert.equal(await store.updateWebhook(id, 'a', progress(5)), false)
      await store.leaseWebhook(id, 'a', Date.now() - 1)
      assert.equal(await store.updateWebhook(id, 'a', progress(5)), true, 'nobody else has taken it')
      assert.equal(await store.updateWebhook(id, 'a', progress(4)), false)
      await store.leaseWebhook(id, 'b', inAnHour())
      assert.equal(await store.updateWebhook(id, 'a', progress(6)), false)
      const [kept] = await store.listWebhooks()
      assert.deepEqual([kept?.after, kept?.failures], [5, 5])
    })

    test('keep what they are, whatever comes with how far they have come', async (store) => {
      const made = await store.insertWebhook(sampleWebhook(), MAX)
      await store.leaseWebhook(made.id, 'a', inAnHour())
      const more = { ...made, secret: Uint8Array.of(1), url: 'https://other.example.org/', after: made.after + 1 }
      await store.updateWebhook(made.id, 'a', more)
      await store.releaseWebhooks('a')
      assert.deepEqual(plain(await store.listWebhooks()), plain([{ ...made, after: made.after + 1 }]))
    })

    test('are told what happened to the instances of their project, deleted ones too, and to no others', async (store) => {
      await insert(store, 'a', OWN, 'web1')
      await insert(store, 'b', 'tokens/other', 'secret')
      await insert(store, 'c', OWN)
      await store.appendEvents([sampleEvent('b', { kind: 'offered' }), sampleEvent('a', { kind: 'access' })])
      await store.appendEvents([sampleEvent('a', { kind: 'offered' })])
      await store.updateInstance('c', { state: 'active' })
      await store.deleteInstance('a', [sampleEvent('a', { kind: 'state', state: 'deleted' })])
      await store.appendEvents([sampleEvent('never-was')])

      const upTo = await store.newestEvent()
      const told = await store.listEventsToTell({ project: OWN, kinds: KINDS, after: 0, upTo, limit: 100 })
      const gone = { id: 'a', name: 'web1', provider: 'memory', state: 'deleted' }
      assert.deepEqual(
        told.events.map(({ event, place, instance }) => [event.kind, place, instance]),
        [
          ['planned', 1, gone],
          ['planned', 1, { id: 'c', provider: 'memory', state: 'active' }],
          ['offered', 3, gone],
          ['state', 4, gone],
        ],
      )
      assert.equal(told.upTo, upTo)
      const sequences = told.events.map(({ sequence }) => sequence)
      assert.deepEqual(
        sequences,
        sequences.toSorted((a, b) => a - b),
      )
    })

    test('go on from where they are, a part at a time, and never by less than what they read', async (store) => {
      await insert(store, 'a', OWN)
      await insert(store, 'b', 'tokens/other')
      const kinds = ['offered', 'access', 'access', 'offered', 'access'] as const
      for (const kind of kinds)
        await store.appendEvents([sampleEvent('b'), sampleEvent('a', { kind }), sampleEvent('b')])
      const upTo = await store.newestEvent()
      const seen: ContextEvent['kind'][] = []
      for (let after = 0; after < upTo;) {
        const part = await store.listEventsToTell({ project: OWN, kinds: KINDS, after, upTo, limit: 2 })
        assert.ok(part.upTo > after)
        seen.push(...part.events.map(({ event }) => event.kind))
        after = part.upTo
      }
      assert.deepEqual(seen, ['planned', 'offered', 'offered'])
    })

    test('are told no more of an instance that is forgotten', async (store) => {
      await insert(store, 'a', OWN)
      await store.deleteInstance('a', [sampleEvent('a', { at: 1000 })])
      const upTo = await store.newestEvent()
      await store.pruneEvents(Number.MAX_SAFE_INTEGER)
      assert.deepEqual(await store.listEventsToTell({ project: OWN, kinds: KINDS, after: 0, upTo, limit: 9 }), {
        events: [],
        upTo,
      })
    })
  })
}

async function insert(store: Store, id: string, project: string, name?: string): Promise<void> {
  const spec = sampleSpec(name === undefined ? {} : { name })
  await store.insertInstance(sampleInstance({ id, project, spec }), [sampleEvent(id)])
}
