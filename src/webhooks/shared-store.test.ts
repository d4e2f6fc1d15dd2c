import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { sampleEvent } from '../../test/conformance/store-samples.ts'
import type { Webhook } from '../model/webhook.ts'
import { idsOf, insert, open, receiver, until } from './testdata/rig.ts'

describe('senders that share a store', () => {
  const inAnHour = (): number => Date.now() + 3_600_000
  const holderOf = ({ lease }: Webhook): string | undefined => lease?.holder

  it('tell each event once, also those behind one that fails', async (t) => {
    const { store, start, hook, kept } = await open(t)
    const refused: string[] = []
    const { url, heard } = await receiver(t, (response, { id }) => {
      const isRefused = id === 'evt_a_2' && refused.length < 9
      if (isRefused) refused.push(id)
      response.writeHead(isRefused ? 500 : 204).end()
    })
    const made = await Promise.all([hook(url), hook((await receiver(t)).url), hook((await receiver(t)).url)])
    for (const instance of ['a', 'b', 'c', 'd']) await insert(store, instance)
    start()
    start()
    for (let count = 0; count < 20; count++)
      await store.appendEvents(['a', 'b', 'c', 'd'].map((of) => sampleEvent(of, { kind: 'fetched' })))
    for (const { id } of made) await until(async () => (await kept(id)).after === (await store.newestEvent()))
    const expected = ['a', 'b', 'c', 'd'].flatMap((of) => Array.from({ length: 21 }, (_, at) => `evt_${of}_${at + 1}`))
    assert.deepEqual(idsOf(heard).toSorted(), [...expected, ...refused].toSorted())
  })

  it('leave alone what another has, until it lets go', async (t) => {
    const { store, start, hook } = await open(t)
    const { url, heard } = await receiver(t)
    const other = await receiver(t)
    const { id } = await hook(url)
    await hook(other.url)
    await store.leaseWebhook(id, 'another', inAnHour())
    await insert(store, 'a')
    start()
    await until(() => other.heard.length === 1)
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    await until(() => other.heard.length === 2)
    assert.equal(heard.length, 0)
    await store.releaseWebhooks('another')
    await until(() => heard.length === 2)
  })

  it('let go of all when they end, so that the next goes on at once', async (t) => {
    const { store, start, hook, kept } = await open(t, { leaseMs: 3_600_000 })
    const { url, heard } = await receiver(t)
    const { id } = await hook(url)
    await insert(store, 'a')
    const first = start()
    await until(() => heard.length === 1)
    assert.notEqual(holderOf(await kept(id)), undefined)
    await first.close()
    assert.equal(holderOf(await kept(id)), undefined)
    start()
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    await until(() => heard.length === 2)
  })

  it('go on with what one was telling that died', async (t) => {
    const { store, start, hook, kept } = await open(t, { leaseMs: 300, tryMs: 60_000 })
    const { url, heard } = await receiver(t, (response, _, count) => {
      if (count > 1) response.end()
    })
    const { id } = await hook(url)
    await insert(store, 'a')
    let isDead = false
    // It never hears the answer to what it sends, looks at nothing more, and so renews nothing.
    start({
      store: {
        ...store,
        listWebhooks: () => (isDead ? Promise.reject(new Error('it is dead')) : store.listWebhooks()),
      },
    })
    await until(() => heard.length === 1)
    const dead = holderOf(await kept(id))
    isDead = true
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual(idsOf(heard), ['evt_a_1', 'evt_a_1', 'evt_a_2'])
    assert.notEqual(holderOf(await kept(id)), dead)
  })

  it('keep what takes longer than a lease', async (t) => {
    const leaseMs = 1000
    const { store, start, hook, kept } = await open(t, { leaseMs, tryMs: 60_000 })
    const waiting: ServerResponse[] = []
    const { url, heard } = await receiver(t, (response) => void waiting.push(response))
    const { id } = await hook(url)
    await insert(store, 'a')
    start()
    start()
    await until(() => heard.length === 1)
    const { lease } = await kept(id)
    assert.ok(lease)
    await until(async () => ((await kept(id)).lease?.untilMs ?? 0) > lease.untilMs + leaseMs)
    waiting[0]?.end()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual([heard.length, holderOf(await kept(id))], [1, lease.holder])
  })

  it('keep what they told behind a failure to themselves, as long as its receiver wants a pause', async (t) => {
    const leaseMs = 300
    const { store, start, hook, kept } = await open(t, { leaseMs, pause: () => 3_600_000 })
    const { url, heard } = await receiver(t, (response, { id }) => {
      response.writeHead(id === 'evt_a_1' ? 500 : 204).end()
    })
    const { id } = await hook(url)
    for (const instance of ['a', 'b']) await insert(store, instance)
    start()
    await until(async () => (await kept(id)).failures === 1)
    const { lease } = await kept(id)
    assert.ok(lease)
    await until(async () => ((await kept(id)).lease?.untilMs ?? 0) > lease.untilMs + leaseMs)
    assert.deepEqual(idsOf(heard).toSorted(), ['evt_a_1', 'evt_b_1'])
  })

  it('change nothing of what another has taken meanwhile', async (t) => {
    const { store, start, hook, kept } = await open(t)
    const waiting: ServerResponse[] = []
    const { url, heard } = await receiver(t, (response) => void waiting.push(response))
    const { id } = await hook(url)
    await insert(store, 'a')
    // To all others its leases ran out long ago.
    const late = start({ now: () => Date.now() - 3_600_000 })
    await until(() => heard.length === 1)
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    assert.ok(await store.leaseWebhook(id, 'another', inAnHour()))
    const told = { after: await store.newestEvent(), state: 'on', failures: 0, missed: 0 } as const
    assert.ok(await store.updateWebhook(id, 'another', told))
    waiting[0]?.end()
    await late.close()
    const { after, lease } = await kept(id)
    assert.deepEqual([after, lease?.holder], [told.after, 'another'])
  })
})
