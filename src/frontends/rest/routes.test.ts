import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { ALICE, BOB, header, jsonOf, READER, textOf, toRequest, type Headers } from '../../../test/e2e/asking.ts'
import { openService, type OpenOptions } from '../../../test/e2e/service.ts'
import { sha256 } from '../../model/digest.ts'
import { isObject } from '../json-text.ts'
import { restFrontend } from './index.ts'
import { ROOT, routesOf } from './routes.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT4GQCjyQjTqbv9DQR6pOQTqVyEJ6TLMTqpPyqZwZK alice@laptop'
const JSON_TYPE = { 'Content-Type': 'application/json' }
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64')

async function open(t: TestContext, options: OpenOptions = {}) {
  const opened = await openService({ cloud: { capabilities: { update: 'live' } }, ...options })
  t.after(opened.close)
  const handler = restFrontend({ service: opened.service, seedUrl: (id) => `http://guests/seed/${id}/` })
  const documented = jsonOf(await handler(toRequest(`GET ${ROOT}/openapi.json`, {}, ''), ALICE))
  const seen = new Set<string>()

  /** Asks, and holds the answer to what the API's own description says of it. */
  async function ask(line: string, body: unknown = '', headers: Headers = {}, caller = ALICE) {
    const isBytes = typeof body === 'string' || body instanceof Uint8Array
    const request = toRequest(
      line,
      isBytes ? headers : { ...JSON_TYPE, ...headers },
      isBytes ? body : JSON.stringify(body),
    )
    const response = await handler(request, caller)
    seen.add(conform(documented, request.method, request.path, response))
    return response
  }
  const create = async (body: object = {}): Promise<string> => {
    const made = await ask(`POST ${ROOT}/instances`, body)
    assert.equal(made.status, 201, textOf(made))
    return String(jsonOf(made)['id'])
  }
  return { ...opened, ask, create, seen, documented }
}

/** @returns operation and status, as the description names them */
function conform(
  documented: Readonly<Record<string, unknown>>,
  method: string,
  path: string,
  response: Parameters<typeof textOf>[0],
): string {
  const template = path.replace(/^(\/api\/v1\/instances\/)[^/]+/, '$1{id}')
  const at = ['paths', template, method.toLowerCase(), 'responses', String(response.status)]
  const told = at.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), documented)
  const name = `${method} ${template} ${response.status}`
  assert.ok(isObject(told), `${name} is documented`)
  const [type = ''] = header(response, 'Content-Type').split(';')
  const content = isObject(told['content']) ? told['content'] : {}
  if (response.body.byteLength === 0) assert.deepEqual(content, {}, name)
  else {
    const media = content[type]
    assert.ok(isObject(media), `${name} as ${type} is documented`)
    const validator = Compile(resolved(media['schema'], documented) as object)
    if (type === 'application/json')
      assert.deepEqual(validator.Errors(jsonOf(response)), [], `${name}: ${textOf(response)}`)
  }
  return name
}

/** A schema with what it refers to in its place. */
function resolved(schema: unknown, documented: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(schema)) return schema.map((each) => resolved(each, documented))
  if (!isObject(schema)) return schema
  const { $ref } = schema
  if (typeof $ref === 'string') {
    const found = $ref
      .slice(2)
      .split('/')
      .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), documented)
    assert.ok(isObject(found), `${$ref} leads somewhere`)
    return resolved(found, documented)
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, documented)]))
}

test('every route answers as the description of the API says, well and ill', async (t) => {
  const { ask, create, service, seen, provider } = await open(t)
  const wanted = { name: 'web', userData: base64('#!/bin/sh\n'), size: 'memory-large' }
  const id = await create(wanted)
  const at = `${ROOT}/instances/${id}`
  await service.get(id, ALICE)
  for (const [line, body, status] of [
    [`GET ${ROOT}/instances`, '', 200],
    [`GET ${ROOT}/instances?delivery=true`, '', 200],
    [`GET ${ROOT}/instances?delivery=yes`, '', 400],
    [`POST ${ROOT}/instances`, { image: 'nosuch' }, 400],
    [`POST ${ROOT}/plan`, wanted, 200],
    [`POST ${ROOT}/plan`, { by: 'injection' }, 501],
    [`POST ${ROOT}/plan`, { userData: base64(Buffer.alloc(8 * 1024 * 1024 + 1)) }, 413],
    [`GET ${at}`, '', 200],
    [`GET ${ROOT}/instances/nosuch`, '', 404],
    [`GET ${at}/events?limit=3`, '', 200],
    [`GET ${at}/events?limit=0`, '', 400],
    [`GET ${at}/events?limit=1&limit=2`, '', 400],
    [`GET ${at}/console`, '', 200],
    [`GET ${at}/console?from=-1`, '', 400],
    [`POST ${at}/actions`, { action: 'suspend' }, 200],
    [`POST ${at}/actions`, { action: 'suspend' }, 409],
    [`POST ${at}/actions`, { action: 'explode' }, 400],
    [`POST ${at}/actions`, { action: 'resume' }, 200],
    [`PUT ${at}/user-data`, Buffer.from([0, 255]), 200],
    [`PUT ${at}/user-data?colour=red`, '', 400],
    [`DELETE ${at}/user-data`, '', 200],
    [`GET ${ROOT}/providers`, '', 200],
    [`GET ${ROOT}/images`, '', 200],
    [`GET ${ROOT}/sizes`, '', 200],
  ] as const) {
    const response = await ask(line, body)
    assert.equal(response.status, status, `${line}: ${textOf(response)}`)
  }
  assert.equal((await ask(`GET ${at}/events`, '', { Accept: 'text/event-stream' })).status, 200)
  for (const [line, body] of [
    [`POST ${ROOT}/instances`, {}],
    [`DELETE ${at}`, ''],
    [`PUT ${at}/user-data`, ''],
    [`POST ${at}/actions`, { action: 'stop' }],
  ] as const) {
    assert.equal((await ask(line, body, {}, READER)).status, 403, line)
    if (line.includes(id)) assert.equal((await ask(line, body, {}, BOB)).status, 404, line)
  }
  await provider.setFaults({ delete: { before: 'provider-failed', times: 1 } })
  assert.equal((await ask(`DELETE ${at}`)).status, 502)
  assert.equal((await ask(`DELETE ${at}`)).status, 204)
  for (const { method, path, answers } of routesOf({ service }))
    for (const status of Object.keys(answers))
      assert.ok(seen.has(`${method} ${ROOT}${path} ${status}`), `${method} ${path} ${status} was asked for`)
})

describe('the description of the API', () => {
  it('refers to nothing that is not in it, and names each operation once', async (t) => {
    const { documented, service } = await open(t)
    resolved(documented, documented)
    const ids = routesOf({ service }).map(({ operationId }) => operationId)
    assert.equal(new Set(ids).size, ids.length)
    assert.equal(documented['openapi'], '3.1.1')
  })

  it('can be read and no more', async (t) => {
    const { service } = await open(t)
    const refused = await restFrontend({ service })(toRequest(`PUT ${ROOT}/openapi.json`, {}, ''), ALICE)
    assert.deepEqual([refused.status, header(refused, 'Allow')], [405, 'GET, HEAD'])
  })
})

describe('a new instance', () => {
  it('is all that was asked for, byte by byte', async (t) => {
    const { create, service } = await open(t)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const id = await create({
      name: 'my vm',
      hostname: 'web1.example.org',
      image: 'memory-alpine',
      userData: base64(bytes),
      format: 'script',
      publicKeys: [KEY],
      variables: { role: 'web' },
      files: [{ path: '/etc/x', content: base64(bytes), mode: '0640', owner: 'root', group: 'adm' }],
      by: 'disk',
    })
    const { spec, image, plan } = await service.get(id, ALICE)
    assert.deepEqual(
      { ...spec, userData: Buffer.from(spec.userData ?? []), files: [] },
      {
        name: 'my vm',
        hostname: 'web1.example.org',
        image: 'memory-alpine',
        userData: bytes,
        userDataFormat: 'script',
        publicKeys: [{ name: 'alice@laptop', text: KEY }],
        variables: { role: 'web' },
        files: [],
        by: 'disk',
        labels: {},
      },
    )
    const [file] = spec.files
    assert.deepEqual(
      { ...file, bytes: Buffer.from(file?.bytes ?? []) },
      {
        path: '/etc/x',
        bytes,
        mode: 0o640,
        owner: 'root',
        group: 'adm',
      },
    )
    assert.equal(image.name, 'memory-alpine')
    assert.deepEqual(
      plan.deliveries.map(({ method }) => method),
      ['disk'],
    )
  })

  it('is one, however often a client asks with the same key', async (t) => {
    const { ask, provider } = await open(t)
    const key = { 'Idempotency-Key': 'k1' }
    const [first, again] = [await ask(`POST ${ROOT}/instances`, {}, key), await ask(`POST ${ROOT}/instances`, {}, key)]
    assert.equal(jsonOf(first)['id'], jsonOf(again)['id'])
    assert.equal(header(first, 'Location'), `${ROOT}/instances/${String(jsonOf(first)['id'])}`)
    assert.equal((await provider.made()).length, 1)
    assert.equal((await ask(`POST ${ROOT}/instances`, { name: 'other' }, key)).status, 409)
  })

  it('is at the provider that is named, with its first image or one of its own', async (t) => {
    const { ask } = await open(t)
    const made = await ask(`POST ${ROOT}/instances`, { provider: 'memory', image: 'alpine', size: 'large' })
    assert.deepEqual([jsonOf(made)['image'], jsonOf(made)['size']], ['memory-alpine', 'memory-large'])
    assert.match(textOf(await ask(`POST ${ROOT}/plan`, { provider: 'mars' })), /no \\"mars\\"; there are memory/)
    const other = await ask(`POST ${ROOT}/plan`, { provider: 'memory', image: 'plan9' })
    assert.match(textOf(other), /memory has no \\"plan9\\"; it has memory-debian, memory-alpine/)
  })

  it('has the members of its user data as variables where that is asked for', async (t) => {
    const { create, ask, service } = await open(t)
    const userData = base64('{"role": "web", "workers": 4}')
    const { spec } = await service.get(await create({ userData, variablesFromUserData: true }), ALICE)
    assert.deepEqual(spec.variables, { role: 'web', workers: '4' })
    const twice = await ask(`POST ${ROOT}/plan`, { userData, variablesFromUserData: true, variables: { role: 'db' } })
    assert.equal(twice.status, 409)
  })

  for (const [what, body, says] of [
    ['no base64', { userData: '####' }, /userData: not base64: character 1 of 4/],
    ['base64 of the URL kind', { userData: '_-8=' }, /userData: not base64/],
    ['a hostname that is none', { hostname: 'my vm' }, /hostname: \\"my vm\\"/],
    ['a key that is none', { publicKeys: ['swordfish'] }, /public key: not an OpenSSH public key/],
    ['a file without a path from the root', { files: [{ path: 'x', content: '' }] }, /files\.0\.path/],
    ['a mode that is none', { files: [{ path: '/x', content: '', mode: '999' }] }, /files\.0\.mode/],
    ['what is not known', { userdata: '' }, /userdata: is not known here/],
    ['a list', [], /body: must be object/],
  ] as const)
    it(`is refused with ${what}, and the field is named`, async (t) => {
      const { ask } = await open(t)
      const refused = await ask(`POST ${ROOT}/instances`, body)
      assert.equal(refused.status, 400)
      assert.match(textOf(refused), says)
      assert.doesNotMatch(textOf(refused), /swordfish/)
    })

  it('is refused where the body is no JSON, and nothing of it is repeated', async (t) => {
    const { ask } = await open(t)
    for (const body of ['', '{"userData": swordfish}', '\u00ff', '['.repeat(100_000)]) {
      const refused = await ask(`POST ${ROOT}/instances`, body, JSON_TYPE)
      assert.equal(refused.status, 400)
      assert.doesNotMatch(textOf(refused), /swordfish/)
    }
    assert.equal((await ask(`POST ${ROOT}/instances`, '{}', { 'Content-Type': 'text/plain' })).status, 400)
  })

  it('is planned or refused for any body, and never a fault of ours', async (t) => {
    const { ask } = await open(t)
    const names = ['name', 'hostname', 'provider', 'image', 'size', 'userData', 'format', 'publicKeys', 'variables']
    const keys = fc.constantFrom(...names, 'files', 'by', '__proto__', 'toString')
    const anyBody = fc.oneof(
      fc.dictionary(keys, fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.base64String(), fc.constant([{ path: '/x' }])), {
        noNullPrototype: true,
      }),
      fc.jsonValue({ maxDepth: 40 }),
    )
    await fc.assert(
      fc.asyncProperty(anyBody, fc.constantFrom('plan', 'instances'), async (body, place) => {
        const { status } = await ask(`POST ${ROOT}/${place}`, JSON.stringify(body), JSON_TYPE)
        assert.ok([200, 201, 400, 409, 413, 501].includes(status), String(status))
      }),
      { numRuns: 300 },
    )
  })
})

test('a provider that does not answer is said not to be reachable', async (t) => {
  const { ask, provider } = await open(t)
  const reachable = async () => (jsonOf(await ask(`GET ${ROOT}/providers`))['providers'] as { reachable: boolean }[])[0]
  assert.equal((await reachable())?.reachable, true)
  await provider.setFaults({ sizes: { before: 'unavailable', times: 1 } })
  assert.equal((await reachable())?.reachable, false)
})

test('new data can be for what takes itself for a new guest', async (t) => {
  const { ask, create, store } = await open(t)
  const id = await create({ userData: base64('one') })
  await ask(`GET ${ROOT}/instances/${id}`)
  await ask(`PUT ${ROOT}/instances/${id}/user-data`, 'two')
  assert.equal((await store.getInstance(id))?.guestId, undefined)
  const put = await ask(`PUT ${ROOT}/instances/${id}/user-data?reapply=true`, 'three')
  assert.deepEqual([jsonOf(put)['revision'], jsonOf(put)['userDataSha256']], [3, sha256(Buffer.from('three'))])
  assert.match((await store.getInstance(id))?.guestId ?? '', /^[0-9a-f-]{36}$/)
})
