import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ALICE, header, jsonOf, toRequest, type Headers } from '../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE } from '../../../test/e2e/cimi-client.ts'

const STATUSES = new Set([200, 201, 202, 400, 403, 404, 405, 406, 409, 412, 413, 415, 501])

const WORDS = [
  'machines machine MachineCollection machine_images machine_templates volumes credentials jobs event_logs events disks',
  'network_interfaces addresses resource_metadata machinevolume cloudEntryPoint stop memory-debian 1 .. __proto__ constructor',
].flatMap((line) => line.split(' '))

const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 8 }))

const parameter = fc.tuple(
  fc.constantFrom('$filter', '$first', '$last', '$orderby', '$select', '$expand', '$format', 'x'),
  fc.oneof(
    fc.constantFrom('*', 'name', "name='web'", 'cpu>=1', '1', '-1', 'xml', 'json', 'constructor', '__proto__', 'disks'),
    fc.string({ maxLength: 12 }),
  ),
)

const headers: fc.Arbitrary<Headers> = fc.record(
  {
    Accept: fc.constantFrom('*/*', 'application/xml', 'application/json;q=0.5', 'text/html', ',;='),
    'Content-Type': fc.constantFrom('application/json', 'text/xml', 'text/plain', ';'),
    'CIMI-Specification-Version': fc.constantFrom('1.1', '2.0', 'x'),
    'If-Match': fc.constantFrom('*', '"x"', ','),
    Prefer: fc.constantFrom('respond-async', 'wait=1'),
  },
  { requiredKeys: [] },
)

const body = fc.oneof(
  fc.constantFrom('', '{}', '[]', '<a/>', '{"name":"x"}', JSON.stringify({ machineTemplate: TEMPLATE })),
  fc.string({ maxLength: 20 }),
)

test('whatever is asked is answered, in a form that can be read', async (t) => {
  const { cimi, machine } = await openCimi(t)
  const id = (await machine()).split('/').at(-1) ?? ''
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      fc.constantFrom('/cimi', '/cimiv1/red', '/cimiv1/test/red', '/cimiv1'),
      fc.array(fc.oneof(word, fc.constant(id)), { maxLength: 5 }),
      fc.array(parameter, { maxLength: 3 }),
      headers,
      body,
      async (method, mount, segments, parameters, sent, text) => {
        const path = [mount, ...segments].join('/')
        const request = { ...toRequest(`${method} /`, sent, text), path, query: new URLSearchParams(parameters) }
        const response = await cimi.handler(request, ALICE)
        assert.ok(STATUSES.has(response.status), `${response.status}`)
        assert.equal(header(response, 'CIMI-Specification-Version'), '1.1.0')
        if (response.status >= 400) assert.ok(response.body.byteLength > 0)
        if (header(response, 'Content-Type') === 'application/json') assert.ok(jsonOf(response))
        if (response.status === 405) assert.ok(!header(response, 'Allow').split(', ').includes(method))
      },
    ),
    { numRuns: 300 },
  )
})
