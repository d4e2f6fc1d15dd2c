import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sampleEvent } from '../../test/conformance/store-samples.ts'
import { createWebhookSender, type SenderOptions } from './sender.ts'
import {
  answers,
  BLUE,
  idsOf,
  insert,
  LOOPBACK,
  OK,
  open,
  receiver,
  RED,
  SECRET,
  until,
  type Answer,
} from './testdata/rig.ts'

describe('a receiver', () => {
  it('is told what happens from then on, signed, and nothing of the user data', async (t) => {
    const { store, start, hook } = await open(t)
    await insert(store, 'a')
    const { url, heard } = await receiver(t)
    await hook(url)
    start()
    await store.appendEvents([sampleEvent('a', { kind: 'fetched', method: 'disk', source: 'metadata' })])
    await until(() => heard.length === 1)
    const [{ id, body, headers } = assert.fail('nothing came')] = heard
    assert.equal(id, 'evt_a_2')
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['user-agent'], 'bellhop/test')
    const signed = `${id}.${String(headers['webhook-timestamp'])}.${body}`
    const signature = createHmac('sha256', SECRET).update(signed).digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${signature}`)
    const event = sampleEvent('a', { kind: 'fetched', method: 'disk', source: 'metadata' })
    assert.deepEqual(JSON.parse(body), {
      type: 'instance.fetched',
      timestamp: '2023-11-14T22:13:20.000Z',
      data: {
        event: { place: 2, ...event },
        instance: {
          id: 'a',
          name: 'name-of-a',
          provider: 'memory',
          state: 'creating',
          delivery: {
            state: 'fetched',
            servedBy: 'disk',
            methods: { disk: 'fetched' },
            silent: [],
            finishedUnproven: false,
          },
        },
      },
    })
    assert.ok(!JSON.stringify(heard).includes('secret of the user'))
  })

  it('hears of its project alone, of the kinds that it wants, and of what is deleted', async (t) => {
    const { store, start, hook, kept } = await open(t)
    const { url, heard } = await receiver(t)
    const { id } = await hook(url, { kinds: ['applied', 'state'] })
    await insert(store, 'a')
    await insert(store, 'b', BLUE)
    const applied = (of: string) => sampleEvent(of, { kind: 'applied' })
    await store.appendEvents([applied('b'), sampleEvent('a', { kind: 'access' }), applied('a')])
    await store.deleteInstance('a', [sampleEvent('a', { kind: 'state', state: 'deleted' })])
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual(idsOf(heard), ['evt_a_3', 'evt_a_4'])
    assert.match(heard[1]?.body ?? '', /"name":"name-of-a","provider":"memory","state":"deleted"/)
  })

  it('that fails hears each event again until it takes it, those of an instance in their order', async (t) => {
    const { store, start, hook, kept } = await open(t)
    const taken: string[] = []
    const { url, heard } = await receiver(t, (response, message, count) => {
      if (count % 3 === 0) response.writeHead(count % 2 === 0 ? 500 : 404).end()
      else if (count % 7 === 0) response.destroy()
      else {
        taken.push(message.id)
        response.end('thank you')
      }
    })
    const { id } = await hook(url)
    for (const instance of ['a', 'b', 'c', 'd', 'e', 'f']) await insert(store, instance)
    for (let count = 0; count < 12; count++)
      await store.appendEvents(['a', 'b', 'c', 'd', 'e', 'f'].map((of) => sampleEvent(of, { kind: 'fetched' })))
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    for (const instance of ['a', 'b', 'c', 'd', 'e', 'f'])
      assert.deepEqual(
        taken.filter((each) => each.startsWith(`evt_${instance}_`)),
        Array.from({ length: 13 }, (_, index) => `evt_${instance}_${index + 1}`),
      )
    assert.ok(heard.length > taken.length)
    const { failures, reason, missed } = await kept(id)
    assert.deepEqual([failures, reason, missed], [0, undefined, 0])
  })

  it('that is not there is looked for again, and its owner sees why', async (t) => {
    const { store, start, hook, kept, said } = await open(t)
    const gone = await receiver(t)
    gone.close()
    const { id } = await hook(gone.url)
    await insert(store, 'a')
    start()
    await until(async () => (await kept(id)).failures > 2)
    assert.match((await kept(id)).reason ?? '', /cannot be reached \(ECONNREFUSED\)/)
    const { heard } = await receiver(t, OK, Number(new URL(gone.url).port))
    await until(() => heard.length === 1)
    await until(async () => (await kept(id)).failures === 0)
    assert.equal(said.filter((line) => line.includes('a webhook fails')).length, 1)
    assert.ok(!said.join('\n').includes(gone.url), 'its URL may be a secret')
  })

  it('that hangs holds up no other project, and is asked again', async (t) => {
    const { store, start, hook, kept } = await open(t, { tryMs: 300 })
    const hanging = await receiver(t, () => {})
    const { url, heard } = await receiver(t)
    const { id } = await hook(hanging.url)
    await hook(url, { project: BLUE })
    await insert(store, 'a')
    start()
    await until(() => hanging.heard.length === 1)
    await insert(store, 'b', BLUE)
    await until(() => heard.length === 1)
    await until(() => hanging.heard.length > 1)
    assert.match((await kept(id)).reason ?? '', /no answer in time/)
    assert.deepEqual(new Set(idsOf(hanging.heard)), new Set(['evt_a_1']))
  })

  it('that sends us elsewhere is not followed', async (t) => {
    const { store, start, hook, kept } = await open(t)
    const elsewhere = await receiver(t)
    const { url } = await receiver(t, answers(307, { Location: elsewhere.url }))
    const { id } = await hook(url)
    await insert(store, 'a')
    start()
    await until(async () => (await kept(id)).failures > 1)
    assert.match((await kept(id)).reason ?? '', /answers 307, and redirects are not followed/)
    assert.equal(elsewhere.heard.length, 0)
  })

  it('that says yes has been told, however long it goes on talking', async (t) => {
    const { store, start, hook, kept } = await open(t, { tryMs: 1000 })
    const { url, heard } = await receiver(t, (response, _, count) => {
      response.writeHead(200)
      // One never ends but says little, one says as much as it can.
      const flood = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', flood)
      }
      if (count === 1) response.write('I')
      else flood()
    })
    const { id } = await hook(url)
    await insert(store, 'a')
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual(idsOf(heard), ['evt_a_1', 'evt_a_2'])
  })

  it('that serves one connection at a time is told all without a failure', async (t) => {
    const { store, start, hook, kept, pauses } = await open(t)
    const { url, heard, server } = await receiver(t)
    const sockets: Socket[] = []
    const serve = server.listeners('connection')[0] as (socket: Socket) => void
    const next = (): void => {
      const [socket] = sockets
      if (socket) serve.call(server, socket)
    }
    server.removeAllListeners('connection').on('connection', (socket: Socket) => {
      socket.once('close', () => {
        const isServed = sockets[0] === socket
        sockets.splice(sockets.indexOf(socket), 1)
        if (isServed) next()
      })
      if (sockets.push(socket) === 1) next()
    })
    const { id } = await hook(url)
    for (const instance of ['a', 'b', 'c', 'd', 'e'])
      await insert(store, instance, RED, [sampleEvent(instance), sampleEvent(instance), sampleEvent(instance)])
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual([heard.length, pauses], [15, []])
  })

  it('that wants no more is told no more', async (t) => {
    const { store, start, hook, kept, said } = await open(t)
    const { url, heard } = await receiver(t, answers(410))
    const other = await receiver(t)
    const { id } = await hook(url)
    await hook(other.url)
    await insert(store, 'a')
    start()
    await until(async () => (await kept(id)).state === 'off')
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    await until(() => other.heard.length === 2)
    assert.deepEqual(idsOf(heard), ['evt_a_1'])
    assert.match((await kept(id)).reason ?? '', /410/)
    assert.equal(said.filter((line) => line.includes('a webhook is off')).length, 1)
  })

  for (const status of [429, 503])
    it(`that answers ${status} is left alone for as long as it asks`, async (t) => {
      const { store, start, hook, pauses } = await open(t)
      const { url, heard } = await receiver(
        t,
        (response, _, count) =>
          void (count === 1 ? response.writeHead(status, { 'Retry-After': '120' }) : response.writeHead(200)).end(),
      )
      await hook(url)
      await insert(store, 'a')
      start()
      await until(() => heard.length === 2)
      assert.deepEqual(pauses, [[1, 120_000]])
    })

  it('that asks for a pause is not asked in it', async (t) => {
    const { store, start, hook, kept } = await open(t, { pause: () => 3_600_000 })
    const { url, heard } = await receiver(t, answers(500))
    const other = await receiver(t)
    const { id } = await hook(url)
    await hook(other.url)
    await insert(store, 'a')
    start()
    await until(async () => (await kept(id)).failures === 1)
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    await until(() => other.heard.length === 2)
    assert.equal(heard.length, 1)
  })

  it('that fails for too long misses what is too old by then, is said so, and goes on with what is not', async (t) => {
    const { store, start, hook, kept, said } = await open(t, { keepTryingMs: 60_000 })
    const { url, heard } = await receiver(
      t,
      (response, _, count) => void response.writeHead(count < 3 ? 500 : 200).end(),
    )
    const { id } = await hook(url)
    const old = Array.from({ length: 60 }, () => sampleEvent('a', { kind: 'offered' }))
    await insert(store, 'a', RED, [...old, sampleEvent('a', { kind: 'applied', at: Date.now() })])
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    const { missed, failures } = await kept(id)
    // The oldest is tried once, whatever its age: whether its receiver fails is not known before.
    assert.deepEqual(idsOf(heard), ['evt_a_1', 'evt_a_61', 'evt_a_61'])
    assert.deepEqual([missed, failures], [60, 0])
    assert.equal(said.filter((line) => line.includes('events were not told')).length, 2)
  })
})

describe('the sender', () => {
  it('begins where an earlier one ended, and loses nothing of what broke off', async (t) => {
    const { store, start, hook, kept } = await open(t)
    let isStuck = true
    const { url, heard } = await receiver(t, (response, _, count) => {
      if (count < 5 || !isStuck) response.end()
    })
    const { id } = await hook(url)
    await insert(store, 'a')
    await store.appendEvents(Array.from({ length: 9 }, () => sampleEvent('a', { kind: 'fetched' })))
    const first = start()
    await until(() => heard.length === 5)
    await first.close()
    assert.deepEqual([(await kept(id)).failures, (await kept(id)).after], [0, 4])
    isStuck = false
    start()
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.deepEqual(
      idsOf(heard),
      [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10].map((place) => `evt_a_${place}`),
    )
  })

  it('sends no more for a webhook that is deleted', async (t) => {
    const { store, start, hook } = await open(t)
    const waiting: ServerResponse[] = []
    const { url, heard } = await receiver(t, (response) => void waiting.push(response))
    const other = await receiver(t)
    const { id } = await hook(url)
    await insert(store, 'a')
    await store.appendEvents([sampleEvent('a', { kind: 'fetched' })])
    start()
    await until(() => waiting.length === 1)
    await store.deleteWebhook(id)
    // Once a newer one is told, the sender has looked again.
    await hook(other.url)
    await store.appendEvents([sampleEvent('a', { kind: 'applied' })])
    await until(() => other.heard.length === 1)
    waiting[0]?.end()
    await store.appendEvents([sampleEvent('a', { kind: 'state' })])
    await until(() => other.heard.length === 2)
    assert.equal(heard.length, 1)
  })

  it('keeps a bounded number of messages under way for one project', async (t) => {
    const { store, start, hook, kept } = await open(t)
    let most = 0
    let isHeld = true
    const held = new Set<ServerResponse>()
    const answer: Answer = (response) => {
      held.add(response)
      most = Math.max(most, held.size)
      if (!isHeld) release()
    }
    const release = (): void => {
      for (const response of held) response.end()
      held.clear()
    }
    const made = await Promise.all([1, 2, 3, 4].map(async () => hook((await receiver(t, answer)).url)))
    for (let count = 0; count < 20; count++) await insert(store, `i${count}`)
    start()
    await until(() => held.size === 8)
    await sleep(100)
    isHeld = false
    release()
    for (const { id } of made) await until(async () => (await kept(id)).after === (await store.newestEvent()))
    assert.equal(most, 8)
  })

  it('goes on when the store has failed', async (t) => {
    const opened = await open(t)
    const { store, hook, kept, said } = opened
    const { url } = await receiver(t)
    let failing = 3
    const broken: SenderOptions['store'] = {
      ...store,
      listEventsToTell: (range) =>
        failing-- > 0 ? Promise.reject(new Error('the disk is full')) : store.listEventsToTell(range),
    }
    const { id } = await hook(url)
    await insert(store, 'a')
    const sender = createWebhookSender({
      store: broken,
      endpoints: LOOPBACK,
      show: (event) => event,
      userAgent: 'bellhop/test',
      log: { warn: (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`) },
      everyMs: 5,
    })
    await until(async () => (await kept(id)).after === (await store.newestEvent()))
    await sender.close()
    assert.equal(said.filter((line) => line.includes('the disk is full')).length, 3)
  })
})
