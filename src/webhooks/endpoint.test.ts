import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { endpoints } from './endpoint.ts'
import { openReceiver, type Connection } from './post.ts'

const STRICT = { allowPrivate: [], allowHttp: false }
const forever = new AbortController().signal

test('a URL that can lead nowhere good is refused at once, with the reason', () => {
  const { check } = endpoints(STRICT)
  assert.equal(check('https://Portal.example.org/hook?a=b'), 'https://portal.example.org/hook?a=b')
  assert.equal(check('https://8.8.8.8:8443/'), 'https://8.8.8.8:8443/')
  const refused: readonly (readonly [string, RegExp])[] = [
    ['portal.example.org', /is none/],
    ['/hook', /is none/],
    ['http://portal.example.org/', /http:.*https: only/],
    ['ftp://portal.example.org/', /https: only/],
    ['file:///etc/passwd', /https: only/],
    ['https://user@portal.example.org/', /names a user/],
    ['https://:secret@portal.example.org/', /names a user/],
    ['https://portal.example.org/#part', /# part/],
    [`https://portal.example.org/${'a'.repeat(2000)}`, /at most 2000/],
    ['https://127.0.0.1/', /127\.0\.0\.1 is no address/],
    ['https://2130706433/', /127\.0\.0\.1 is no address/],
    ['https://0x7f.1/', /127\.0\.0\.1 is no address/],
    ['https://0177.0.0.1/', /127\.0\.0\.1 is no address/],
    ['https://%31%32%37.0.0.1/', /127\.0\.0\.1 is no address/],
    ['https://①②⑦.0.0.1/', /127\.0\.0\.1 is no address/],
    ['https://169.254.169.254/latest/', /169\.254\.169\.254 is no address/],
    ['https://[::1]/', /::1 is no address/],
    ['https://[::ffff:127.0.0.1]/', /::ffff:7f00:1 is no address/],
    ['https://[fe80::1]/', /fe80::1 is no address/],
  ]
  for (const [url, why] of refused)
    assert.throws(
      () => check(url),
      (error) => isCloudError(error, 'invalid') && why.test(error.message),
      url,
    )
})

test('a site may allow http, and networks of its own', () => {
  const { check } = endpoints({ allowPrivate: ['127.0.0.0/8'], allowHttp: true })
  assert.equal(check('http://127.0.0.1:8080/hook'), 'http://127.0.0.1:8080/hook')
  assert.throws(() => check('http://10.0.0.1/'), /10\.0\.0\.1 is no address/)
})

test('a host name leads somewhere only where all its addresses may be gone to', async () => {
  const answers = new Map([
    ['good.example.org', ['8.8.8.8', '2606:4700::1111']],
    ['mixed.example.org', ['8.8.8.8', '127.0.0.1']],
    ['mapped.example.org', ['::ffff:10.0.0.1']],
  ])
  const { addresses } = endpoints(STRICT, async (host) => answers.get(host) ?? Promise.reject(new Error('ENOTFOUND')))
  const of = (host: string) => addresses(`https://${host}/`, forever)
  assert.deepEqual(await of('good.example.org'), ['8.8.8.8', '2606:4700::1111'])
  // Alike, so that nobody learns which names our DNS knows.
  for (const host of ['mixed.example.org', 'mapped.example.org', 'none.example.org', '127.0.0.1', '[::1]'])
    assert.deepEqual(await of(host), [], host)
})

test('the real resolver answers a name that nobody can have with nothing', async () => {
  assert.deepEqual(await endpoints(STRICT).addresses('https://nobody.invalid/', forever), [])
  const over = AbortSignal.abort()
  assert.deepEqual(await endpoints(STRICT).addresses('https://nobody.invalid/', over), [])
})

test('a name that leads elsewhere when it is asked for again does not lead us there', async (t) => {
  const heard: string[] = []
  const listen = async (host: string, port = 0) => {
    const server = createServer((request, response) => {
      heard.push(host)
      request.resume()
      response.end()
    }).listen(port, host)
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return (server.address() as AddressInfo).port
  }
  const port = await listen('127.0.0.2')
  await listen('127.0.0.1', port)
  // First an address that is allowed, ever after one that is not.
  let asked = 0
  const lying = endpoints({ allowPrivate: ['127.0.0.2/32'], allowHttp: true }, async () => [
    asked++ === 0 ? '127.0.0.2' : '127.0.0.1',
  ])
  const options = { endpoints: lying, tryMs: 10_000, closing: forever, now: Date.now }
  const url = `http://rebinding.example.org:${port}/`
  const receiver = await openReceiver({ ...options, url })
  assert.ok('connect' in receiver)
  for (let count = 0; count < 3; count++) {
    const connection: Connection = receiver.connect()
    assert.equal((await connection.post('{}', {})).kind, 'done')
    await connection.close()
  }
  assert.deepEqual([heard, asked], [['127.0.0.2', '127.0.0.2', '127.0.0.2'], 1])
  assert.ok('failure' in (await openReceiver({ ...options, url })), 'the second answer is judged too')
  assert.equal(heard.length, 3)
})
