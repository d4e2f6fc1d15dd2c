import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import pino from 'pino'
import { openService, type OpenService } from '../../../test/e2e/service.ts'
import { sampleSpec } from '../../../test/conformance/store-samples.ts'
import type { Caller } from '../../model/instance.ts'
import { headerValues, type HttpRequest, type HttpResponse } from '../http.ts'
import { vendordataFrontend } from './index.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const SECRET = 'very-secret'

/** As Nova 26 sends it. */
const NOVAS = {
  'project-id': '331f4f0e0a3b4c0f9c7a7f6f0f3f1f2a',
  'instance-id': '6b914a1c-9d0e-4a39-8f5f-1d1f1c4f0a11',
  'image-id': '95124e60-0d6e-4bb5-a1c8-7a8d5a5f7d11',
  'user-data': Buffer.from(`#!/bin/sh\necho ${SECRET}\n`).toString('base64'),
  hostname: 'occi-test',
  metadata: { role: SECRET },
  'boot-roles': 'reader,member',
}

interface Bench extends OpenService {
  readonly log: string[]
  readonly ask: (request: Partial<HttpRequest> & { readonly json: unknown }) => Promise<HttpResponse>
}

async function bench(t: TestContext): Promise<Bench> {
  const opened = await openService()
  t.after(opened.close)
  const log: string[] = []
  const places = vendordataFrontend({
    service: opened.service,
    clouds: new Map([['memory', async (token) => (token === 'novas' ? RED : undefined)]]),
    log: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
  })
  assert.deepEqual(Object.keys(places), ['/vendordata/memory'])
  const place = places['/vendordata/memory'] ?? assert.fail('there is no such place')
  const ask: Bench['ask'] = async ({ json, ...more }) => {
    const request: HttpRequest = {
      method: 'POST',
      path: '/vendordata/memory',
      query: new URLSearchParams(),
      headers: [['X-Auth-Token', 'novas']],
      body: Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)),
      ...more,
    }
    const admission = await place.guard(request)
    return 'refusal' in admission ? admission.refusal : await place.handler(request, admission.caller)
  }
  return { ...opened, log, ask }
}

const textOf = ({ body }: HttpResponse): string => Buffer.from(body).toString('utf8')

test('an instance that we started gets a JSON string of what we add', async (t) => {
  const { ask, service } = await bench(t)
  const { remoteId } = await service.create({ spec: sampleSpec() }, RED)
  const answer = await ask({ json: { ...NOVAS, 'instance-id': remoteId } })
  assert.equal(answer.status, 200)
  assert.match(JSON.parse(textOf(answer)), /^#cloud-config\nreporting:/)
})

test('any other gets an empty string, which cloud-init passes over in silence', async (t) => {
  const { ask } = await bench(t)
  const answer = await ask({ json: NOVAS })
  assert.equal(answer.status, 200)
  assert.equal(textOf(answer), '""')
  assert.deepEqual(headerValues(answer, 'Content-Type'), ['application/json; charset=utf-8'])
})

test('what Nova may add in time, and what it leaves out, is taken', async (t) => {
  const { ask } = await bench(t)
  for (const json of [
    { 'instance-id': NOVAS['instance-id'] },
    { ...NOVAS, 'user-data': null, 'image-id': '', metadata: {} },
    { ...NOVAS, 'something-new': [1, { deep: true }] },
  ])
    assert.equal((await ask({ json })).status, 200)
})

test('whoever has not the cloud’s token is refused, and the log says so without a word of the request', async (t) => {
  const { ask, log } = await bench(t)
  for (const headers of [[], [['X-Auth-Token', 'wrong']], [['Authorization', 'Bearer novas2']]] as const)
    assert.equal((await ask({ json: NOVAS, headers })).status, 401)
  const basic = `Basic ${Buffer.from('nova:novas').toString('base64')}`
  assert.equal((await ask({ json: NOVAS, headers: [['Authorization', basic]] })).status, 200)
  assert.equal(log.length, 3)
  for (const line of log) {
    assert.match(line, /"provider":"memory","status":401,"msg":"vendordata: refused"/)
    assert.doesNotMatch(line, /wrong|novas|secret|6b914a1c/)
  }
})

test('what is no request of Nova’s is refused, and none of it comes back or is logged', async (t) => {
  const { ask, log } = await bench(t)
  const userData = NOVAS['user-data']
  for (const [json, status] of [
    ['', 400],
    [`{"user-data": "${userData}"`, 400],
    [`{"instance-id": "${SECRET}" ${userData}}`, 400],
    [[userData], 400],
    [null, 400],
    [{ ...NOVAS, 'instance-id': SECRET }, 400],
    [{ ...NOVAS, 'instance-id': 7 }, 400],
    [{ ...NOVAS, 'user-data': SECRET.repeat(100_000) }, 413],
  ] as const) {
    const answer = await ask({ json })
    assert.equal(answer.status, status)
    assert.doesNotMatch(textOf(answer), new RegExp(`${SECRET}|${userData.slice(0, 8)}`))
  }
  assert.equal((await ask({ json: '', body: Buffer.of(0xff, 0xfe) })).status, 400)
  assert.doesNotMatch(log.join(''), new RegExp(`${SECRET}|${userData.slice(0, 8)}`))
  const get = await ask({ method: 'GET', json: '' })
  assert.deepEqual([get.status, headerValues(get, 'Allow')], [405, ['POST']])
})

test('where the store fails, Nova is told at once that there is nothing now', async (t) => {
  const { ask, store, log } = await bench(t)
  await store.close()
  assert.equal((await ask({ json: NOVAS })).status, 503)
  assert.match(log.join(''), /vendordata: not answered/)
  assert.doesNotMatch(log.join(''), new RegExp(SECRET))
})
