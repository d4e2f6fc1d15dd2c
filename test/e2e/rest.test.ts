import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEventStream, type StreamMessage } from '../../src/cli/event-stream.ts'
import { MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

/** A stream of a gateway; `next` gives a message, or `undefined` once it has ended, however it did. */
async function timeline({ ask }: Gateway, id: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await ask(`/api/v1/instances/${id}/events`, { headers: { Accept: 'text/event-stream', ...headers } })
  assert.equal(response.status, 200)
  const messages = readEventStream(response.body ?? assert.fail('it has no body'))
  const next = async (): Promise<StreamMessage | undefined> => {
    const { done, value } = await messages.next().catch(() => ({ done: true, value: undefined }) as const)
    return done === true ? undefined : value
  }
  return { next }
}

const sequenceOf = (message: StreamMessage | undefined): unknown =>
  message && (JSON.parse(message.data) as { readonly sequence?: number }).sequence

test('a stream that is open holds no gateway up, and is gone on with at the next one', async (t) => {
  const first = await startGateway(t, { config: MEMORY_CONFIG })
  const body = JSON.stringify({ name: 'web1', userData: Buffer.from('#!/bin/sh\n').toString('base64') })
  const json = { 'Content-Type': 'application/json' }
  const made = await first.ask('/api/v1/instances', { method: 'POST', headers: json, body })
  assert.equal(made.status, 201)
  const id = made.headers.get('location')?.split('/').at(-1) ?? ''
  const before = await timeline(first, id)
  for (const sequence of [1, 2, 3]) assert.equal(sequenceOf(await before.next()), sequence)
  assert.equal(await first.stop(), 0)
  const rest: string[] = []
  for (let message = await before.next(); message; message = await before.next()) rest.push(message.event)
  assert.ok(!rest.includes('end'), 'the instance is not gone')

  const second = await startGateway(t, { config: MEMORY_CONFIG, folder: first.folder })
  const after = await timeline(second, id, { 'Last-Event-ID': '3' })
  assert.equal(sequenceOf(await after.next()), 4)
  assert.equal((await second.ask(`/api/v1/instances/${id}`, { method: 'DELETE' })).status, 204)
  let last: string | undefined
  for (let message = await after.next(); message; message = await after.next()) last = message.event
  assert.equal(last, 'end')
  assert.equal(await second.stop(), 0)
})

test('the description of the API is for those who may ask, and names each of its places', async (t) => {
  const { url, ask } = await startGateway(t, { config: MEMORY_CONFIG })
  assert.equal((await fetch(`${url}/api/v1/openapi.json`)).status, 401)
  const described = (await (await ask('/api/v1/openapi.json')).json()) as { readonly paths: object }
  for (const path of Object.keys(described.paths).filter((each) => !each.includes('{')))
    assert.notEqual((await ask(path)).status, 404, path)
  for (const path of ['/api', '/api/v1', '/api/v2/instances', '/api/v1/instances/a/b/c'])
    assert.equal((await ask(path)).status, 404, path)
})
