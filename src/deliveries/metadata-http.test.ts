import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import { createMetadataServer, type MetadataServerOptions } from './metadata-http.ts'
import type { Identity } from './metadata-identity.ts'
import { metadataToken } from './metadata-token.ts'

/** Larger than what kernels keep for a client that does not read. */
const LARGE_BYTES = 16 * 1024 * 1024
const LARGE = { ...WEB, userData: Buffer.alloc(LARGE_BYTES, 'x') }

const ANYBODY: Identity = { by: 'address', find: () => WEB.guestId }
const USER_DATA = Buffer.from(WEB.userData ?? []).toString('utf8')
const ASK = 'GET /latest/user-data HTTP/1.1\r\nHost: x\r\n'
const LAST = `${ASK}Connection: close\r\n\r\n`

const folder = mkdtempSync(join(tmpdir(), 'bellhop-md-'))
const cleanUp: (() => Promise<void>)[] = []
after(async () => {
  for (const step of cleanUp) await step()
  rmSync(folder, { recursive: true })
})

/** A server with its own folder for sockets, which ends with the tests. */
function serverWith(options: Partial<MetadataServerOptions> = {}) {
  const recorder = sampleRecorder()
  const log: string[] = []
  const source = sampleSource(WEB, BARE)
  const server = createMetadataServer({
    source,
    recorder,
    secret: SECRET,
    log: (line) => log.push(line),
    socketsDir: join(folder, `sockets-${cleanUp.length}`),
    ...options,
  })
  cleanUp.push(() => server.close())
  return { server, source, log, events: recorder.events }
}

async function listening(options: Partial<MetadataServerOptions> = {}, identity: Identity = ANYBODY) {
  const known = serverWith(options)
  const { port } = await known.server.listen({ host: '127.0.0.1', port: 0, identity })
  return { ...known, at: { host: '127.0.0.1', port } }
}

/** Says all of it, and hears until the server closes. */
async function say(at: NetConnectOpts, ...words: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect({ ...at, allowHalfOpen: true })
  socket.on('error', () => {})
  for (const word of words) socket.write(word)
  const heard = await text(socket)
  socket.destroy()
  return heard
}

/** However it came about: `once` would take an error for one of the test. */
async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {})
  socket.resume()
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}

function statusesOf(heard: string): readonly number[] {
  return [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

function bodyOf(heard: string): string {
  return heard.slice(heard.indexOf('\r\n\r\n') + 4)
}

/** Leaves a socket behind as a killed process does. */
function leaveSocket(path: string): void {
  const dies = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  assert.equal(spawnSync(process.execPath, ['-e', dies]).signal, 'SIGKILL')
  assert.ok(existsSync(path))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

for (const way of ['TCP', 'a Unix socket'] as const)
  describe(`over ${way}`, () => {
    const open = async (options: Partial<MetadataServerOptions> = {}) => {
      if (way === 'TCP') return await listening(options)
      const known = serverWith(options)
      return { ...known, at: { path: (await known.server.offer(WEB.guestId)).socketPath } }
    }

    it('a client of the ordinary kind gets its answer', async () => {
      const { at, events } = await open()
      const address = 'path' in at ? { socketPath: at.path } : at
      const [response] = await once(get({ ...address, path: '/latest/user-data', agent: false }), 'response')
      assert.equal(response.statusCode, 200)
      assert.equal(response.headers['content-type'], 'text/plain; charset=UTF-8')
      assert.ok(!Number.isNaN(Date.parse(response.headers.date)))
      assert.equal(await text(response), USER_DATA)
      assert.deepEqual(
        events.map(({ kind, path }) => [kind, path]),
        [['fetched', '/latest/user-data']],
      )
    })

    it('requests may come all at once, and are answered in order', async () => {
      const { at } = await open()
      const heard = await say(
        at,
        `GET /latest/meta-data/hostname HTTP/1.1\r\nHost: x\r\n\r\n${ASK}\r\nGET /nosuch HTTP/1.1\r\nHost: x\r\n\r\n${LAST}`,
      )
      assert.deepEqual(statusesOf(heard), [200, 200, 404, 200])
      assert.ok(heard.indexOf('web-1.example.org') < heard.indexOf(USER_DATA))
    })

    it('a request may come byte by byte', async () => {
      const { at } = await open()
      const socket = connect({ ...at, noDelay: true })
      const heard = text(socket)
      for (const byte of LAST) {
        socket.write(byte)
        await new Promise(setImmediate)
      }
      assert.equal(bodyOf(await heard), USER_DATA)
    })

    it('a client that has closed its side gets the answer all the same', async () => {
      const source = sampleSource(WEB)
      const slow = {
        find: async (id: string) => {
          await new Promise((resolve) => setTimeout(resolve, 50))
          return await source.find(id)
        },
      }
      const { at } = await open({ source: slow })
      for (const request of [`${ASK}\r\n`, 'GET /latest/user-data HTTP/1.0\r\n\r\n', `${ASK}\r\n${ASK}\r\n`]) {
        const socket = connect({ ...at, allowHalfOpen: true })
        socket.end(request)
        const heard = await text(socket)
        const asked = request.split('GET').length - 1
        assert.deepEqual(statusesOf(heard), Array(asked).fill(200))
        assert.equal(bodyOf(heard).slice(-USER_DATA.length), USER_DATA)
      }
    })

    it('so does netcat, which is how a machine of QEMU comes here', { skip: !hasNetcat() && 'needs nc' }, async () => {
      const { at } = await open()
      const where = 'path' in at ? ['-U', at.path] : [at.host, String(at.port)]
      const child = spawn('nc', ['-N', ...where], { stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdin.end(`${ASK}\r\n`)
      assert.equal(bodyOf(await text(child.stdout)), USER_DATA)
    })

    it('HTTP/1.0, or no Host, is answered to the end of the connection and in one piece', async () => {
      const { at } = await open()
      for (const request of [
        'GET /latest/user-data HTTP/1.0\r\n\r\n',
        'GET /latest/user-data HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
        'GET /latest/user-data HTTP/1.1\r\n\r\n',
      ]) {
        const heard = await say(at, request)
        assert.deepEqual(statusesOf(heard), [200])
        assert.match(heard, /\r\nConnection: close\r\n/)
        assert.match(heard, new RegExp(`\r\nContent-Length: ${Buffer.byteLength(USER_DATA)}\r\n`))
        assert.doesNotMatch(heard, /chunked/i)
        assert.equal(bodyOf(heard), USER_DATA)
      }
    })

    it('HEAD has no body, whatever the answer is', async () => {
      const { at, events } = await open()
      const head = (path: string) => `HEAD ${path} HTTP/1.1\r\nHost: x\r\n`
      const heard = await say(at, `${head('/latest/user-data')}\r\n${head('/nosuch')}\r\n${head('/report')}\r\n${LAST}`)
      assert.deepEqual(statusesOf(heard), [200, 404, 405, 200])
      assert.equal(heard.split(USER_DATA).length, 2)
      assert.doesNotMatch(heard, /404 Not Found\r?\n?[^\r]*HTTP/)
      assert.equal(events.length, 1)
    })

    it('a report is heard with and without a content type', async () => {
      const { at, events } = await open()
      const body = '{"agent":"agent","stage":"applied","exitCode":0}'
      const post = (...headers: readonly string[]) =>
        ['POST /report HTTP/1.1', 'Host: x', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')
      const heard = await say(
        at,
        post(),
        post('Content-Type: application/json'),
        post('Expect: 100-continue', 'Connection: close'),
      )
      assert.deepEqual(
        statusesOf(heard).filter((status) => status !== 100),
        [200, 200, 200],
      )
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ['applied', 'applied', 'applied'],
      )
    })

    it('a report is heard also from a client that is gone before the answer', async () => {
      const { at, events } = await open()
      const body = '{"agent":"agent","stage":"finished"}'
      const socket = connect(at)
      socket.write(`POST /report HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`, () =>
        socket.destroy(),
      )
      await until(() => events.length > 0)
      assert.equal(events[0]?.kind, 'finished')
    })

    it('a client that waits before it sends its body is told to go on', async () => {
      const { at } = await open()
      const socket = connect(at)
      const heard = text(socket)
      socket.write(
        'POST /report HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
      )
      await once(socket, 'readable')
      socket.write('{}')
      assert.deepEqual(statusesOf(await heard), [100, 400])
    })

    it('a large answer comes whole, to a client that takes its time', async () => {
      const { at, events } = await open({ source: sampleSource(LARGE) })
      const socket = connect(at)
      socket.write(LAST)
      socket.pause()
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.equal(events.length, 0, 'nothing was fetched yet')
      const heard = await buffer(socket)
      const start = heard.indexOf('\r\n\r\n') + 4
      assert.ok(heard.subarray(start).equals(LARGE.userData))
      await until(() => events.length > 0)
      assert.deepEqual(
        events.map(({ kind, bytes }) => [kind, bytes]),
        [['fetched', LARGE_BYTES]],
      )
    })

    it('a client that vanishes in the middle of an answer has fetched nothing', async () => {
      const { at, events, server } = await open({ source: sampleSource(LARGE) })
      const socket = connect(at)
      socket.write(LAST)
      await once(socket, 'readable')
      socket.destroy()
      // Once the server has let go of the connection, nothing more can come of it.
      await server.close()
      assert.deepEqual(events, [])
    })
  })

function hasNetcat(): boolean {
  return spawnSync('nc', ['-h']).error === undefined
}

describe('what is no request', () => {
  const GARBAGE: readonly (readonly [number, string])[] = [
    [400, '\0\x01\x02\r\n\r\n'],
    [400, 'GET /\r\n\r\n'],
    [400, 'GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n'],
    [400, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n'],
    [411, 'POST /report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    [413, `POST /report HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n${'x'.repeat(65537)}`],
    [414, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    [431, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    [431, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(101)}\r\n`],
    [431, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(100_000)}\r\n`],
    [505, 'GET / HTTP/3.0\r\n\r\n'],
  ]

  for (const [status, request] of GARBAGE)
    it(`is refused with ${status}: ${JSON.stringify(request.slice(0, 40))}`, async () => {
      const { at, log } = await listening()
      const heard = await say(at, Buffer.from(request, 'latin1'), LAST)
      assert.deepEqual(statusesOf(heard), [status], 'and nothing after it is read')
      assert.match(heard, /\r\nConnection: close\r\n/)
      assert.deepEqual(log, [])
      assert.deepEqual(statusesOf(await say(at, LAST)), [200], 'the server lives')
    })

  it('leads nowhere with dots', async () => {
    const { at } = await listening()
    for (const path of ['/../../etc/passwd', '/..%2f..%2fetc%2fpasswd', '/%2e%2e/%2e%2e/etc/passwd', '/latest/../../x'])
      assert.deepEqual(statusesOf(await say(at, `GET ${path} HTTP/1.0\r\n\r\n`)), [404], path)
  })

  it('of an unknown caller is not even listened to', async () => {
    const { at } = await listening({}, { by: 'address', find: () => undefined })
    const heard = await say(at, 'POST /report HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    assert.deepEqual(statusesOf(heard), [404], 'though the body never came')
  })
})

describe('a client that is slow', () => {
  const limits = { headTimeoutMs: 100, requestTimeoutMs: 100, idleTimeoutMs: 100 }

  it('with its head, its body, or its next request is cut off', async () => {
    const { at } = await listening({ limits })
    const starts = [
      '',
      'GET / HT',
      `GET / HTTP/1.1\r\nHost: x\r\nX: `,
      `POST /report HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{`,
    ]
    for (const start of starts) assert.equal(await say(at, start), '', start)
    assert.deepEqual(statusesOf(await say(at, `${ASK}\r\n`)), [200])
  })

  it('is cut off though it sends a byte now and then', async () => {
    const { at } = await listening({ limits: { headTimeoutMs: 100 } })
    const socket = connect(at)
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('X: y\r\n'), 20)
    await closed(socket)
    clearInterval(drip)
  })

  it('with the answer is cut off, and has fetched nothing', async () => {
    const source = sampleSource(LARGE)
    const { at, events } = await listening({ limits: { ...limits, connectionsMax: 1 }, source })
    const socket = connect(at)
    socket.on('error', () => {})
    socket.write(LAST)
    await once(socket, 'readable')
    const hostname = 'GET /latest/meta-data/hostname HTTP/1.0\r\n\r\n'
    // Another is let in only when this one is out.
    while ((await say(at, hostname)) === '');
    assert.deepEqual(
      events.map(({ path }) => path),
      ['/latest/meta-data/hostname'],
    )
    socket.destroy()
  })
})

describe('a listener', () => {
  it('takes no more connections than it may', async () => {
    const { at } = await listening({ limits: { connectionsMax: 2 } })
    const held: Socket[] = []
    for (let i = 0; i < 2; i++) {
      const socket = connect(at)
      await once(socket, 'connect')
      held.push(socket)
    }
    assert.equal(await say(at, LAST), '')
    for (const socket of held) socket.destroy()
  })

  it('that cannot listen says so', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    await assert.rejects(serverWith().server.listen({ host: '127.0.0.1', port, identity: ANYBODY }), /EADDRINUSE/)
    taken.close()
  })

  it('knows its callers in its own way alone', async () => {
    const { at } = await listening({}, { by: 'token' })
    const token = metadataToken(SECRET, WEB.guestId)
    assert.deepEqual(statusesOf(await say(at, LAST)), [404])
    const heard = await say(at, `GET /seed/${token}/user-data HTTP/1.0\r\n\r\n`)
    assert.equal(bodyOf(heard), USER_DATA)
  })

  it('never names a token in an event', async () => {
    const { at, events } = await listening({}, { by: 'token' })
    await say(at, `GET /seed/${metadataToken(SECRET, WEB.guestId)}/user-data HTTP/1.0\r\n\r\n`)
    assert.deepEqual(
      events.map(({ kind, path }) => [kind, path]),
      [['fetched', '/seed/user-data']],
    )
  })
})

describe('an error of ours', () => {
  it('is a bare 500, and the log tells where but not what', async () => {
    const source = { find: () => Promise.reject(new Error('secret-user-data')) }
    const { at, log } = await listening({ source })
    const heard = await say(at, LAST)
    assert.deepEqual(statusesOf(heard), [500])
    assert.doesNotMatch(heard, /secret/)
    assert.match(log.join(), /GET ended with 500: Error/)
    assert.doesNotMatch(log.join(), /secret/)
  })

  it('is none where what to tell cannot be read now: then guests are told to come again', async () => {
    const source = { find: () => Promise.reject(new CloudError('unavailable', 'the store is away')) }
    const { at, log } = await listening({ source })
    const heard = await say(at, LAST)
    assert.deepEqual(statusesOf(heard), [503])
    assert.match(heard, /^Retry-After: 1\r$/m)
    assert.deepEqual(log, ['metadata: GET ended with 503: the store is away'])
  })

  it('in finding the caller is one too, and the next request may succeed', async () => {
    let asked = 0
    const find = async () => {
      if (asked++ === 0) throw new TypeError('x')
      return WEB.guestId
    }
    const { at, log } = await listening({}, { by: 'address', find })
    assert.deepEqual(statusesOf(await say(at, `${ASK}\r\n${LAST}`)), [500, 200])
    assert.equal(log.length, 1)
  })
})

describe('an offer', () => {
  it('is a socket that is the identity of its guest', async () => {
    const { server, events } = serverWith()
    const web = await server.offer(WEB.guestId)
    const bare = await server.offer(BARE.guestId)
    const forged = `${ASK}X-Forwarded-For: 10.0.0.5\r\nX-Instance-ID: ${WEB.guestId}\r\nConnection: close\r\n\r\n`
    assert.deepEqual(statusesOf(await say({ path: web.socketPath }, forged)), [200])
    assert.deepEqual(statusesOf(await say({ path: bare.socketPath }, forged)), [404])
    assert.deepEqual(
      events.map(({ instanceId }) => instanceId),
      [WEB.guestId],
    )
  })

  it('can be reached by us alone', async () => {
    const socketsDir = join(folder, 'open')
    mkdirSync(socketsDir, { mode: 0o755 })
    const offers = [serverWith({ socketsDir }), serverWith()].map(({ server }) => server.offer(WEB.guestId))
    for (const { socketPath } of await Promise.all(offers))
      assert.equal(statSync(join(socketPath, '..')).mode & 0o777, 0o700)
  })

  it('may be made twice, also at once', async () => {
    const { server } = serverWith()
    const [first, second] = await Promise.all([server.offer(WEB.guestId), server.offer(WEB.guestId)])
    assert.deepEqual([first, await server.offer(WEB.guestId)], [second, first])
    assert.deepEqual(statusesOf(await say({ path: first.socketPath }, LAST)), [200])
  })

  it('takes the place of one whose process was killed', async () => {
    const { server } = serverWith()
    const { socketPath } = await server.offer(WEB.guestId)
    await server.withdraw(WEB.guestId)
    leaveSocket(socketPath)
    await server.offer(WEB.guestId)
    assert.deepEqual(statusesOf(await say({ path: socketPath }, LAST)), [200])
  })

  it('of a process that was killed goes when it is withdrawn', async () => {
    const { server } = serverWith()
    const { socketPath } = await server.offer(WEB.guestId)
    await server.withdraw(WEB.guestId)
    leaveSocket(socketPath)
    await server.withdraw(WEB.guestId)
    assert.equal(existsSync(socketPath), false)
  })

  it('does not take the place of one whose process lives', async () => {
    const socketsDir = join(folder, 'shared')
    const { socketPath } = await serverWith({ socketsDir }).server.offer(WEB.guestId)
    await assert.rejects(serverWith({ socketsDir }).server.offer(WEB.guestId), (error) =>
      isCloudError(error, 'conflict'),
    )
    assert.deepEqual(statusesOf(await say({ path: socketPath }, LAST)), [200])
  })

  it('leaves nothing when it is withdrawn, and ends what is open', async () => {
    const { server } = serverWith()
    const { socketPath } = await server.offer(WEB.guestId)
    const socket = connect(socketPath)
    await once(socket, 'connect')
    await server.withdraw(WEB.guestId)
    await closed(socket)
    assert.equal(existsSync(socketPath), false)
    await server.withdraw(WEB.guestId)
    await server.withdraw('never-offered')
  })

  it('leaves nothing when the server closes', async () => {
    const { server } = serverWith()
    const { socketPath } = await server.offer(WEB.guestId)
    await server.close()
    assert.equal(existsSync(socketPath), false)
  })

  it('that cannot be is refused, and may be made later', async () => {
    const refused = (offer: Promise<unknown>, code: 'invalid' | 'unsupported' | 'conflict', words: RegExp) =>
      assert.rejects(offer, (error) => isCloudError(error, code) && words.test(error.message))
    const deep = join(folder, 'x'.repeat(80))
    await refused(serverWith({ socketsDir: deep }).server.offer(WEB.guestId), 'invalid', /107.*shorter state folder/)
    const { server } = serverWith()
    for (const id of ['../x', 'a/b', '', '.']) await refused(server.offer(id), 'invalid', /file/)
    const bare = { source: sampleSource(), recorder: sampleRecorder(), secret: SECRET, log: () => {} }
    const without = createMetadataServer(bare)
    cleanUp.push(() => without.close())
    await refused(without.offer(WEB.guestId), 'unsupported', /folder/)

    const socketsDir = join(folder, 'occupied')
    writeFileSync(socketsDir, '')
    const { server: late } = serverWith({ socketsDir })
    await assert.rejects(late.offer(WEB.guestId))
    rmSync(socketsDir)
    await late.offer(WEB.guestId)
  })
})

describe('closing', () => {
  it('waits for an answer under way, and for nothing else', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const source = { find: async () => (await gate, { context: WEB, revision: 1 }) }
    const { at, server } = await listening({ source })
    const idle = connect(at)
    await once(idle, 'connect')
    const asking = say(at, `${ASK}\r\n`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const closing = server.close()
    await closed(idle)
    open()
    const heard = await asking
    assert.equal(bodyOf(heard), USER_DATA)
    assert.match(heard, /\r\nConnection: close\r\n/)
    await closing
  })

  it('does not wait for ever', async () => {
    const { at, server } = await listening({
      source: { find: () => new Promise(() => {}) },
      limits: { drainMs: 50 },
    })
    const asking = say(at, LAST)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await server.close()
    assert.equal(await asking, '')
  })
})
