import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { ErrorCode } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'
import { toFault } from './faults.ts'
import { withReplayedCloud, type Reply } from './testdata/replay.ts'

function answerOf({ status, headers = {}, body = '' }: Reply): HttpAnswer {
  const bytes = Buffer.from(body)
  return { status, headers: new Map(Object.entries(headers)), bytes, json: () => JSON.parse(body) as unknown }
}

const nova = (status: number, message: string, headers: Reply['headers'] = {}): Reply => ({
  status,
  headers,
  body: JSON.stringify({ someFault: { code: status, message } }),
})

describe('a fault', () => {
  const RECORDED: readonly (readonly [string, ErrorCode, RegExp])[] = [
    [
      'nova-over-quota',
      'conflict',
      /^create: answers 403: Quota exceeded for cores, instances: Requested 50, 50, but .* \(req-5eb27c80-2fe3-4345-b77c-ee5829f504aa\)$/,
    ],
    ['nova-server-not-found', 'not-found', /answers 404: Instance \S+ could not be found\. \(req-/],
    [
      'nova-user-data-not-base64',
      'invalid',
      /^create: answers 400: Invalid input for field\/attribute user_data \(req-[^)]*\)$/,
    ],
    ['nova-action-wrong-state', 'conflict', /answers 409: Cannot 'stop' instance/],
    ['nova-microversion-refused', 'unsupported', /406: Version 2\.999 is not supported by the API/],
    ['neutron-not-found', 'not-found', /404: Network \S+ could not be found/],
    ['keystone-token-bad-password', 'provider-failed', /401: The request you have made requires authentication/],
  ]
  for (const [name, code, message] of RECORDED)
    it(`recorded as ${name} is ${code}`, async () => {
      await withReplayedCloud(async (cloud) => {
        const error = toFault('create', answerOf(cloud.recorded(name)))
        assert.equal(error.code, code)
        assert.match(error.message, message)
      })
    })

  const OTHERS: readonly (readonly [Reply, ErrorCode, string])[] = [
    [nova(403, 'Personality file limit exceeded'), 'too-large', 'x: answers 403: Personality file limit exceeded'],
    [
      nova(403, "Policy doesn't allow os_compute_api:limits to be performed."),
      'forbidden',
      "x: answers 403: Policy doesn't allow os_compute_api:limits to be performed.",
    ],
    [
      nova(413, 'Requested volume exceeds allowed gigabytes quota'),
      'conflict',
      'x: answers 413: Requested volume exceeds allowed gigabytes quota',
    ],
    [nova(413, 'slower', { 'retry-after': '5' }), 'rate-limited', 'x: answers 413: slower'],
    [nova(413, 'Request is too large.'), 'too-large', 'x: answers 413: Request is too large.'],
    [nova(500, 'Unexpected API Error.'), 'provider-failed', 'x: answers 500: Unexpected API Error.'],
    [
      { status: 404, body: '{"message":"No image.<br /><br />\\n\\n\\n","code":"404 Not Found","title":"Not Found"}' },
      'not-found',
      'x: answers 404: No image.',
    ],
    [{ status: 418, body: '<html>' }, 'provider-failed', 'x: answers 418'],
    [{ status: 409, body: '[]', headers: { 'x-openstack-request-id': 'not one' } }, 'conflict', 'x: answers 409'],
  ]
  for (const [reply, code, message] of OTHERS)
    it(`is ${code} where it says: ${message}`, () => {
      const error = toFault('x', answerOf(reply))
      assert.deepEqual([error.code, error.message], [code, message])
    })

  it('never repeats what the user sent, however the service puts it', () => {
    const data = fc
      .oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 40, maxLength: 300 }))
      .map((text) => `§${text}`)
    const around = fc.string({ maxLength: 20 })
    const key = fc.constantFrom('user_data', 'adminPass', 'contents', 'metadata')
    fc.assert(
      fc.property(
        data,
        around,
        around,
        key,
        fc.integer({ min: 16, max: 400 }),
        (secret, before, after, field, cutAt) => {
          const sent = {
            server: { name: 'x', nested: [{ [field]: field === 'metadata' ? { role: secret } : secret }] },
          }
          const message = `${before}${secret.slice(0, cutAt)}${after}`
          const fault = toFault('create', answerOf(nova(400, message)), sent)
          assert.ok(!fault.message.includes('§'), fault.message)
          const schema = `Invalid input for field/attribute ${field}. Value: ${secret}. '${secret}' is too long`
          assert.equal(
            toFault('create', answerOf(nova(400, schema))).message,
            `create: answers 400: Invalid input for field/attribute ${field}`,
          )
        },
      ),
    )
  })
})
