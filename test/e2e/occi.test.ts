import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import pino from 'pino'
import { createApiServer } from '../../src/frontends/fastify.ts'
import { createGuard } from '../../src/frontends/guard.ts'
import { occiFrontend, occiProduct } from '../../src/frontends/occi/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import type { Caller } from '../../src/model/instance.ts'
import { openService } from './service.ts'

const CALLERS: Readonly<Record<string, Caller>> = {
  red: { subject: 'test/alice', project: 'test/red', role: 'member' },
  blue: { subject: 'test/bob', project: 'test/blue', role: 'member' },
}
const PUBLIC_URL = 'http://cloud.example.org:8787'

const COMPUTE = 'compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"'
const USER_DATA = 'user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"'

/** Bellhop's API on a free port of loopback, with OCCI at its root and the memory provider below. */
async function open(t: TestContext) {
  const { service, close } = await openService()
  const log: string[] = []
  const server = createApiServer({
    publicUrl: PUBLIC_URL,
    guard: createGuard({ authenticate: async (token) => CALLERS[token] }),
    root: occiFrontend({ service, publicUrl: PUBLIC_URL, version: '1.0' }),
    product: occiProduct('1.0'),
    log: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await server.close()
    await close()
  })
  const ask = async (
    method: string,
    path: string,
    init: RequestInit & { readonly as?: string } = {},
  ): Promise<Response> => {
    const { as = 'red', ...rest } = init
    const headers = new Headers(rest.headers)
    if (as !== '') headers.set('X-Auth-Token', as)
    return await fetch(`http://127.0.0.1:${port}${path}`, { method, ...rest, headers })
  }
  const list = async (as = 'red'): Promise<readonly string[]> =>
    (await (await ask('GET', '/compute/', { as, headers: { Accept: 'text/uri-list' } })).text())
      .split('\n')
      .filter(Boolean)
  const send = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    return await text(socket)
  }
  return { ask, list, send, log }
}

/** A recorded request as its client would have sent it to us: with our templates, our credential, and the right length. */
function recorded(number: string): Buffer {
  const file = new URL(`../../src/frontends/occi/testdata/rocci-cli-${number}.req`, import.meta.url)
  const raw = readFileSync(file, 'latin1')
    .replaceAll('http://occi.example.org/', 'http://bellhop.example/')
    .replaceAll('debian12;', 'memory-debian;')
    .replaceAll('small;', 'memory-small;')
  const end = raw.indexOf('\r\n\r\n')
  const body = raw.slice(end + 4)
  const head = raw
    .slice(0, end)
    .replace(/\r\nContent-Length: \d+/, '')
    .concat(`\r\nX-Auth-Token: red\r\nContent-Length: ${body.length}\r\n\r\n`)
  return Buffer.from(head + body, 'latin1')
}

for (const [name, discovery, create] of [
  ['its default media types', '001', '002'],
  ['text/plain', '003', '004'],
  ['text/occi', '005', '006'],
] as const) {
  test(`rOCCI-cli with ${name} discovers, creates, and finds what it made`, async (t) => {
    const { ask, list, send } = await open(t)
    assert.match(await send(recorded(discovery)), /^HTTP\/1\.1 200 [^]*Category: entity; scheme=/)
    const answer = await send(recorded(create))
    assert.match(answer, /^HTTP\/1\.1 201 /)
    const url = /\r\nLocation: (\S+)\r\n/.exec(answer)?.[1] ?? assert.fail(answer)
    assert.ok(answer.includes(`X-OCCI-Location: ${url}`))
    assert.deepEqual(await list(), [url])
    const shown = await (await ask('GET', new URL(url).pathname)).text()
    assert.match(shown, /occi\.core\.title="my vm"/)
    assert.match(shown, /Category: user_data; scheme="http:\/\/schemas\.openstack\.org\/compute\/instance#"/)
    assert.match(shown, /publickey\.data="ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB user@host, comment \\"quoted\\""/)
  })
}

test('a compute lives from its creation to its end', async (t) => {
  const { ask } = await open(t)
  const made = await ask('POST', '/compute/', {
    headers: { 'Content-Type': 'text/plain' },
    body: `Category: ${COMPUTE}\nCategory: ${USER_DATA}\nX-OCCI-Attribute: org.openstack.compute.user_data="IyEvYmluL3NoCg=="`,
  })
  assert.equal(made.status, 201)
  const path = new URL(made.headers.get('location') ?? '').pathname
  const stateAfter = async (response: Response): Promise<string> => {
    assert.equal(response.status, 200)
    return /occi\.compute\.state="(\w+)"/.exec(await response.text())?.[1] ?? ''
  }
  assert.equal(await stateAfter(await ask('GET', path)), 'active')
  assert.equal(await stateAfter(await ask('POST', `${path}?action=stop`)), 'inactive')
  assert.equal(await stateAfter(await ask('POST', `${path}?action=start`)), 'active')
  assert.equal((await ask('DELETE', path)).status, 200)
  assert.equal((await ask('GET', path)).status, 404)
})

test('64 KiB of user data in a text/occi header arrive whole', async (t) => {
  const { ask } = await open(t)
  const data = Buffer.alloc(64 * 1024, 'all of it ')
  const made = await ask('POST', '/compute/', {
    headers: {
      'Content-Type': 'text/occi',
      Category: `${COMPUTE},${USER_DATA}`,
      'X-OCCI-Attribute': `org.openstack.compute.user_data="${data.toString('base64')}"`,
    },
  })
  assert.equal(made.status, 201, await made.clone().text())
  const shown = await ask('GET', new URL(made.headers.get('location') ?? '').pathname, {
    headers: { Accept: 'text/occi' },
  })
  const attributes = shown.headers.get('x-occi-attribute') ?? ''
  assert.match(attributes, new RegExp(`bellhop\\.userdata\\.sha256="${sha256(data)}",bellhop\\.userdata\\.size=65536`))
})

test('what belongs to another project is not there', async (t) => {
  const { ask, list } = await open(t)
  const made = await ask('POST', '/compute/', {
    body: `Category: ${COMPUTE}`,
    headers: { 'Content-Type': 'text/plain' },
  })
  const path = new URL(made.headers.get('location') ?? '').pathname
  for (const [method, query] of [
    ['GET', ''],
    ['HEAD', ''],
    ['POST', '?action=stop'],
    ['DELETE', ''],
  ])
    assert.equal((await ask(method ?? '', `${path}${query}`, { as: 'blue' })).status, 404)
  assert.deepEqual(await list('blue'), [])
  assert.equal((await list()).length, 1)
})

test('no credential, no answer; the answer says how to give one', async (t) => {
  const { ask } = await open(t)
  for (const [method, path] of [
    ['HEAD', '/-/'],
    ['GET', '/compute/'],
    ['POST', '/compute/'],
    ['DELETE', '/compute/'],
  ]) {
    const response = await ask(method ?? '', path ?? '', { as: '' })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Basic realm="bellhop"')
    assert.equal(response.headers.get('server'), 'bellhop/1.0 OCCI/1.1 OCCI/1.2')
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
  }
})

test('neither a guest nor a web page can create anything', async (t) => {
  const { ask, list, send } = await open(t)
  const body = `Category: ${COMPUTE}`
  const plain = { 'Content-Type': 'text/plain' }
  // A guest reaches this port through the host's loopback, but has no credential.
  assert.equal((await ask('POST', '/compute/', { as: '', body, headers: plain })).status, 401)
  // A page posts with credentials that the browser kept.
  for (const origin of ['http://evil.example', 'null', 'http://localhost:3000'])
    assert.equal((await ask('POST', '/compute/', { body, headers: { ...plain, Origin: origin } })).status, 403)
  // A rebound name makes the page same-origin, but it is not ours.
  const rebound = `POST /compute/ HTTP/1.1\r\nHost: evil.example:8787\r\nX-Auth-Token: red\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  assert.match(await send(rebound), /^HTTP\/1\.1 403 /)
  assert.deepEqual(await list(), [])
  // The same request under a name of ours does create.
  assert.match(await send(rebound.replace('evil.example', 'cloud.example.org')), /^HTTP\/1\.1 201 /)
  assert.equal((await list()).length, 1)
})

test('too large is refused, and nothing is made of it', async (t) => {
  const { ask, list } = await open(t)
  const headers = { 'Content-Type': 'text/plain' }
  const attribute = (bytes: number): string =>
    `Category: ${COMPUTE}\nX-OCCI-Attribute: occi.compute.userdata="${Buffer.alloc(bytes).toString('base64')}"`
  assert.equal((await ask('POST', '/compute/', { headers, body: attribute(10 * 1024 * 1024) })).status, 413)
  assert.deepEqual(await list(), [])
  assert.equal((await ask('POST', '/compute/', { headers, body: attribute(7 * 1024 * 1024) })).status, 201)
})

test('garbage, and data in it, leave no trace but a line', async (t) => {
  const { ask, send, log, list } = await open(t)
  await send('BREW /compute/ HTCPCP/1.0\r\n\r\n')
  await send(
    `POST /compute/ HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: red\r\nConnection: close\r\nContent-Length: 4\r\n\r\n\xff\xfe\0"`,
  )
  const broken = await ask('POST', '/compute/', { body: `Category: ${COMPUTE}\nX-OCCI-Attribute: a="secret-data` })
  assert.equal(broken.status, 400)
  assert.match(await broken.text(), /^line 2, column 21: no closing '"'/)
  assert.deepEqual(await list(), [])
  assert.doesNotMatch(log.join(''), /secret-data|unexpected error/)
})
