import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, describe, it } from 'node:test'
import { createPassOn, type PassOnOptions } from './metadata-pass-on.ts'

const cleanUp: (() => unknown)[] = []
after(async () => {
  for (const step of cleanUp.toReversed()) await step()
})

/** A service that says this to whoever asks it, and keeps what was asked; `undefined` where it says nothing. */
async function service(answer: string | undefined, { keepsOpen = false } = {}) {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let heard = ''
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      heard += chunk
      const [head = '', body] = heard.split('\r\n\r\n')
      if (body === undefined || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return
      asked.push(heard)
      if (answer === undefined) return
      socket.write(answer, 'latin1')
      if (!keepsOpen) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

function passOnTo(url: string, options: Partial<PassOnOptions> = {}) {
  const log: string[] = []
  const passOn = createPassOn({ url, log: (line) => log.push(line), ...options })
  cleanUp.push(() => passOn.close())
  const ask = async (method = 'GET', path = '/latest/user-data', headers: readonly string[] = [], body = '') => {
    const asked = { caller: undefined, path, headers, throughProxy: false }
    const { status, head, body: bytes } = await passOn.answer(asked, method, Buffer.from(body, 'latin1'))
    return { status, lines: head.trimEnd().split('\r\n'), body: Buffer.from(bytes).toString('latin1') }
  }
  return { ask, log, passOn }
}

const EVERY_BYTE = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))

describe('what is passed on', () => {
  it('gives back the answer, with the length where its end was that of the connection', async () => {
    const { url } = await service(`HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n${EVERY_BYTE}`)
    assert.deepEqual(await passOnTo(url).ask(), {
      status: 200,
      lines: ['HTTP/1.1 200 OK', 'content-type: text/plain; charset=UTF-8', 'Content-Length: 256'],
      body: EVERY_BYTE,
    })
  })

  it('takes chunks and lengths too, and leaves out what speaks of the connection', async () => {
    const chunked = 'Transfer-Encoding: chunked\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nVary: x\r\n\r\n'
    const { url } = await service(`HTTP/1.1 404 Nope\r\n${chunked}3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n`)
    assert.deepEqual(await passOnTo(url).ask(), {
      status: 404,
      lines: ['HTTP/1.1 404 Not Found', 'vary: x', 'Content-Length: 4'],
      body: 'abcd',
    })
    const { url: long } = await service('HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nabc', { keepsOpen: true })
    assert.equal((await passOnTo(long).ask()).body, 'ab')
  })

  it('asks with the same path, headers and body, but for what speaks of the connection', async () => {
    const { url, asked } = await service('HTTP/1.1 200 OK\r\n\r\n')
    const { ask } = passOnTo(url)
    const headers = ['x-instance-id', 'five', 'accept', 'é', 'connection', 'x-hop, close', 'x-hop', '1', 'host', 'us']
    await ask('POST', '/openstack/latest/password?x=%2F', [...headers, 'content-length', '256'], EVERY_BYTE)
    const [head = '', body] = (asked[0] ?? '').split('\r\n\r\n')
    assert.equal(body, EVERY_BYTE)
    assert.deepEqual(head.split('\r\n').toSorted(), [
      'POST /openstack/latest/password?x=%2F HTTP/1.1',
      'accept: é',
      'connection: close',
      'content-length: 256',
      `host: ${new URL(url).host}`,
      'x-instance-id: five',
    ])
  })

  it('never leaves the one service, whatever the target', async () => {
    const { url, asked } = await service('HTTP/1.1 200 OK\r\n\r\n')
    const { ask } = passOnTo(url)
    const targets = [
      '//other.example/x',
      '/@other.example/',
      'http://other.example/x',
      'http://other.example',
      '*',
      '/\\x',
    ]
    for (const target of targets) assert.equal((await ask('GET', target)).status, 200, target)
    assert.deepEqual(
      asked.map((each) => each.split(' ')[1]),
      ['//other.example/x', '/@other.example/', '/x', '/', '/', '//x'],
    )
  })

  it('keeps the length that HEAD is told', async () => {
    const { url } = await service('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n')
    const { lines, body } = await passOnTo(url).ask('HEAD')
    assert.deepEqual([lines.at(-1), body], ['Content-Length: 7', ''])
    const { url: silent } = await service('HTTP/1.1 200 OK\r\n\r\n')
    assert.deepEqual((await passOnTo(silent).ask('HEAD')).lines, ['HTTP/1.1 200 OK'])
  })

  it('is 503 where nobody is there, said to the log once, and once more when there is somebody', async () => {
    const { url, server } = await service('HTTP/1.1 200 OK\r\n\r\n')
    const { port } = new URL(url)
    server.close()
    await once(server, 'close')
    const { ask, log } = passOnTo(url)
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 503)
    server.listen(Number(port), '127.0.0.1')
    await once(server, 'listening')
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 200)
    assert.equal(log.length, 2)
    assert.match(log[0] ?? '', /ECONNREFUSED/)
    assert.match(log[1] ?? '', /answers again/)
  })

  it('is 504 where the answer does not come, or does not end', async () => {
    for (const answer of [
      undefined,
      'HTTP/1.1 200 OK\r\nContent-Le',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
    ]) {
      const { url } = await service(answer, { keepsOpen: true })
      assert.equal((await passOnTo(url, { timeoutMs: 100 }).ask()).status, 504, String(answer))
    }
  })

  it('is 502 for half an answer, for one that is none, and for one too long', async () => {
    const answers = ['', 'HTTP/1.1 2', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 'hello\r\n\r\n']
    for (const answer of answers) {
      const { url } = await service(answer)
      const { status, body } = await passOnTo(url).ask()
      assert.equal(status, 502, answer)
      assert.equal(body, '502 Bad Gateway', 'nothing of the half')
    }
    const { url } = await service(`HTTP/1.1 200 OK\r\n\r\n${EVERY_BYTE}`)
    assert.equal((await passOnTo(url, { maxBytes: 255 }).ask()).status, 502)
    assert.equal((await passOnTo(url, { maxBytes: 256 }).ask()).status, 200)
  })

  it('is 400 for a method that no guest needs', async () => {
    const { url, asked } = await service('HTTP/1.1 200 OK\r\n\r\n')
    assert.equal((await passOnTo(url).ask('TRACE')).status, 400)
    assert.deepEqual(asked, [])
  })

  it('is broken off when it closes', async () => {
    const { url, asked } = await service(undefined)
    const { ask, passOn } = passOnTo(url)
    const answer = ask()
    while (asked.length === 0) await new Promise(setImmediate)
    await passOn.close()
    assert.equal((await answer).status, 504)
  })
})
