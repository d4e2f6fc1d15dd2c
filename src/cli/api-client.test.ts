import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { openApiClient } from './api-client.ts'
import { followEvents } from './follow-events.ts'

/** What answers in the place of a gateway. */
async function answering(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const withToken = { BELLHOP_TOKEN: 'x' }

const rejects = (promise: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && says.test(error.message))

test("a gateway's refusals are thrown as they are; what is no gateway is said to be none", async (t) => {
  const answers: readonly (readonly [status: number, body: string])[] = [
    [409, '{"error":{"code":"conflict","message":"not now"}}'],
    [403, 'nothing for you'],
    [500, 'a fault'],
    [200, '<html>'],
    [418, '{"error":{"code":"teapot","message":"short and stout"}}'],
  ]
  const url = await answering(t, ({ url: path }, response) => {
    const [status = 200, body = ''] = answers[Number(path?.split('/').at(-1))] ?? []
    response.writeHead(status).end(body)
  })
  const client = await openApiClient(url, withToken)
  await rejects(client.get('/0'), 'conflict', /^not now$/)
  await rejects(client.get('/1'), 'forbidden', /403: nothing for you/)
  await rejects(client.get('/2'), 'provider-failed', /500/)
  await rejects(client.get('/3'), 'provider-failed', /no gateway of Bellhop/)
  await rejects(client.get('/4'), 'provider-failed', /short and stout/)
})

test('only what may be sent twice is, where its answer is lost', async (t) => {
  const keys: unknown[] = []
  const url = await answering(t, ({ headers, socket }, response) => {
    keys.push(headers['idempotency-key'])
    if (keys.length % 2 === 1) socket.destroy()
    else response.end('{"id":"1"}')
  })
  const client = await openApiClient(url, withToken)
  assert.deepEqual(await client.send('POST', '/instances', { json: {}, idempotencyKey: 'k' }), { id: '1' })
  await rejects(client.send('POST', '/instances', { json: {} }), 'unavailable', /no gateway answers at http:\/\/127/)
  assert.deepEqual(keys, ['k', 'k', undefined])
})

test("the token of this host's gateway is shown to this host alone", async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'bellhop-client-'))
  t.after(() => rm(state, { recursive: true }))
  const env = { XDG_STATE_HOME: state }
  await rejects(openApiClient(undefined, env), 'unauthenticated', /there is no token in/)
  await mkdir(join(state, 'bellhop'))
  await writeFile(join(state, 'bellhop', 'token'), 'swordfish\n')
  const shown: unknown[] = []
  const url = await answering(t, ({ headers }, response) => {
    shown.push(headers.authorization)
    response.end('{}')
  })
  await (await openApiClient(url, env)).get('/')
  await (await openApiClient(undefined, { ...env, BELLHOP_URL: `${url}/`, BELLHOP_TOKEN: 'other' })).get('/')
  assert.deepEqual(shown, ['Bearer swordfish', 'Bearer other'])
  for (const far of ['https://cloud.example.org', 'http://127.0.0.1.example.org', 'http://10.0.0.1:8787'])
    await rejects(openApiClient(far, env), 'unauthenticated', /set BELLHOP_TOKEN/)
  for (const none of ['cloud', 'ftp://x', 'http://x/?a=1'])
    await rejects(openApiClient(none, withToken), 'invalid', /no URL of a gateway/)
})

/** The events of a stream that ends as it likes, one answer after the other; `undefined` breaks off. */
async function followed(t: TestContext, answers: readonly ((resume: string | undefined) => string | number)[]) {
  const asked: (string | undefined)[] = []
  const url = await answering(t, ({ headers, socket }, response) => {
    const resume = headers['last-event-id']?.toString()
    const answer = answers[asked.length]?.(resume) ?? 404
    asked.push(resume)
    if (typeof answer === 'number') response.writeHead(answer).end('no')
    else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(answer, () => socket.end())
  })
  const client = await openApiClient(url, withToken)
  let away = 0
  const options = { signal: new AbortController().signal, onAway: () => void away++ }
  const sequences: number[] = []
  for await (const { sequence } of followEvents(client, 'i', options)) sequences.push(sequence)
  return { sequences, asked, away }
}

const message = (sequence: number): string =>
  `id: ${sequence}\ndata: {"sequence":${sequence},"at":"2026-01-01T00:00:00Z"}\n\n`
const END = 'event: end\ndata: {}\n\n'

test('a timeline that breaks off, even within an event, goes on where it was and shows each event once', async (t) => {
  const { sequences, asked, away } = await followed(t, [
    () => message(1) + message(2) + 'id: 3\ndata: {"sequ',
    () => 503,
    () => message(2) + message(3),
    () => message(4) + END,
  ])
  assert.deepEqual(sequences, [1, 2, 3, 4])
  assert.deepEqual(asked, [undefined, '2', '2', '3'])
  assert.equal(away, 2)
})

test('a timeline ends where the instance is gone when it is come back to, and what is refused at once is refused', async (t) => {
  assert.deepEqual((await followed(t, [() => message(1), () => 404])).sequences, [1])
  await rejects(followed(t, [() => 404]), 'not-found', /404/)
  await rejects(followed(t, [() => message(1), () => 401]), 'unauthenticated', /401/)
  await rejects(followed(t, [() => 'data: no json\n\n']), 'provider-failed', /no JSON/)
})
