import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import pino from 'pino'
import { CloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { createApiServer, type ApiServerOptions } from './fastify.ts'
import { createGuard } from './guard.ts'
import { headerValues, textResponse, type HttpRequest } from './http.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const TOKEN = ['X-Auth-Token', 'right'] as const

interface Bench {
  readonly port: number
  readonly log: string[]
  readonly seen: HttpRequest[]
  /** Sends bytes and gives all that came back. */
  readonly send: (bytes: string | Buffer) => Promise<string>
  /** Sends a request with headers in the order and case given. */
  readonly ask: (line: string, headers: readonly (readonly [string, string])[], body?: string) => Promise<string>
}

async function bench(t: TestContext, more: Partial<ApiServerOptions> = {}): Promise<Bench> {
  const log: string[] = []
  const seen: HttpRequest[] = []
  const server = createApiServer({
    publicUrl: 'http://cloud.example.org:8787',
    guard: createGuard({ authenticate: async (token) => (token === 'right' ? ALICE : undefined) }),
    open: { '/healthz': async () => textResponse(200, 'well') },
    welcome: { '/api/door': async () => textResponse(200, 'come in') },
    routes: { '/api': async ({ path }) => textResponse(200, `api ${path}`) },
    root: async (request, { subject }) => {
      seen.push(request)
      if (request.path === '/bug') throw new Error('a fault')
      if (request.path === '/conflict') throw new CloudError('conflict', 'not now')
      if (request.path === '/split') return textResponse(200, '', [['X-Bad', 'a\r\nX-Evil: 1']])
      const headers = [['X-OCCI-Attribute', 'a="žluťoučký"'] as const, ['X-OCCI-Attribute', 'b=1'] as const]
      return textResponse(200, `${subject} ${request.body.byteLength} kůň`, headers)
    },
    product: 'bellhop/test',
    log: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
    ...more,
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  const send = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    return await text(socket)
  }
  const ask: Bench['ask'] = (line, headers, body = '') => {
    const all = [
      ['Host', 'localhost'],
      ['Connection', 'close'],
      ...headers,
      ['Content-Length', String(Buffer.byteLength(body))],
    ]
    const head = `${line} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
    return send(Buffer.concat([Buffer.from(head), Buffer.from(body)]))
  }
  return { port, log, seen, send, ask }
}

const status = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])

test('a door is open to those who show no credential; all others are guarded, and so is what is behind it', async (t) => {
  const { ask } = await bench(t)
  assert.match(await ask('GET /api/door', []), /\r\n\r\ncome in$/)
  assert.match(await ask('GET /api/door', [TOKEN]), /\r\n\r\napi \/api\/door$/)
  assert.equal(status(await ask('GET /api/door', [['X-Auth-Token', 'wrong']])), 401)
  assert.equal(status(await ask('GET /api/door/', [])), 401)
  assert.equal(status(await ask('GET /api/door', [['Origin', 'http://evil.example']])), 403)
})

test('hands on headers as they came: order, case, repetitions, UTF-8', async (t) => {
  const { ask, seen } = await bench(t)
  await ask('GET /a%20b?action=stop&x=%2B', [TOKEN, ['X-Occi-attribute', 'a="kůň"'], ['X-OCCI-Attribute', 'b']])
  const [request] = seen
  assert.equal(request?.path, '/a b')
  assert.deepEqual(
    [...(request?.query ?? [])],
    [
      ['action', 'stop'],
      ['x', '+'],
    ],
  )
  assert.deepEqual(request?.headers.slice(3, 5), [
    ['X-Occi-attribute', 'a="kůň"'],
    ['X-OCCI-Attribute', 'b'],
  ])
})

test('keeps header bytes that are no UTF-8 as latin1', async (t) => {
  const { send, seen } = await bench(t)
  await send(
    Buffer.from(
      'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Auth-Token: right\r\nX: k\xe9\r\n\r\n',
      'latin1',
    ),
  )
  assert.deepEqual(headerValues(seen[0] ?? assert.fail(), 'x'), ['ké'])
})

test('writes headers in their own case, repeated, as UTF-8', async (t) => {
  const { ask } = await bench(t)
  const answer = await ask('GET /', [TOKEN])
  assert.match(answer, /\r\nX-OCCI-Attribute: a="žluťoučký"\r\nX-OCCI-Attribute: b=1\r\n/)
  assert.match(answer, /\r\nServer: bellhop\/test\r\n/)
  assert.match(answer, /\r\nX-Request-Id: [0-9a-f-]{36}\r\n/)
  assert.match(answer, /\r\n\r\ntest\/alice 0 kůň$/)
})

test('answers HEAD as GET without the body', async (t) => {
  const { ask } = await bench(t)
  const answer = await ask('HEAD /', [TOKEN])
  assert.match(answer, /\r\nContent-Length: 18\r\n/)
  assert.ok(answer.endsWith('\r\n\r\n'))
})

test('takes every content type, and none', async (t) => {
  const { ask, seen } = await bench(t)
  for (const type of ['text/plain,text/occi', 'nonsense', 'application/json', '']) {
    const headers = type === '' ? [] : [['Content-Type', type] as const]
    assert.equal(status(await ask('POST /', [TOKEN, ...headers], '{ no json')), 200, type)
    assert.deepEqual(headerValues(seen.at(-1) ?? assert.fail(), 'content-type'), type === '' ? [] : [type])
    assert.equal(Buffer.from(seen.at(-1)?.body ?? []).toString(), '{ no json')
  }
})

test('routes by prefix, whole segments only', async (t) => {
  const { ask, seen } = await bench(t)
  assert.match(await ask('GET /api/v1/x', [TOKEN]), /api \/api\/v1\/x$/)
  assert.match(await ask('GET /api', [TOKEN]), /api \/api$/)
  await ask('GET /apis', [TOKEN])
  assert.equal(seen.at(-1)?.path, '/apis')
  await ask('GET http://cloud.example.org:8787/compute/', [TOKEN])
  assert.equal(seen.at(-1)?.path, '/compute/')
})

test('asks everyone for a credential, save at open paths', async (t) => {
  const { ask, seen } = await bench(t)
  assert.match(await ask('GET /healthz', [['Host', '10.0.0.1']]), / 200 [^]*well$/)
  for (const path of ['/', '/api', '/healthz/', '/healthz/x', '/nothing'])
    assert.equal(status(await ask(`GET ${path}`, [])), 401, path)
  assert.equal(seen.length, 0)
})

test('refuses foreign names and pages before it looks at the credential', async (t) => {
  const { ask, seen } = await bench(t)
  assert.equal(status(await ask('POST /', [TOKEN, ['Host', 'evil.example']], 'x')), 403)
  assert.equal(status(await ask('POST /', [TOKEN, ['Origin', 'http://evil.example']], 'x')), 403)
  assert.equal(status(await ask('POST /', [TOKEN, ['Origin', 'null']], 'x')), 403)
  assert.equal(seen.length, 0)
})

test('does not wait for the body of one whom it does not know', async (t) => {
  const { send } = await bench(t)
  const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n'
  assert.equal(status(await send(head)), 401)
})

test('refuses bodies over its limit, announced or not', async (t) => {
  const { ask, send } = await bench(t, { limits: { bodyMaxBytes: 1000 } })
  assert.equal(status(await ask('POST /', [TOKEN], 'x'.repeat(1000))), 200)
  assert.match(await ask('POST /', [TOKEN], 'x'.repeat(1001)), / 413 [^]*larger than 1000 bytes$/)
  const chunk = `3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`
  const head =
    'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Auth-Token: right\r\nTransfer-Encoding: chunked\r\n\r\n'
  assert.equal(status(await send(head + chunk)), 413)
})

test('takes 200 KiB of headers and more than a thousand of them, and answers 431 above its limit', async (t) => {
  const { ask, seen } = await bench(t)
  assert.equal(status(await ask('GET /', [TOKEN, ['X-Large', 'x'.repeat(200 * 1024)]])), 200)
  assert.equal(headerValues(seen[0] ?? assert.fail(), 'X-Large')[0]?.length, 200 * 1024)
  await ask('GET /', [TOKEN, ...Array.from({ length: 3000 }, () => ['X-Many', 'x'] as const)])
  assert.equal(headerValues(seen[1] ?? assert.fail(), 'X-Many').length, 3000)
  assert.equal(status(await ask('GET /', [TOKEN, ['X-Large', 'x'.repeat(300 * 1024)]])), 431)
})

test('shows a fault as a bare 500, and logs its stack but nothing of the request', async (t) => {
  const { ask, log } = await bench(t)
  const answer = await ask('POST /bug?q=secret-query', [TOKEN, ['X-Secret', 'secret-header']], 'secret-body')
  assert.equal(status(answer), 500)
  assert.doesNotMatch(answer, /a fault\b(?! of ours)|fastify\.test/)
  const lines = log.join('')
  assert.match(lines, /Error: a fault\\n\s+at /)
  assert.doesNotMatch(lines, /secret-|right/)
  const id = /X-Request-Id: (\S+)/.exec(answer)?.[1] ?? assert.fail()
  assert.ok(lines.includes(id))
  assert.match(await ask('GET /conflict', [TOKEN]), / 409 [^]*not now$/)
  assert.equal(status(await ask('GET /split', [TOKEN])), 500)
})

test('answers what is no request, and goes on', async (t) => {
  const { send, ask, port } = await bench(t)
  assert.equal(status(await send('\0\x01garbage\r\n\r\n')), 400)
  assert.equal(status(await send('GET / HTTP/1.1\r\n\r\n')), 400)
  assert.equal(status(await send('GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n')), 400)
  assert.equal(status(await ask('GET /%', [TOKEN])), 400)
  assert.equal(status(await ask('OPTIONS *', [TOKEN])), 400)
  assert.equal(status(await ask('PROPFIND /', [TOKEN])), 501)
  assert.equal(status(await ask(`GET /${'a'.repeat(100_000)}`, [TOKEN])), 200)
  for (const half of [
    '',
    'GET',
    'POST / HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: right\r\nContent-Length: 9\r\n\r\nabc',
  ]) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write(half)
    socket.resetAndDestroy()
  }
  assert.equal(status(await ask('GET /', [TOKEN])), 200)
})

test('cuts those who never finish their headers', async (t) => {
  const { send } = await bench(t, { limits: { headersTimeoutMs: 50 } })
  assert.equal(status(await send('GET / HTTP/1.1\r\nHost: localhost\r\n')), 408)
})

test('finishes what is under way when it closes', async (t) => {
  const started = Promise.withResolvers<undefined>()
  const finish = Promise.withResolvers<undefined>()
  const server = createApiServer({
    publicUrl: 'http://localhost',
    guard: createGuard({ authenticate: async () => ALICE }),
    root: async () => {
      started.resolve(undefined)
      await finish.promise
      return textResponse(200, 'done')
    },
    product: 'bellhop/test',
    log: pino({ level: 'silent' }),
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const answer = fetch(`http://127.0.0.1:${port}/`, { headers: { 'X-Auth-Token': 'x' } })
  await started.promise
  const closed = server.close()
  finish.resolve(undefined)
  assert.equal(await (await answer).text(), 'done')
  await closed
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
  t.diagnostic('closed')
})

test('cuts what does not finish in time when it closes', async () => {
  const started = Promise.withResolvers<undefined>()
  const server = createApiServer({
    publicUrl: 'http://localhost',
    guard: createGuard({ authenticate: async () => ALICE }),
    root: async () => {
      started.resolve(undefined)
      return await new Promise(() => {})
    },
    product: 'bellhop/test',
    limits: { drainMs: 20 },
    log: pino({ level: 'silent' }),
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const answer = assert.rejects(fetch(`http://127.0.0.1:${port}/`, { headers: { 'X-Auth-Token': 'x' } }))
  await started.promise
  await server.close()
  await answer
})
