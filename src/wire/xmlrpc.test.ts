import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { createHttpClient } from './http.ts'
import { createXmlRpcClient, type XmlRpcCall } from './xmlrpc.ts'

const SECRET = 'alice:wonderland'
const GOOD = '<methodResponse><params><param><value>well</value></param></params></methodResponse>'

interface Seen {
  readonly request: IncomingMessage
  readonly body: string
}

type Answer = (response: ServerResponse) => void

const answer =
  (status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, { connection: 'close', ...headers }).end(body)

const asked = (isSafe = true, signal = new AbortController().signal): XmlRpcCall => ({
  what: 'cloud: m',
  method: 'm',
  parameters: [SECRET, 1],
  isSafe,
  call: { signal, deadline: Date.now() + 20_000 },
})

/** A server that answers its n-th request by the n-th of `answers`, and then by the last one. */
async function withServer(
  answers: readonly Answer[],
  use: (ask: (call: XmlRpcCall) => Promise<unknown>, seen: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      seen.push({ request, body })
      answers[Math.min(seen.length, answers.length) - 1]?.(response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const http = createHttpClient({ sleep: async () => {}, maxBytes: 100_000 })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/RPC2`
  try {
    await use(createXmlRpcClient({ url, http }).request, seen)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await http.close()
  }
}

const failsWith = (answer: Promise<unknown>, code: ErrorCode, message: RegExp) =>
  assert.rejects(answer, (error) => {
    assert.ok(isCloudError(error, code), String(error))
    assert.match(error.message, message)
    assert.ok(!error.message.includes('wonderland'), error.message)
    return true
  })

describe('a call', () => {
  it('is one POST of XML, and a connection for each is as well', async () => {
    await withServer([answer(200, GOOD)], async (ask, seen) => {
      assert.deepEqual(await ask(asked()), { value: 'well' })
      assert.deepEqual(await ask(asked()), { value: 'well' })
      assert.equal(seen.length, 2)
      const [{ request, body }] = seen as [Seen]
      assert.deepEqual([request.method, request.url, request.headers['content-type']], ['POST', '/RPC2', 'text/xml'])
      assert.match(body, /<string>alice:wonderland<\/string>.*<i4>1<\/i4>/)
    })
  })

  it('with what XML-RPC cannot hold is not sent', async () => {
    await withServer([answer(200, GOOD)], async (ask, seen) => {
      const wrong = { ...asked(), parameters: [`${SECRET}\0`] }
      await failsWith(ask(wrong), 'invalid', /^cloud: m: parameter 0: character 17 of 17 /)
      assert.equal(seen.length, 0)
    })
  })

  it('is sent again only where that is safe', async () => {
    const broken: Answer = (response) => void response.socket?.destroy()
    await withServer([broken, answer(200, GOOD)], async (ask) => {
      assert.deepEqual(await ask(asked()), { value: 'well' })
    })
    await withServer([broken, answer(200, GOOD)], async (ask, seen) => {
      await failsWith(ask(asked(false)), 'unavailable', /whether it was done is unknown$/)
      assert.equal(seen.length, 1)
    })
  })

  it('that brings no XML-RPC fails; where it may have been done, nobody knows', async () => {
    const page = '<HTML><BODY>wonderland</BODY></HTML>'
    const notFound = /^cloud: m: answers 404, which no server of XML-RPC does; check the address/
    await withServer([answer(404, page)], async (ask) => {
      await failsWith(ask(asked()), 'provider-failed', notFound)
      await failsWith(ask(asked(false)), 'provider-failed', notFound)
    })
    for (const reply of [answer(200, page), answer(200, ''), answer(200, new Uint8Array([0xff])), answer(500, page)])
      await withServer([reply], async (ask, seen) => {
        await failsWith(ask(asked()), 'provider-failed', /^cloud: m: (?:not the XML|answers 500)/)
        await failsWith(ask(asked(false)), 'unavailable', /; whether it was done is unknown$/)
        assert.equal(seen.length, 2)
      })
    await withServer([answer(200, GOOD.padEnd(100_001))], async (ask) => {
      await failsWith(ask(asked()), 'provider-failed', /more than 100000 bytes/)
    })
  })

  it('waits while eight others are under way, and is given up where its own time is over', async () => {
    const held: ServerResponse[] = []
    const arrived = Promise.withResolvers<void>()
    const hold: Answer = (response) => {
      held.push(response)
      if (held.length === 8) arrived.resolve()
    }
    await withServer([hold], async (ask, seen) => {
      const first = Array.from({ length: 8 }, () => ask(asked()))
      await arrived.promise
      const given = new AbortController()
      const over = ask(asked(true, given.signal))
      const late = { ...asked(), call: { signal: given.signal, deadline: Date.now() } }
      const third = ask(asked())
      await failsWith(ask(late), 'timeout', /^cloud: m: not sent in time, for 8 calls/)
      given.abort()
      await failsWith(over, 'timeout', /not sent in time/)
      await failsWith(ask(asked(true, given.signal)), 'timeout', /not sent in time/)
      assert.equal(seen.length, 8)
      // The one that waits comes at once when one of the eight is answered.
      held.forEach((response) => answer(200, GOOD)(response))
      assert.deepEqual(
        await Promise.all(first),
        Array.from({ length: 8 }, () => ({ value: 'well' })),
      )
      while (held.length < 9) await new Promise((resolve) => setImmediate(resolve))
      answer(200, GOOD)(held[8] ?? assert.fail())
      assert.deepEqual(await third, { value: 'well' })
      assert.equal(seen.length, 9)
    })
  })
})
