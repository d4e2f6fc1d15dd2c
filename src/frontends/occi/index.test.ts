import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ALICE, BOB, header, READER, textOf, URL_BASE, type Headers } from '../../../test/e2e/asking.ts'
import { kindLine, openOcci as open } from '../../../test/e2e/occi-client.ts'
import { sha256 } from '../../model/digest.ts'
import { headerValues } from '../http.ts'
import { occiProduct } from './index.ts'

const COMPUTE = kindLine('compute')
const USER_DATA = 'Category: user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"'
const ACTION = 'http://schemas.ogf.org/occi/infrastructure/compute/action#'

test('discovers the same on both paths, with and without slashes, by GET and HEAD', async (t) => {
  const { ask } = await open(t)
  const first = await ask('GET /-/', { Accept: 'text/plain,text/occi' })
  assert.equal(first.status, 200)
  assert.equal(header(first, 'Content-Type'), 'text/plain; charset=utf-8')
  assert.match(
    textOf(first),
    /^Category: entity; [^]*\nCategory: memory-debian; scheme="http:\/\/bellhop\.example\/[^]*[^\n]$/,
  )
  for (const line of [
    'HEAD /-/',
    'GET /-',
    'GET //-//',
    'GET /.well-known/org/ogf/occi/-/',
    'GET /.well-known/org/ogf/occi/-',
  ])
    assert.equal(textOf(await ask(line)), textOf(first), line)
  const occi = await ask('GET /-/', { Accept: 'text/occi' })
  assert.equal(textOf(occi), 'OK')
  assert.equal(
    header(occi, 'Category'),
    textOf(first)
      .split('\n')
      .map((line) => line.slice('Category: '.length))
      .join(','),
  )
})

test('discovers what a filter in the headers names', async (t) => {
  const { ask } = await open(t)
  const filter = {
    'Content-Type': 'text/occi',
    Category: 'compute; scheme="http://schemas.ogf.org/occi/infrastructure#"',
  }
  assert.match(textOf(await ask('GET /-/', filter)), /^Category: compute; [^\n]*$/)
  const unknown = await ask('GET /-/', { Category: 'x; scheme="http://example.org/#"' })
  assert.deepEqual([unknown.status, textOf(unknown)], [200, ''])
  assert.equal((await ask('GET /-/', { Category: 'x; scheme=' })).status, 400)
})

test('creates: 201, one absolute URL in header, body and list', async (t) => {
  const { ask } = await open(t)
  for (const [path, type] of [
    ['/compute/', 'text/plain'],
    ['/compute', 'text/plain,text/occi'],
    ['/', 'text/plain'],
  ]) {
    const response = await ask(`POST ${path}`, { 'Content-Type': type ?? '', Host: 'evil.example' }, COMPUTE)
    assert.equal(response.status, 201)
    const url = header(response, 'Location')
    assert.match(url, /^http:\/\/cloud\.example\.org:8787\/compute\/[0-9a-f-]{36}$/)
    assert.equal(textOf(response), `X-OCCI-Location: ${url}`)
    assert.ok(
      textOf(await ask('GET /compute/'))
        .split('\n')
        .includes(`X-OCCI-Location: ${url}`),
    )
  }
  const occi = await ask('POST /compute/', { Category: COMPUTE.slice('Category: '.length) })
  assert.equal(occi.status, 201)
  assert.equal(header(occi, 'Content-Type'), 'text/occi')
  assert.equal(header(occi, 'Location'), header(occi, 'X-OCCI-Location'))
  assert.equal(textOf(occi), 'OK')
})

test('shows a compute with its templates, its actions and what became of the data, never the data', async (t) => {
  const { ask, create } = await open(t)
  const data = Buffer.from('#!/bin/sh\necho secret\n')
  const path = await create(
    'Category: memory-debian; scheme="http://bellhop.example/occi/infrastructure/os_tpl#"; class="mixin"',
    'Category: memory-small; scheme="http://bellhop.example/occi/infrastructure/resource_tpl#"; class="mixin"',
    USER_DATA,
    'X-OCCI-Attribute: occi.core.title="kůň", occi.compute.hostname="my vm", occi.core.summary="a; b"',
    `X-OCCI-Attribute: org.openstack.compute.user_data="${data.toString('base64')}"`,
  )
  const id = path.slice('/compute/'.length)
  const all = textOf(await ask(`GET ${path}`)).split('\n')
  const lines = all.filter((line) => !line.startsWith('Link: </network/'))
  assert.equal(lines.length, all.length - 1, 'it is on one network')
  const expected = [
    'Category: compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Compute"',
    'Category: memory-debian; scheme="http://bellhop.example/occi/infrastructure/os_tpl#"; class="mixin"; title="Debian"',
    'Category: memory-small; scheme="http://bellhop.example/occi/infrastructure/resource_tpl#"; class="mixin"; title="Small"',
    'Category: user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"; title="User data"',
    'Category: delivery; scheme="http://bellhop.example/occi/infrastructure/compute#"; class="mixin"; title="Delivery of user data"',
    `Link: <${path}?action=stop>; rel="${ACTION}stop"`,
    `Link: <${path}?action=restart>; rel="${ACTION}restart"`,
    `Link: <${path}?action=suspend>; rel="${ACTION}suspend"`,
    `Link: <${path}?action=save>; rel="${ACTION}save"`,
    `X-OCCI-Attribute: occi.core.id="${id}"`,
    'X-OCCI-Attribute: occi.core.title="kůň"',
    'X-OCCI-Attribute: occi.core.summary="a; b"',
    'X-OCCI-Attribute: occi.compute.hostname="my vm"',
    'X-OCCI-Attribute: occi.compute.cores=1',
    'X-OCCI-Attribute: occi.compute.memory=0.5',
    'X-OCCI-Attribute: occi.compute.state="active"',
    `X-OCCI-Attribute: bellhop.userdata.sha256="${sha256(data)}"`,
    `X-OCCI-Attribute: bellhop.userdata.size=${data.byteLength}`,
  ]
  assert.deepEqual(lines.slice(0, expected.length), expected)
  assert.match(lines.join('\n'), /bellhop\.delivery\.state="offered"/)
  assert.match(lines.join('\n'), /bellhop\.delivery\.last_event="offered service \d{4}-\d\d-\d\dT[\d:.]+Z"/)
  assert.doesNotMatch(lines.join('\n'), new RegExp(data.toString('base64').slice(0, 12)))
  const occi = await ask(`HEAD ${path}`, { Accept: 'text/occi' })
  assert.equal(headerValues(occi, 'X-OCCI-Attribute').length, 1)
  assert.match(header(occi, 'X-OCCI-Attribute'), /^occi\.core\.id="[^"]*",occi\.core\.title="kůň",/)
})

test('writes back the family of mixins that the client used, and its key', async (t) => {
  const { ask, create } = await open(t)
  const egi = await create('X-OCCI-Attribute: org.openstack.credentials.publickey.data="ssh-ed25519 AAAAC3Nz me"')
  assert.match(
    textOf(await ask(`GET ${egi}`)),
    /publickey\.name="me"\nX-OCCI-Attribute: org[^\n]*data="ssh-ed25519 AAAAC3Nz me"/,
  )
  const occi = textOf(
    await ask(`GET ${await create('X-OCCI-Attribute: occi.credentials.ssh_key="ssh-ed25519 AAAAC3Nz me"')}`),
  )
  assert.match(occi, /Category: ssh_key; [^]*occi\.credentials\.ssh\.publickey="ssh-ed25519 AAAAC3Nz me"/)
  assert.doesNotMatch(occi, /openstack|ssh_key=/)
})

test('shows what came by another way in the family of OCCI 1.2', async (t) => {
  const { ask, service } = await open(t)
  const spec = {
    userData: Buffer.from('x'),
    publicKeys: [{ name: 'me', text: 'ssh-ed25519 AAAAC3Nz me' }],
    variables: {},
    files: [],
    labels: {},
  }
  const { id } = await service.create({ spec }, ALICE)
  const shown = textOf(await ask(`GET /compute/${id}`))
  assert.match(
    shown,
    /user_data; scheme="http:\/\/schemas\.ogf\.org\/[^]*ssh_key; scheme="http:\/\/schemas\.ogf\.org\//,
  )
})

test('lists in each rendering, nothing else in it, empty ones too', async (t) => {
  const { ask, create } = await open(t)
  for (const path of ['/compute/', '/storage/', '/link/', '/os_tpl/memory-debian/', '/user_data/']) {
    const empty = await ask(`GET ${path}`)
    assert.deepEqual([empty.status, textOf(empty)], [200, ''], path)
  }
  const urls = [await create(), await create()].map((path) => `${URL_BASE}${path}`)
  assert.deepEqual(
    textOf(await ask('GET /compute/')).split('\n'),
    urls.map((url) => `X-OCCI-Location: ${url}`),
  )
  const list = await ask('GET /compute/', { Accept: 'text/uri-list' })
  assert.deepEqual([header(list, 'Content-Type'), textOf(list)], ['text/uri-list', urls.join('\n')])
  const occi = await ask('GET /compute/', { Accept: 'text/occi' })
  assert.deepEqual([header(occi, 'Location'), header(occi, 'X-OCCI-Location')], [urls.join(','), urls.join(', ')])
  for (const path of ['/os_tpl/', '/os_tpl/memory-debian/', '/delivery'])
    assert.equal(textOf(await ask(`GET ${path}`)).split('\n').length, 2, path)
  // Each has a link to the network that is for all.
  for (const [path, count] of [
    ['/', 5],
    ['/entity', 5],
    ['/resource/', 3],
    ['/link/', 2],
  ] as const)
    assert.equal(textOf(await ask(`GET ${path}`)).split('\n').length, count, path)
  assert.equal(textOf(await ask('GET /openstack_user_data/')), '')
})

test('narrows a list by categories and attributes in the headers', async (t) => {
  const { ask, create } = await open(t)
  const named = await create('X-OCCI-Attribute: occi.core.title="one", occi.compute.hostname="foo 1 bar"', USER_DATA)
  await create('X-OCCI-Attribute: occi.core.title="two"')
  const found = async (headers: Headers): Promise<string> => textOf(await ask('GET /compute/', headers))
  const one = `X-OCCI-Location: ${URL_BASE}${named}`
  assert.equal(await found({ 'X-OCCI-Attribute': 'occi.core.title="one"' }), one)
  assert.equal(await found({ 'X-OCCI-Attribute': 'occi.compute.hostname="foo 1 bar", occi.compute.cores=1' }), one)
  assert.equal(await found({ 'X-OCCI-Attribute': 'occi.compute.cores=2' }), '')
  assert.equal(await found({ Category: USER_DATA.slice('Category: '.length) }), one)
  assert.equal((await found({ Category: COMPUTE.slice('Category: '.length) })).split('\n').length, 2)
  assert.equal(await found({ Category: 'x; scheme="http://example.org/#"' }), '')
})

test('stops, starts, suspends, resumes and restarts', async (t) => {
  const { ask, create } = await open(t)
  const path = await create()
  const act = async (term: string, method?: string): Promise<string> => {
    const lines = [
      `Category: ${term};scheme="${ACTION}";class="action"`,
      ...(method ? [`X-OCCI-Attribute: method="${method}"`] : []),
    ]
    const response = await ask(`POST ${path}?action=${term}`, { 'Content-Type': 'text/plain' }, lines.join('\n'))
    assert.equal(response.status, 200, textOf(response))
    return /occi\.compute\.state="([a-z]+)"/.exec(textOf(response))?.[1] ?? assert.fail(textOf(response))
  }
  assert.equal(await act('stop', 'graceful'), 'inactive')
  assert.match(textOf(await ask(`GET ${path}`)), /Link: <[^>]*\?action=start>/)
  assert.equal(await act('start'), 'active')
  assert.equal(await act('suspend'), 'suspended')
  assert.equal(await act('start'), 'active')
  assert.equal(await act('restart', 'cold'), 'active')
  assert.equal((await ask(`POST ${path}?action=start`)).status, 409)
})

test('acts on a whole collection, or on none of it', async (t) => {
  const { ask, create } = await open(t)
  const [first, second] = [await create(), await create()]
  assert.equal((await ask('POST /compute/?action=stop')).status, 200)
  assert.match(textOf(await ask(`GET ${first}`)), /state="inactive"/)
  assert.equal((await ask('POST /compute/?action=stop')).status, 200, 'what is stopped need not be stopped')
  assert.equal((await ask(`POST ${second}?action=start`)).status, 200)
  const refused = await ask('POST /compute/?action=restart')
  assert.equal(refused.status, 409)
  assert.match(textOf(refused), new RegExp(`^${first} cannot restart now; none was touched`))
})

test('refuses actions that there are not', async (t) => {
  const { ask, create } = await open(t)
  const path = await create()
  const refusal = async (query: string, ...lines: string[]): Promise<string> => {
    const response = await ask(`POST ${path}${query}`, {}, lines.join('\n'))
    return `${response.status} ${textOf(response)}`
  }
  assert.match(await refusal('?action=explode'), /^400 action=explode: the actions of a compute are: start, stop, /)
  assert.match(await refusal('?action=constructor'), /^400 /)
  assert.match(
    await refusal('?action=stop', `Category: start; scheme="${ACTION}"`),
    /^400 the URL says stop, the body /,
  )
  assert.match(
    await refusal('?action=stop', 'X-OCCI-Attribute: method="hammer"'),
    /^400 method of stop can be graceful or/,
  )
})

test('deletes one, then all, with exactly 200', async (t) => {
  const { ask, create } = await open(t)
  const path = await create()
  await create()
  assert.equal((await ask(`DELETE ${path}`)).status, 200)
  assert.equal((await ask(`GET ${path}`)).status, 404)
  assert.equal((await ask(`DELETE ${path}`)).status, 404)
  assert.equal((await ask('DELETE /compute/')).status, 200)
  assert.equal(textOf(await ask('GET /compute/')), '')
  assert.equal((await ask('DELETE /compute/')).status, 200)
})

test('shows nothing of another project, and lets readers only read', async (t) => {
  const { ask, create } = await open(t)
  const path = await create()
  for (const line of [`GET ${path}`, `DELETE ${path}`, `POST ${path}?action=stop`])
    assert.equal((await ask(line, {}, '', BOB)).status, 404, line)
  assert.equal(textOf(await ask('GET /compute/', {}, '', BOB)), '')
  assert.equal((await ask('DELETE /compute/', {}, '', BOB)).status, 200)
  assert.equal((await ask(`GET ${path}`, {}, '', READER)).status, 200)
  for (const line of [`DELETE ${path}`, 'DELETE /compute/', `POST ${path}?action=stop`])
    assert.equal((await ask(line, {}, '', READER)).status, 403, line)
  assert.equal((await ask('POST /compute/', {}, COMPUTE, READER)).status, 403)
  assert.match(textOf(await ask(`GET ${path}`)), /state="active"/)
})

test('gives a repeated request with one Idempotency-Key one compute', async (t) => {
  const { ask } = await open(t)
  const once = async (): Promise<string> =>
    header(await ask('POST /compute/', { 'Idempotency-Key': 'k1' }, COMPUTE), 'Location')
  assert.equal(await once(), await once())
})

test('says what it left aside', async (t) => {
  const { ask } = await open(t)
  const response = await ask(
    'POST /compute/',
    {},
    `${COMPUTE}\nX-OCCI-Attribute: example.test="1", occi.compute.cores=4`,
  )
  assert.equal(response.status, 201)
  assert.deepEqual(headerValues(response, 'Warning'), [
    '299 bellhop "example.test is no attribute that is known here; it was ignored"',
    '299 bellhop "occi.compute.cores is decided by the size; choose a resource_tpl"',
  ])
})

test('refuses in the rendering of the client, one line long', async (t) => {
  const { ask } = await open(t)
  const occi = await ask('POST /compute/', { Category: 'x; scheme="http://example.org/#"' })
  assert.equal(occi.status, 400)
  assert.equal(header(occi, 'Content-Type'), 'text/occi')
  assert.match(textOf(occi), /^the category http:\/\/example\.org\/#x is not known here/)
  assert.equal(header(occi, 'X-OCCI-Error'), textOf(occi))
  const long = await ask('POST /compute/', {}, `Category: ${'x'.repeat(100_000)}; scheme="y#"`)
  assert.ok(long.body.byteLength < 500)
})

test('uses the statuses that HTTP alone has', async (t) => {
  const { ask, create } = await open(t)
  const path = await create()
  const statusOf = async (line: string, headers: Headers = {}, body = ''): Promise<number> =>
    (await ask(line, headers, body)).status
  assert.equal(await statusOf('GET /nothing'), 404)
  assert.equal(await statusOf('GET /compute/1/2'), 404)
  assert.equal(await statusOf('GET /os_tpl/nothing/'), 404)
  assert.equal(await statusOf('GET /compute/nothing'), 404)
  assert.equal(header(await ask('PUT /-/'), 'Allow'), 'GET, HEAD, POST, DELETE')
  assert.equal(header(await ask('PUT /compute/'), 'Allow'), 'GET, HEAD, POST, DELETE')
  assert.equal(await statusOf('PUT /123'), 400)
  assert.equal(await statusOf('POST /entity/'), 405)
  assert.equal(await statusOf('GET /-/', { Accept: 'application/xml' }), 406)
  assert.equal(await statusOf('POST /compute/', { 'Content-Type': 'application/xml' }, COMPUTE), 406)
  assert.equal(await statusOf('GET /-/', { Accept: 'text/uri-list' }), 400)
  assert.equal(await statusOf(`GET ${path}`, { Accept: 'text/uri-list' }), 400)
  assert.equal(await statusOf('GET /-/', { 'User-Agent': 'client/1 OCCI/1.3' }), 501)
  assert.equal(await statusOf('GET /-/', { 'User-Agent': 'rOCCI-core/4.3.6 rOCCI-api/4.3.14 OCCI/1.1' }), 200)
})

test('creates nothing for one who could not read the answer', async (t) => {
  const { ask } = await open(t)
  assert.equal((await ask('POST /compute/', { Accept: 'text/uri-list' }, COMPUTE)).status, 400)
  assert.equal((await ask('POST /compute/', { Accept: 'application/xml' }, COMPUTE)).status, 406)
  assert.equal((await ask('POST /compute/', { 'User-Agent': 'x OCCI/2.0' }, COMPUTE)).status, 501)
  assert.equal(textOf(await ask('GET /compute/')), '')
})

test('names both versions of OCCI in its product', () => {
  assert.equal(occiProduct('1.0'), 'bellhop/1.0 OCCI/1.1 OCCI/1.2')
})
