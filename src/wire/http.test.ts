import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createSocketServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { quoteShort } from './http-answer.ts'
import { retryAfterMs } from './http-retry.ts'
import { createHttpClient, type HttpClientOptions, type HttpRequest } from './http.ts'

const SECRET = 'very-secret-word'

/** What a test asks with; nothing waits in truth, and what would have been waited is in `waits`. */
function client(options: HttpClientOptions = {}) {
  const waits: number[] = []
  const sleep = async (ms: number) => void waits.push(ms)
  return { waits, ...createHttpClient({ sleep, random: () => 1, tryMs: 10_000, ...options }) }
}

const NOW = Date.parse('2026-11-22T10:00:00Z')
const call = (ms = 30_000) => ({ signal: new AbortController().signal, deadline: Date.now() + ms })

/** Nothing that anyone sent may stand in an error. */
const failsWith = (answer: Promise<unknown>, code: ErrorCode, message: RegExp) =>
  assert.rejects(answer, (error) => {
    assert.ok(isCloudError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes(SECRET), error.message)
    assert.equal(error.cause, undefined)
    return true
  })

async function listening(server: Server, use: (port: number) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use((server.address() as AddressInfo).port)
  } finally {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** A server that answers its n-th request by the n-th of `answers`, and then by the last one. */
async function withServer(
  answers: readonly ((response: ServerResponse, request: IncomingMessage) => void)[],
  use: (url: string, seen: () => number) => Promise<void>,
): Promise<void> {
  let seen = 0
  const listener: RequestListener = (request, response) => {
    request.resume().on('end', () => answers[Math.min(seen++, answers.length - 1)]?.(response, request))
  }
  await listening(createServer(listener), (port) => use(`http://127.0.0.1:${port}/path?q=${SECRET}`, () => seen))
}

const answer =
  (status: number, body = '', headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(body)
const ok = answer(200, '{"a":1}', { 'content-type': 'application/json' })

const get = (url: string): HttpRequest => ({
  what: 'cloud: list',
  method: 'GET',
  url,
  headers: { 'x-auth-token': SECRET },
  call: call(),
})
const post = (url: string): HttpRequest => ({ ...get(url), what: 'cloud: create', method: 'POST', body: SECRET })

describe('an answer', () => {
  it('is given whole, with its status, its headers and its JSON', async () => {
    const reply = answer(418, '{"a":[1,"é"]}', { 'content-type': 'application/json', 'x-request-id': 'req-1' })
    await withServer([reply], async (url) => {
      const { status, headers, json, bytes } = await client().request(get(url))
      assert.deepEqual([status, headers.get('x-request-id'), bytes.length], [418, 'req-1', 14])
      assert.deepEqual(json(), { a: [1, 'é'] })
    })
  })

  it('brings what was sent to the server', async () => {
    const echo = (response: ServerResponse, request: IncomingMessage) =>
      response.end(JSON.stringify([request.method, request.url, request.headers['x-auth-token']]))
    await withServer([echo], async (url) => {
      assert.deepEqual((await client().request(post(url))).json(), ['POST', `/path?q=${SECRET}`, SECRET])
    })
  })

  it('that is no JSON is named by status, type and length; after a POST nobody knows what was done', async () => {
    const page = answer(200, `<html>${SECRET}</html>`, { 'content-type': 'text/html; charset=utf-8' })
    await withServer([page, page, answer(200, '{"half":')], async (url) => {
      const { request } = client()
      const read = async (asked: HttpRequest) => (await request(asked)).json()
      await failsWith(
        read(get(url)),
        'provider-failed',
        /^cloud: list: answers 200 with text\/html of 29 bytes, which is no/,
      )
      await failsWith(read(post(url)), 'unavailable', /no JSON; whether it was done is unknown$/)
      await failsWith(read(get(url)), 'provider-failed', /no content type of 8 bytes, which is no JSON$/)
    })
  })

  it('that is too long is refused, and not asked for again', async () => {
    await withServer([answer(200, 'x'.repeat(2000))], async (url, seen) => {
      const { request } = client({ maxBytes: 1000 })
      await failsWith(request(get(url)), 'provider-failed', /more than 1000 bytes/)
      await failsWith(request(post(url)), 'unavailable', /more than 1000 bytes.*whether it was done is unknown/)
      assert.equal(seen(), 2)
      assert.equal((await client({ maxBytes: 2000 }).request(get(url))).bytes.length, 2000)
    })
  })

  it('that redirects is refused, with the reason', async () => {
    await withServer([answer(302, '', { location: `http://127.0.0.1:1/${SECRET}` })], async (url, seen) => {
      await failsWith(client().request(get(url)), 'provider-failed', /answers 302, a redirect, and none is followed/)
      assert.equal(seen(), 1)
    })
  })
})

describe('trouble', () => {
  const reset = (response: ServerResponse) => void response.socket?.destroy()
  const resetMidBody = (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': '100' }).write('half of it')
    setImmediate(() => response.socket?.destroy())
  }

  for (const [name, fault] of Object.entries({
    reset,
    resetMidBody,
    'a 502': answer(502),
    'a 504': answer(504),
    'a 503': answer(503),
  })) {
    it(`(${name}) that passes is not seen by a GET, a DELETE and a safe POST, and longer waits lie between tries`, async () => {
      for (const asked of [
        get,
        (url: string) => ({ ...get(url), method: 'DELETE' as const }),
        (url: string) => ({ ...post(url), isSafe: true }),
      ])
        await withServer([fault, fault, ok], async (url, seen) => {
          const { request, waits } = client()
          assert.deepEqual((await request(asked(url))).json(), { a: 1 })
          assert.deepEqual([seen(), waits], [3, [250, 500]])
        })
    })

    it(`(${name}) ends a POST at once: what was done is unknown`, async () => {
      await withServer([fault, ok], async (url, seen) => {
        const code = name === 'a 504' ? 'timeout' : 'unavailable'
        await failsWith(client().request(post(url)), code, /^cloud: create: .*; whether it was done is unknown$/)
        assert.equal(seen(), 1)
      })
    })
  }

  it('that lasts is told after four tries', async () => {
    const html = answer(502, `<html>${SECRET}`, { 'content-type': 'text/html' })
    for (const [fault, code, message] of [
      [resetMidBody, 'unavailable', /broke before the answer was whole \(UND_ERR_SOCKET\)$/],
      [answer(503), 'unavailable', /answers 503/],
      [answer(504), 'timeout', /answers 504/],
      [html, 'provider-failed', /answers 502 with text\/html$/],
    ] as const)
      await withServer([fault], async (url, seen) => {
        await failsWith(client().request(get(url)), code, message)
        assert.equal(seen(), 4)
      })
  })

  it('of one try that takes too long is over for a GET with the next, and final for a POST', async () => {
    const hang = () => {}
    const drip = (response: ServerResponse) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('.'), 5)
      response.on('close', () => clearInterval(timer))
    }
    for (const slow of [hang, drip]) {
      await withServer([slow, ok], async (url, seen) => {
        assert.equal((await client({ tryMs: 500 }).request(get(url))).status, 200)
        assert.ok(seen() > 1)
      })
      await withServer([slow, ok], async (url, seen) => {
        await failsWith(
          client({ tryMs: 500 }).request(post(url)),
          'timeout',
          /in time; whether it was done is unknown$/,
        )
        assert.ok(seen() <= 1)
      })
    }
  })

  it('of a call that is given up, or whose time is over, is not tried again', async () => {
    const gaveUp = new AbortController()
    await withServer([() => gaveUp.abort(), ok], async (url, seen) => {
      await failsWith(
        client().request({ ...get(url), call: { ...call(), signal: gaveUp.signal } }),
        'timeout',
        /in time$/,
      )
      await failsWith(
        client().request({ ...post(url), call: { ...call(), signal: gaveUp.signal } }),
        'timeout',
        /in time$/,
      )
      assert.equal(seen(), 1)
    })
    await withServer([() => {}, ok], async (url, seen) => {
      await failsWith(client().request({ ...get(url), call: call(200) }), 'timeout', /no answer in time$/)
      assert.ok(seen() <= 1)
    })
  })

  it('of a port where nobody listens is tried again for every method, and is known to have done nothing', async () => {
    let port = 0
    await listening(createSocketServer(), async (free) => void (port = free))
    for (const asked of [get, post]) {
      const { request, waits } = client()
      await failsWith(request(asked(`http://127.0.0.1:${port}/`)), 'unavailable', /cannot be reached \(ECONNREFUSED\)$/)
      assert.deepEqual(waits, [250, 500, 1000])
    }
  })

  it('of a server that speaks no HTTP is told without what it said', async () => {
    const server = createSocketServer(
      (socket) =>
        void socket
          .on('error', () => {})
          .resume()
          .end(`${SECRET}\r\n\r\n`),
    )
    await listening(server, (port) =>
      failsWith(
        client().request(get(`http://127.0.0.1:${port}/`)),
        'unavailable',
        /broke before .* \((?:HPE_\w+|HTTPParserError)\)$/,
      ),
    )
  })
})

describe('Retry-After', () => {
  it('is waited for: after 429 by every method, after 503 where twice is as good as once', async () => {
    for (const [asked, status] of [
      [get, 429],
      [post, 429],
      [get, 503],
    ] as const)
      await withServer([answer(status, '', { 'retry-after': '7' }), ok], async (url, seen) => {
        const { request, waits } = client()
        assert.equal((await request(asked(url))).status, 200)
        assert.deepEqual([seen(), waits], [2, [7000]])
      })
  })

  it('is waited for by what comes after it too, at that server alone', async () => {
    for (const status of [429, 503]) {
      const busy = answer(status, '', { 'retry-after': '7' })
      await withServer([busy, ok], async (url, seen) => {
        const { request, waits } = client({ now: () => NOW })
        const within = (ms: number) => ({ signal: new AbortController().signal, deadline: NOW + ms })
        await assert.rejects(request({ ...post(url), call: within(1000) }))
        const code = status === 429 ? 'rate-limited' : 'unavailable'
        await failsWith(
          request({ ...post(url), call: within(7000) }),
          code,
          /^cloud: create: asked to be left alone for 7 s more$/,
        )
        assert.deepEqual([seen(), waits], [1, []])
        assert.equal((await request({ ...post(url), server: 'another', call: within(1000) })).status, 200)
        assert.equal((await request({ ...post(url), call: within(8000) })).status, 200)
        assert.deepEqual([seen(), waits], [3, [7000]])
      })
    }
  })

  it('of more than an hour holds others back for an hour', async () => {
    let now = NOW
    await withServer([answer(503, '', { 'retry-after': '999999999' }), ok], async (url, seen) => {
      const { request } = client({ now: () => now })
      const soon = () => ({ signal: new AbortController().signal, deadline: now + 1000 })
      await failsWith(request({ ...get(url), call: soon() }), 'unavailable', /asks to wait 999999999 s/)
      now += 3_599_000 - 1000
      await failsWith(request({ ...get(url), call: soon() }), 'unavailable', /left alone for 2 s more$/)
      now += 2000
      assert.equal((await request({ ...get(url), call: soon() })).status, 200)
      assert.equal(seen(), 2)
    })
  })

  it('that is later than the deadline ends the call at once', async () => {
    await withServer([answer(429, '', { 'retry-after': '3600' })], async (url, seen) => {
      const { request, waits } = client()
      await failsWith(request(post(url)), 'rate-limited', /answers 429, too many requests; it asks to wait 3600 s$/)
      assert.deepEqual([seen(), waits], [1, []])
    })
  })

  it('may be seconds or a date, and nothing else', () => {
    const now = Date.parse('2026-11-22T10:00:00Z')
    const wait = (text: string) => retryAfterMs(new Map([['retry-after', text]]), now)
    assert.equal(wait('120'), 120_000)
    assert.equal(wait('Sun, 22 Nov 2026 10:00:30 GMT'), 30_000)
    assert.equal(wait('Sun, 22 Nov 2026 09:00:00 GMT'), 0)
    for (const wrong of ['', '-1', '1.5', 'soon', '2027-01-01', '9999999999']) assert.equal(wait(wrong), 0, wrong)
    assert.equal(retryAfterMs(new Map(), now), 0)
  })
})

const noOpenssl =
  spawnSync('openssl', ['version']).status === 0 || process.env['CI'] !== undefined
    ? false
    : 'openssl is missing: apt-get install openssl'

describe('TLS', () => {
  it('believes the certificates that it is told to, and none else', { skip: noOpenssl }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-tls-'))
    try {
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
      const subject = ['-subj', '/CN=cloud.example', '-addext', 'subjectAltName=IP:127.0.0.1']
      const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
      execFileSync(
        'openssl',
        ['req', '-x509', ...ec, '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject],
        { stdio: 'ignore' },
      )
      const pem = await readFile(cert, 'utf8')
      const server = createTlsServer({ key: await readFile(key), cert: pem }, (_, response) => ok(response))
      await listening(server, async (port) => {
        const url = `https://127.0.0.1:${port}/`
        const { request, waits } = client()
        await failsWith(
          request(post(url)),
          'provider-failed',
          /certificate is refused .*\(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
        )
        assert.deepEqual(waits, [])
        assert.equal((await client({ tls: { ca: pem } }).request(post(url))).status, 200)
        assert.equal((await client({ tls: { isVerified: false } }).request(post(url))).status, 200)
        // The name of the host is checked too.
        const named = client({ tls: { ca: pem } }).request(post(`https://localhost:${port}/`))
        await failsWith(named, 'provider-failed', /\(ERR_TLS_CERT_ALTNAME_INVALID\)/)
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is missed where the other side has none', async () => {
    await withServer([ok], (url) =>
      failsWith(client().request(get(url.replace('http:', 'https:'))), 'provider-failed', /no TLS there/),
    )
  })
})

describe('quoteShort', () => {
  it('gives one line of at most 200 characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1000 }), (text) => {
        const line = quoteShort(text)
        assert.ok(line.length <= 200)
        assert.doesNotMatch(line, /[\r\n\t\u2028\u0085]/)
      }),
    )
    assert.equal(quoteShort('No image found.<br /><br />\n\n\n'), 'No image found.')
    assert.equal(quoteShort('x'.repeat(500)), `${'x'.repeat(199)}…`)
  })
})
