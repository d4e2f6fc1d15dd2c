import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { CloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { createGuard } from './guard.ts'
import { headerValues, type HttpRequest } from './http.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

const guard = createGuard({
  authenticate: async (token) => (token === 'right' || token === 'a:b' ? ALICE : undefined),
})
const ask = (...headers: HttpRequest['headers']) => guard({ headers })

test('knows a token in each of its places', async () => {
  const places: HttpRequest['headers'] = [
    ['Authorization', 'Bearer right'],
    ['authorization', 'bearer  right'],
    ['X-Auth-Token', 'right'],
    ['x-auth-token', ' right '],
    ['Authorization', basic('anyone:right')],
    ['Authorization', basic(':right')],
    ['Authorization', basic('anyone:a:b')],
  ]
  for (const place of places) assert.deepEqual(await ask(place), { caller: ALICE }, place.join(': '))
})

test('takes the same token twice, not two different ones', async () => {
  assert.deepEqual(await ask(['Authorization', 'Bearer right'], ['X-Auth-Token', 'right']), { caller: ALICE })
  assert.ok('refusal' in (await ask(['Authorization', 'Bearer right'], ['X-Auth-Token', 'wrong'])))
})

test('answers 401 with exactly one challenge to all others', async () => {
  const wrong: HttpRequest['headers'] = [
    ['Accept', 'text/plain'],
    ['Authorization', 'Bearer wrong'],
    ['Authorization', 'Bearer'],
    ['Authorization', 'right'],
    ['Authorization', 'Basic right'],
    ['Authorization', basic('right')],
    ['Authorization', basic('right:')],
    ['Authorization', 'Digest username="right"'],
    ['X-Auth-Token', ''],
  ]
  for (const place of wrong) {
    const admission = await ask(place)
    assert.ok('refusal' in admission, place.join(': '))
    assert.equal(admission.refusal.status, 401)
    assert.deepEqual(headerValues(admission.refusal, 'WWW-Authenticate'), ['Basic realm="bellhop"'])
    assert.equal(headerValues(admission.refusal, 'Content-Type').length, 1)
  }
})

test('offers the challenge that it is told', async () => {
  const challenge = "Keystone uri='https://keystone.example.org:5000'"
  const admission = await createGuard({ authenticate: async () => undefined, challenge })({ headers: [] })
  assert.ok('refusal' in admission)
  assert.deepEqual(headerValues(admission.refusal, 'www-authenticate'), [challenge])
})

test('hands on who gave the token, where Basic names one', async () => {
  const asked: unknown[] = []
  const listening = createGuard({
    authenticate: async (...rest) => {
      asked.push(rest)
      return ALICE
    },
  })
  await listening({ headers: [['Authorization', basic('site:right')]] })
  await listening({ headers: [['X-Auth-Token', 'right']] })
  assert.deepEqual(asked, [
    ['right', 'site'],
    ['right', undefined],
  ])
})

test('says why a token is refused, and 503 where nobody can tell whose it is', async () => {
  const failing = (code: ErrorCode) =>
    createGuard({
      authenticate: async () => {
        throw new CloudError(code, 'site: the reason')
      },
    })({ headers: [['X-Auth-Token', 'right']] })
  const refused = await failing('unauthenticated')
  assert.ok('refusal' in refused)
  assert.equal(refused.refusal.status, 401)
  assert.match(Buffer.from(refused.refusal.body ?? '').toString(), /the reason/)
  const down = await failing('unavailable')
  assert.ok('refusal' in down)
  assert.equal(down.refusal.status, 503)
  assert.deepEqual(headerValues(down.refusal, 'Retry-After'), ['5'])
  assert.deepEqual(headerValues(down.refusal, 'WWW-Authenticate'), [])
})
