import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Compile } from 'typebox/compile'
import { ALICE, BOB, header, jsonOf, READER, textOf, toRequest } from '../../../test/e2e/asking.ts'
import { openService } from '../../../test/e2e/service.ts'
import { webhookUseCases } from '../../service/webhooks.ts'
import { endpoints } from '../../webhooks/endpoint.ts'
import { restFrontend } from './index.ts'
import { ROOT } from './routes.ts'
import { webhookRoutes } from './webhooks.ts'

const WEBHOOKS = `${ROOT}/webhooks`
const PORTAL = { url: 'https://portal.example.org/hook' }

async function open(t: TestContext) {
  const { service, store, close } = await openService()
  t.after(close)
  const webhooks = webhookUseCases({ store, endpoints: endpoints({ allowPrivate: [], allowHttp: false }) })
  const handler = restFrontend({ service, webhooks })
  const routes = webhookRoutes(webhooks)

  /** Asks, and holds what comes to what the route says of it. */
  const ask = async (line: string, body?: object, caller = ALICE) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const request = toRequest(line, { 'Content-Type': 'application/json' }, text)
    const response = await handler(request, caller)
    const path = request.path === WEBHOOKS ? '/webhooks' : '/webhooks/{id}'
    const route = routes.find((each) => each.path === path && each.method === request.method)
    const schema = route?.answers[response.status]?.content?.['application/json']
    if (response.status < 300 && response.status !== 204) {
      assert.ok(schema, `${line} ${response.status} is documented`)
      assert.deepEqual(Compile(schema).Errors(jsonOf(response)), [], textOf(response))
    }
    return response
  }
  return { ask, store, handler, without: restFrontend({ service }) }
}

test('a webhook is made, shown and deleted, and tells its secret once', async (t) => {
  const { ask, store } = await open(t)
  const made = await ask(`POST ${WEBHOOKS}`, { ...PORTAL, kinds: ['applied', 'failed'] })
  assert.equal(made.status, 201)
  const { id, secret, ...rest } = jsonOf(made)
  assert.match(String(secret), /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.deepEqual([rest['url'], rest['kinds'], rest['state']], [PORTAL.url, ['applied', 'failed'], 'on'])
  const at = `${WEBHOOKS}/${String(id)}`
  assert.equal(header(made, 'Location'), at)
  assert.deepEqual(jsonOf(await ask(`GET ${at}`)), { id, ...rest })
  assert.deepEqual(jsonOf(await ask(`GET ${WEBHOOKS}`)), { webhooks: [{ id, ...rest }] })

  const [{ after } = assert.fail('it is not kept')] = await store.listWebhooks()
  const failing = { after, state: 'on', failures: 2, nextAt: 0, reason: 'answers 500', missed: 1 } as const
  await store.leaseWebhook(String(id), 'a node', Date.now() + 60_000)
  await store.updateWebhook(String(id), 'a node', failing)
  const { failures, nextAt, reason, missed } = jsonOf(await ask(`GET ${at}`))
  assert.deepEqual([failures, nextAt, reason, missed], [2, '1970-01-01T00:00:00.000Z', 'answers 500', 1])

  assert.equal((await ask(`DELETE ${at}`)).status, 204)
  assert.equal((await ask(`DELETE ${at}`)).status, 404)
  assert.deepEqual(jsonOf(await ask(`GET ${WEBHOOKS}`)), { webhooks: [] })
})

test('what cannot be is refused with its name, and what is not allowed is', async (t) => {
  const { ask } = await open(t)
  for (const [body, complaint] of [
    [{}, /url/],
    [{ url: 'http://portal.example.org/' }, /url: begins with http:/],
    [{ url: 'https://10.0.0.1/' }, /url: 10\.0\.0\.1/],
    [{ ...PORTAL, kinds: [] }, /kinds/],
    [{ ...PORTAL, kinds: ['exploded'] }, /kinds.0: must be one of .*applied/],
    [{ ...PORTAL, secret: 'mine' }, /secret: is not known here/],
  ] as const) {
    const refused = await ask(`POST ${WEBHOOKS}`, body)
    assert.equal(refused.status, 400)
    assert.match(textOf(refused), complaint)
  }
  const { id } = jsonOf(await ask(`POST ${WEBHOOKS}`, PORTAL))
  assert.equal((await ask(`GET ${WEBHOOKS}/${String(id)}`, undefined, BOB)).status, 404)
  for (const line of [`GET ${WEBHOOKS}`, `GET ${WEBHOOKS}/${String(id)}`, `DELETE ${WEBHOOKS}/${String(id)}`])
    assert.equal((await ask(line, undefined, READER)).status, 403)
  assert.equal((await ask(`POST ${WEBHOOKS}`, PORTAL, READER)).status, 403)
})

test('they are there, and in the description, only where they are sent', async (t) => {
  const { handler, without } = await open(t)
  const paths = async (frontend: typeof handler) =>
    Object.keys(jsonOf(await frontend(toRequest(`GET ${ROOT}/openapi.json`, {}, ''), ALICE))['paths'] as object)
  assert.ok((await paths(handler)).includes(WEBHOOKS))
  assert.ok(!(await paths(without)).includes(WEBHOOKS))
  assert.equal((await without(toRequest(`GET ${WEBHOOKS}`, {}, ''), ALICE)).status, 404)
})
