import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { createApiServer, type ApiServerOptions } from './fastify.ts'
import { createGuard } from './guard.ts'
import type { HttpResponse } from './http.ts'

const ALICE = { subject: 'test/alice', project: 'test/red', role: 'member' } as const

type Live = NonNullable<HttpResponse['live']>

async function serving(t: TestContext, live: Live, limits: NonNullable<ApiServerOptions['limits']> = {}) {
  const log: string[] = []
  const server = createApiServer({
    publicUrl: 'http://localhost',
    guard: createGuard({ authenticate: async () => ALICE }),
    root: async () => ({ status: 200, headers: [['Content-Type', 'text/plain']], body: Buffer.from('first\n'), live }),
    product: 'bellhop/test',
    limits,
    log: pino({ level: 'error' }, { write: (line: string) => log.push(line) }),
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  const ask = (method = 'GET'): Socket => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`${method} / HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: x\r\n\r\n`)
    return socket
  }
  return { server, log, ask }
}

/** Never ends by itself; tells how many are under way. */
function endless(everyMs: number, piece: Uint8Array) {
  const under = { way: 0, pieces: 0 }
  const live: Live = async function* (signal) {
    under.way++
    try {
      while (!signal.aborted) {
        under.pieces++
        yield piece
        await sleep(everyMs, undefined, { signal }).catch(() => {})
      }
    } finally {
      under.way--
    }
  }
  return { under, live }
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(5)) assert.ok(Date.now() < end, 'it came so far')
}

test('a live answer follows its body piece by piece, and its end ends the connection', async (t) => {
  const { ask } = await serving(t, async function* () {
    yield Buffer.from('second\n')
    yield Buffer.from('third\n')
  })
  const answer = await text(ask())
  assert.match(answer, /\r\nTransfer-Encoding: chunked\r\n/)
  assert.doesNotMatch(answer, /Content-Length/)
  assert.match(answer, /first\n[^]*second\n[^]*third\n[^]*\r\n0\r\n\r\n$/)
})

test('nothing is made live for HEAD', async (t) => {
  const { ask } = await serving(t, () => assert.fail('it was asked for'))
  assert.ok((await text(ask('HEAD'))).endsWith('\r\n\r\n'))
})

test('a client that leaves ends its answer, and many leave nothing behind', async (t) => {
  const warnings: string[] = []
  const warned = (warning: Error): void => void warnings.push(warning.name)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const { under, live } = endless(5, Buffer.from('x'))
  const { ask } = await serving(t, live)
  const sockets = Array.from({ length: 40 }, () => ask())
  await until(() => under.way === sockets.length)
  for (const socket of sockets) socket.destroy()
  await until(() => under.way === 0)
  assert.deepEqual(warnings, [])
})

test('a client that reads nothing is made no more than its buffers hold, and then cut off', async (t) => {
  const { under, live } = endless(0, Buffer.alloc(1024 * 1024))
  const { ask } = await serving(t, live, { stalledMs: 100 })
  const socket = ask().pause()
  await once(socket, 'connect')
  await until(() => under.pieces > 0)
  await until(() => under.way === 0)
  assert.ok(under.pieces < 100, `${under.pieces} MiB were made`)
})

test('closing ends what is live at once, for it would never end', async (t) => {
  const { under, live } = endless(5, Buffer.from('x'))
  // Whoever waits for the drain here, waits for ever.
  const { server, ask } = await serving(t, live, { drainMs: 2 ** 31 - 1 })
  const answer = text(ask())
  await until(() => under.pieces > 2)
  await server.close()
  assert.equal(under.way, 0)
  assert.match(await answer, /\r\n0\r\n\r\n$/)
})

test('an answer that fails on its way breaks off, and the log says why', async (t) => {
  const { ask, log } = await serving(t, async function* () {
    yield Buffer.from('second\n')
    throw new Error('a fault')
  })
  assert.doesNotMatch(await text(ask()), /\r\n0\r\n\r\n$/)
  assert.match(log.join(''), /Error: a fault/)
})
