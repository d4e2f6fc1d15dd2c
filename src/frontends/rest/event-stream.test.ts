import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import { sampleSpec } from '../../../test/conformance/store-samples.ts'
import { ALICE, BOB, header, textOf, toRequest, type Headers } from '../../../test/e2e/asking.ts'
import { openService } from '../../../test/e2e/service.ts'
import { restFrontend } from './index.ts'

const STREAM = { Accept: 'text/event-stream' }

async function open(t: TestContext, heartbeatMs = 10_000) {
  const { service, store, close } = await openService()
  t.after(close)
  const spec = sampleSpec({ userData: Buffer.from('#!/bin/sh\n') })
  const { id } = await service.create({ spec }, ALICE)
  await service.get(id, ALICE)
  const handler = restFrontend({ service, heartbeatMs })
  const ask = (line: string, headers: Headers = {}, caller = ALICE) => handler(toRequest(line, headers, ''), caller)
  const at = `/api/v1/instances/${id}`
  return { service, store, ask, id, at }
}

type Opened = Awaited<ReturnType<typeof open>>

/** Opens a stream; `next` gives what comes next, `leave` what its adapter does when the client goes. */
async function stream(t: TestContext, { ask, at }: Pick<Opened, 'ask' | 'at'>, headers: Headers = {}) {
  const response = await ask(`GET ${at}/events`, { ...STREAM, ...headers })
  assert.equal(response.status, 200)
  assert.equal(header(response, 'Content-Type'), 'text/event-stream')
  const gone = new AbortController()
  t.after(() => gone.abort())
  const pieces = (response.live ?? assert.fail('it is not live'))(gone.signal)[Symbol.asyncIterator]()
  const next = async (): Promise<string | undefined> => {
    const { done, value } = await pieces.next()
    return done === true ? undefined : Buffer.from(value).toString()
  }
  return { next, leave: () => gone.abort(), first: textOf(response) }
}

const idOf = (message: string | undefined): string =>
  /^id: (\d+)\ndata: \{[^\r\n]*\}\n\n$/.exec(message ?? '')?.[1] ?? ''

test('a stream has all events so far, each with its sequence, and then each as it comes', async (t) => {
  const opened = await open(t)
  const { service, id } = opened
  const soFar = (await service.events(id, ALICE)).length
  assert.ok(soFar >= 4)
  const { next, first } = await stream(t, opened)
  assert.match(first, /^retry: \d+\n\n$/)
  for (let sequence = 1; sequence <= soFar; sequence++) assert.equal(idOf(await next()), String(sequence))
  const coming = next()
  await service.act(id, 'stop', ALICE)
  const came = await coming
  assert.equal(idOf(came), String(soFar + 1))
  assert.match(came ?? '', /"action":"stop"/)
})

test('a client goes on behind what it has: by Last-Event-ID, by after, and to the end with what is beyond it', async (t) => {
  const opened = await open(t)
  assert.equal(idOf(await (await stream(t, opened, { 'Last-Event-ID': '3' })).next()), '4')
  assert.equal(idOf(await (await stream(t, { ...opened, at: opened.at }, { 'Last-Event-ID': '' })).next()), '1')
  const { next } = await stream(t, opened, { 'Last-Event-ID': '1000000' })
  const nothing = next()
  await opened.service.delete(opened.id, ALICE)
  assert.match((await nothing) ?? '', /^event: end\n/)
  const paged = await opened.ask(`GET ${opened.at}/events?after=1`, STREAM)
  assert.equal(paged.status, 404)
})

test('where nothing happens a comment shows that we are there', async (t) => {
  const opened = await open(t, 10)
  const { next } = await stream(t, opened, { 'Last-Event-ID': '1000' })
  assert.match((await next()) ?? '', /^: .*\n\n$/)
  assert.match((await next()) ?? '', /^: .*\n\n$/)
})

test('a stream ends with its instance and says so; of a client that left it only ends', async (t) => {
  const opened = await open(t)
  const [stays, leaves] = [await stream(t, opened), await stream(t, opened)]
  for (const { next } of [stays, leaves]) assert.equal(idOf(await next()), '1')
  leaves.leave()
  const rest: string[] = []
  for (let piece = await leaves.next(); piece !== undefined; piece = await leaves.next()) rest.push(piece)
  assert.doesNotMatch(rest.join(''), /event: end/)
  await opened.service.delete(opened.id, ALICE)
  let last = ''
  for (let piece = await stays.next(); piece !== undefined; piece = await stays.next()) last = piece
  assert.equal(last, 'event: end\ndata: {}\n\n')
})

test('no stream begins for an instance that is not there, or is of another project', async (t) => {
  const { ask, at } = await open(t)
  for (const refused of [
    await ask(`GET ${at}/events`, STREAM, BOB),
    await ask('GET /api/v1/instances/nosuch/events', STREAM),
    await ask(`GET ${at}/events`, { ...STREAM, 'Last-Event-ID': 'x' }),
  ]) {
    assert.ok(refused.status === 404 || refused.status === 400)
    assert.equal(refused.live, undefined)
  }
})

test('what a guest says cannot end its message or begin another', async (t) => {
  const opened = await open(t)
  const { store, id } = opened
  const seen = (await store.listEvents(id)).length
  const detail = 'a\n\nid: 99\rdata: {}\u2028\u001b[31m'
  await store.appendEvents([
    { at: Date.now(), instanceId: id, revision: 1, kind: 'failed', source: 'agent', detail, path: '/x\r\n' },
  ])
  const { next } = await stream(t, opened, { 'Last-Event-ID': String(seen) })
  const message = (await next()) ?? ''
  assert.equal(idOf(message), String(seen + 1))
  const data = JSON.parse(message.split('\n')[1]?.slice('data: '.length) ?? '') as { detail: string }
  assert.equal(data.detail, detail)
})

test('pages follow each other to the end, and are as long as they are asked for', async (t) => {
  const { service, ask, at, id } = await open(t)
  const all = (await service.events(id, ALICE)).length
  const sequences: number[] = []
  for (let after = 0; ;) {
    const page = JSON.parse(textOf(await ask(`GET ${at}/events?after=${after}&limit=2`))) as {
      readonly events: readonly { readonly sequence: number }[]
      readonly next: number
    }
    assert.ok(page.events.length <= 2)
    if (page.events.length === 0) break
    sequences.push(...page.events.map(({ sequence }) => sequence))
    after = page.next
  }
  assert.deepEqual(
    sequences,
    Array.from({ length: all }, (_, index) => index + 1),
  )
})
