import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { askQmp } from './api.ts'

// What QEMU 7.2 says, shortened.
const GREETING = {
  QMP: { version: { qemu: { micro: 22, minor: 2, major: 7 }, package: 'Debian' }, capabilities: ['oob'] },
}
const EVENT = { timestamp: { seconds: 1700000000, microseconds: 1 }, event: 'RTC_CHANGE', data: { offset: 0 } }
const STATUS = { status: 'running', singlestep: false, running: true }

describe('QMP client', () => {
  let folder = ''
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'bellhop-qmp-'))))
  after(() => rm(folder, { recursive: true }))

  /** A peer that does what is told once somebody connects; `use` is given its socket. */
  async function withPeer(behave: (socket: Socket) => void, use: (path: string) => Promise<void>): Promise<void> {
    const path = join(folder, 'qmp.sock')
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      behave(socket)
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    try {
      await use(path)
    } finally {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  /** A peer that speaks QMP: it answers each command with what `answer` gives for it. */
  function qemu(answer: (command: string) => readonly object[]): (socket: Socket) => void {
    return (socket) => {
      socket.write(`${JSON.stringify(GREETING)}\r\n`)
      socket.setEncoding('utf8').on('data', (text: string) => {
        const { execute, id } = JSON.parse(text) as { execute: string; id: number }
        const messages = execute === 'qmp_capabilities' ? [EVENT, { return: {} }] : answer(execute)
        for (const each of messages) socket.write(`${JSON.stringify('event' in each ? each : { ...each, id })}\r\n`)
      })
    }
  }

  const failsWith = (path: string, code: ErrorCode, message: RegExp) =>
    assert.rejects(askQmp(path, 'query-status', call()), (error) => {
      return isCloudError(error, code) && message.test(error.message)
    })

  it('gives the answer to the command, whatever events stand around it', async () => {
    const asked: string[] = []
    const peer = qemu((command) => {
      asked.push(command)
      return [EVENT, { return: STATUS }, EVENT]
    })
    await withPeer(peer, async (path) => assert.deepEqual(await askQmp(path, 'query-status', call()), STATUS))
    assert.deepEqual(asked, ['query-status'])
  })

  it('tells QEMU what the command needs', async () => {
    const lines: unknown[] = []
    const peer = (socket: Socket) => {
      socket.write(`${JSON.stringify(GREETING)}\r\n`)
      socket.setEncoding('utf8').on('data', (text: string) => {
        const asked = JSON.parse(text) as { id: number }
        lines.push(asked)
        socket.write(`${JSON.stringify({ return: {}, id: asked.id })}\r\n`)
      })
    }
    const parameters = { 'node-name': 'vol-1', size: 2 ** 40 }
    await withPeer(peer, async (path) => void (await askQmp(path, 'block_resize', call(), parameters)))
    assert.deepEqual(lines, [
      { execute: 'qmp_capabilities', id: 1 },
      { execute: 'block_resize', arguments: parameters, id: 2 },
    ])
  })

  it('takes an answer that comes in pieces', async () => {
    const slow = (socket: Socket) => {
      const write = (text: string) => socket.write(text)
      write(JSON.stringify(GREETING).slice(0, 20))
      setTimeout(() => write(`${JSON.stringify(GREETING).slice(20)}\r\n`), 5)
      socket.once('data', () => {
        write('{"return": {}, "id"')
        setTimeout(() => write(': 1}\r\n{"return":{"status":"paused"},'), 5)
        socket.once('data', () => write('"id":2}\n'))
      })
    }
    await withPeer(slow, async (path) => {
      assert.deepEqual(await askQmp(path, 'query-status', call()), { status: 'paused' })
    })
  })

  it("passes QEMU's refusal on", async () => {
    const peer = qemu(() => [{ error: { class: 'GenericError', desc: 'Resetting the Virtual Machine is required' } }])
    await withPeer(peer, (path) => failsWith(path, 'provider-failed', /Resetting the Virtual Machine is required/))
  })

  it('says so when what answers speaks no QMP', async () => {
    for (const text of ['HTTP/1.1 400 Bad Request\r\n\r\n', '[1,2]\n'.repeat(3).replaceAll('[1,2]', '17'), 'null\n'])
      await withPeer(
        (socket) => socket.write(text),
        (path) => failsWith(path, 'provider-failed', /speaks no QMP/),
      )
  })

  it('does not read a line without end', async () => {
    const flood = (socket: Socket) => socket.write('x'.repeat(2 * 1024 * 1024))
    await withPeer(flood, (path) => failsWith(path, 'provider-failed', /speaks no QMP/))
  })

  it('reports a QEMU that ends before it answers', async () => {
    await withPeer(
      (socket) => socket.end(`${JSON.stringify(GREETING)}\n`),
      (path) => failsWith(path, 'unavailable', /query-status/),
    )
    await failsWith(join(folder, 'nobody.sock'), 'unavailable', /ENOENT/)
  })

  it('waits no longer than the call may take, and ends with its signal', async () => {
    const silent = (): void => {}
    await withPeer(silent, async (path) => {
      const short = { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 50 }
      await assert.rejects(askQmp(path, 'stop', short), (error) => isCloudError(error, 'timeout'))
      const stopped = new AbortController()
      const asked = askQmp(path, 'stop', { signal: stopped.signal, deadline: Date.now() + 60_000 })
      setTimeout(() => stopped.abort(), 10)
      await assert.rejects(asked, (error) => isCloudError(error, 'timeout'))
    })
  })
})

function call() {
  return { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 }
}
