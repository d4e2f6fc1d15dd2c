import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, METHODS } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createCarrier } from './metadata-net.ts'
import { bareReply, textReply } from './metadata-reply.ts'

const LIMITS = {
  headMaxBytes: 16 * 1024,
  headersMaxCount: 100,
  bodyMaxBytes: 64 * 1024,
  headTimeoutMs: 5000,
  requestTimeoutMs: 5000,
  idleTimeoutMs: 5000,
  connectionsMax: 100,
  drainMs: 1000,
}

/** A request as a server understood it. */
interface Seen {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body: string
}

const UNFINISHED: Seen = { method: '', target: '', headers: [], body: '' }

type Server = { readonly port: number; seen: Seen[] }

async function ours(): Promise<Server> {
  const server: { port: number; seen: Seen[] } = { port: 0, seen: [] }
  const carrier = createCarrier(LIMITS, () => {})
  const { address } = await carrier.listen({ host: '127.0.0.1', port: 0 }, LIMITS.connectionsMax, {
    limits: LIMITS,
    admit:
      () =>
      ({ target, headers }) => ({ caller: 'x', path: target, headers, throughProxy: false }),
    answer: ({ path, headers }, method, body) => {
      server.seen.push({ method, target: path, headers, body: Buffer.from(body).toString('latin1') })
      return textReply(200)
    },
    refusal: (status) => bareReply(status),
    sent: () => {},
  })
  after(() => carrier.close())
  server.port = address?.port ?? 0
  return server
}

function lowerNames(headers: readonly string[]): readonly string[] {
  return headers.map((word, index) => (index % 2 === 0 ? word.toLowerCase() : word))
}

/** The yardstick: Node's own HTTP server, with the same limits. */
async function nodes(): Promise<Server> {
  const server: { port: number; seen: Seen[] } = { port: 0, seen: [] }
  const http = createServer({ maxHeaderSize: LIMITS.headMaxBytes, requireHostHeader: false }, (request, response) => {
    const { method = '', url = '', rawHeaders } = request
    // It begins with a request before the one before is whole.
    const place = server.seen.push(UNFINISHED) - 1
    const { seen } = server
    void buffer(request).then(
      (body) => {
        seen[place] = { method, target: url, headers: lowerNames(rawHeaders), body: body.toString('latin1') }
        response.end()
      },
      () => {},
    )
  })
  Object.assign(http, { httpAllowHalfOpen: true })
  // Methods with a meaning of their own are requests like any other here.
  http.on('connect', (request, socket) => {
    const { method = '', url = '', rawHeaders } = request
    server.seen.push({ method, target: url, headers: lowerNames(rawHeaders), body: '' })
    socket.end()
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  after(() => http.close())
  server.port = (http.address() as AddressInfo).port
  return server
}

async function seenOf(server: Server, bytes: Uint8Array): Promise<readonly Seen[]> {
  server.seen = []
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.end(bytes)
  await text(socket).catch(() => '')
  return server.seen.filter((seen) => seen !== UNFINISHED)
}

const header = fc.oneof(
  fc.constantFrom('User-Agent: x', 'accept: */*', 'X-Forwarded-For: 10.0.0.1', 'X:', 'Connection: keep-alive'),
  fc.constantFrom('Accept-Encoding: gzip, deflate', 'X: \t y\tz ', 'X-aws-ec2-metadata-token-ttl-seconds: 60'),
)

const request = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'),
    target: fc.constantFrom('/', '/latest/user-data', '/openstack/latest/', '/a%2Fb?c=d', '//a/../b', 'http://x/y'),
    headers: fc.array(header, { maxLength: 4 }),
    body: fc.option(fc.string({ unit: 'binary-ascii', maxLength: 20 }), { nil: undefined }),
  })
  .map(({ method, target, headers, body }) => {
    const length = body === undefined ? [] : [`Content-Length: ${body.length}`]
    return [`${method} ${target} HTTP/1.1`, 'Host: x', ...headers, ...length, '', body ?? ''].join('\r\n')
  })

const conversation = fc.array(request, { minLength: 1, maxLength: 4 }).map((requests) => requests.join(''))

/** Pieces on which servers are known to disagree. */
const piece = fc.oneof(
  fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    '\0',
    ',',
    '\u00ff',
    'HTTP/1.0',
    'HTTP/1.1',
    '1',
    '0x',
  ),
  fc.constantFrom('Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: y\r\n'),
  fc.constantFrom(
    'Connection: close\r\n',
    'Connection: x, close\r\n',
    'Expect: 100-continue\r\n',
    'Content-Length : 3\r\n',
  ),
  fc.constantFrom(' folded\r\n', 'Upgrade: x\r\n', 'GET', '#', '"', '{', '\u0080', 'PRI * HTTP/2.0\r\n\r\n'),
)

const edit = fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), put: fc.option(piece, { nil: '' }) })

describe('our reading of HTTP', () => {
  it("is Node's, of all that is well-formed", async () => {
    const [mine, theirs] = [await ours(), await nodes()]
    await fc.assert(
      fc.asyncProperty(conversation, async (said) => {
        const bytes = Buffer.from(said, 'latin1')
        assert.deepEqual(await seenOf(mine, bytes), await seenOf(theirs, bytes))
      }),
      { numRuns: 300 },
    )
  })

  it("is Node's or a refusal, of all that is not: no request of ours is hidden in one of theirs", async () => {
    const [mine, theirs] = [await ours(), await nodes()]
    await fc.assert(
      fc.asyncProperty(conversation, fc.array(edit, { minLength: 1, maxLength: 3 }), async (said, edits) => {
        const bytes = Buffer.from(edits.reduce(applyEdit, said), 'latin1')
        const [a, b] = [await seenOf(mine, bytes), await seenOf(theirs, bytes)]
        for (const [index, seen] of a.entries()) {
          // Node does not know all methods that there may be, nor does it take a line feed in what it has not parsed yet.
          if (b[index] === undefined && !METHODS.includes(seen.method)) return
          assert.deepEqual(seen, b[index])
        }
      }),
      { numRuns: 2000 },
    )
  })
})

function applyEdit(
  text: string,
  { at, cut, put }: { readonly at: number; readonly cut: number; readonly put: string },
): string {
  const where = at % (text.length + 1)
  return text.slice(0, where) + put + text.slice(where + cut)
}
