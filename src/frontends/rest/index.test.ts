import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import { sampleSpec } from '../../../test/conformance/store-samples.ts'
import { openService } from '../../../test/e2e/service.ts'
import { sha256 } from '../../model/digest.ts'
import type { Caller } from '../../model/instance.ts'
import { headerValues, type HttpResponse } from '../http.ts'
import { restFrontend } from './index.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const AFTER = Buffer.from([0, 255, 13, 10])

async function open(t: TestContext) {
  const { service, close } = await openService({ cloud: { capabilities: { update: 'rebuild' } } })
  t.after(close)
  const { id } = await service.create({ spec: sampleSpec({ userData: Buffer.from('before') }) }, ALICE)
  await service.get(id, ALICE)
  const handler = restFrontend({ service })
  const ask = (method: string, target: string, body: Uint8Array = Buffer.alloc(0)): Promise<HttpResponse> => {
    const { pathname: path, searchParams: query } = new URL(target, 'http://here')
    return handler({ method, path, query, headers: [], body }, ALICE)
  }
  return { service, ask, id, at: `/api/v1/instances/${id}` }
}

function shown({ body }: HttpResponse): Record<string, unknown> {
  return JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>
}

test('gives an instance that is there the very bytes of a PUT, and none after a DELETE', async (t) => {
  const { service, ask, id, at } = await open(t)
  const put = await ask('PUT', `${at}/user-data?rebuild=true&format=script`, AFTER)
  assert.equal(put.status, 200)
  assert.equal(shown(put)['userDataSha256'], sha256(AFTER))
  const { spec } = await service.get(id, ALICE)
  assert.deepEqual(Buffer.from(spec.userData ?? []), AFTER)
  assert.equal(spec.userDataFormat, 'script')
  assert.equal((await ask('DELETE', `${at}/user-data?rebuild=true`)).status, 200)
  assert.equal((await service.get(id, ALICE)).spec.userData, undefined)
})

test('rebuilds nothing that it is not told to', async (t) => {
  const { service, ask, id, at } = await open(t)
  assert.equal((await ask('PUT', `${at}/user-data?rebuild=1`, AFTER)).status, 400)
  for (const query of ['', '?rebuild=false']) {
    const refused = await ask('PUT', `${at}/user-data${query}`, AFTER)
    assert.equal(refused.status, 409)
    assert.match(JSON.stringify(shown(refused)), /rebuild=true/)
  }
  assert.equal((await service.get(id, ALICE)).revision, 1)
})

test('names the methods that a place has', async (t) => {
  const { ask, at } = await open(t)
  for (const [method, path, allowed] of [
    ['GET', `${at}/user-data`, 'PUT, DELETE'],
    ['PUT', at, 'GET, HEAD, DELETE'],
    ['DELETE', `${at}/events`, 'GET, HEAD'],
  ] as const) {
    const refused = await ask(method, path)
    assert.equal(refused.status, 405)
    assert.deepEqual(headerValues(refused, 'Allow'), [allowed])
  }
  for (const path of ['/api/v1/other', `${at}/nosuch`, `${at}/events/more`])
    assert.equal((await ask('GET', path)).status, 404, path)
})
