import assert from 'node:assert/strict'
import { test } from 'node:test'
import { header, jsonOf, textOf } from '../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE } from '../../../test/e2e/cimi-client.ts'
import type { ErrorCode } from '../../model/errors.ts'
import { parseXmlTree } from './xml-tree.ts'

/** What a provider says of a create, and what the client gets; what is tried again first is in `errors/provider-down`. */
const REFUSALS: readonly (readonly [code: ErrorCode, status: number, retryAfter: string])[] = [
  ['invalid', 400, ''],
  ['forbidden', 403, ''],
  ['conflict', 409, ''],
  ['too-large', 413, ''],
  ['rate-limited', 429, '5'],
  ['unsupported', 501, ''],
  ['provider-failed', 502, ''],
]

for (const [code, status, retryAfter] of REFUSALS)
  test(`${code} of a provider is ${status}, in both forms`, async (t) => {
    const { ask } = await openCimi(t, { cloud: { faults: { create: { before: code } } } })
    for (const accept of ['application/json', 'application/xml']) {
      const response = await ask('POST machines', { machineTemplate: TEMPLATE }, { Accept: accept })
      assert.deepEqual(
        [response.status, header(response, 'Content-Type'), header(response, 'Retry-After')],
        [status, accept, retryAfter],
        textOf(response),
      )
      assert.deepEqual([header(response, 'Location'), header(response, 'CIMI-Job-URI')], ['', ''])
      if (accept.endsWith('json'))
        assert.deepEqual([jsonOf(response)['code'], jsonOf(response)['error']], [status, code])
      else
        assert.match(
          textOf(response),
          new RegExp(`^<error status="${status}" url="/cimi/machines"><code>${status}</code>`),
        )
    }
  })

test('refusals have the members that clients know, in both forms, and hold nothing that could break them', async (t) => {
  const { ask } = await openCimi(t)
  const json = await ask('GET machines/a"b<c', '', { Accept: 'application/json' })
  assert.deepEqual(Object.keys(jsonOf(json)), ['code', 'message', 'error'])
  assert.deepEqual([jsonOf(json)['code'], jsonOf(json)['error']], [404, 'not-found'])
  const xml = await ask('GET machines/a"b<c]]>', '', { Accept: 'application/xml' })
  assert.match(
    textOf(xml),
    /^<error status="404" url="\/cimi\/machines\/a&quot;b&lt;c[^"<]*"><code>404<\/code><message>[^<]+<\/message><\/error>$/,
  )
  const control = await ask('GET machines/%01%00', '', { Accept: 'application/xml' })
  assert.equal(parseXmlTree(textOf(control)).name, 'error')
  const long = await ask(`GET ${'x'.repeat(100_000)}`)
  assert.ok(long.body.byteLength < 1000)
})
