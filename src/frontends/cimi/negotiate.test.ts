import assert from 'node:assert/strict'
import { test } from 'node:test'
import { header, jsonOf, said, textOf, type Headers } from '../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE } from '../../../test/e2e/cimi-client.ts'

const XML_MACHINE =
  '<MachineCreate><machineTemplate><machineImage href="memory-debian"/><machineConfig href="memory-small"/>' +
  '</machineTemplate></MachineCreate>'

/** What is asked for, and the type of the answer; without one it is 406. */
const ACCEPTS: readonly (readonly [accept: string | undefined, type?: string])[] = [
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/xml', 'application/xml'],
  ['text/xml', 'text/xml'],
  ['Application/XML; charset=utf-8', 'application/xml'],
  ['application/*', 'application/json'],
  ['text/*', 'text/xml'],
  ['*/*; q=0.5, application/xml', 'application/xml'],
  ['application/json;q=0.1, text/xml;q=0.2', 'text/xml'],
  ['application/json;q=0, application/xml', 'application/xml'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/xml'],
  ['text/plain, application/xml', 'application/xml'],
  ['text/html'],
  ['application/json;q=0'],
  ['image/*'],
]

for (const [accept, type] of ACCEPTS)
  test(`Accept ${accept ?? 'absent'}: ${type ?? '406'}`, async (t) => {
    const { ask } = await openCimi(t)
    const headers: Headers = accept === undefined ? {} : { Accept: accept }
    for (const [url, status] of [
      ['machines', 200],
      ['nothing', 404],
    ] as const) {
      const response = await ask(`GET ${url}`, '', headers)
      assert.equal(response.status, type === undefined ? 406 : status)
      assert.equal(header(response, 'Content-Type'), type ?? 'application/json')
      assert.equal(header(response, 'Vary'), 'Accept')
      assert.equal(textOf(response).startsWith('<'), type?.endsWith('xml') ?? false)
    }
  })

test('what cannot be answered is not done', async (t) => {
  const { ask, get } = await openCimi(t)
  const response = await ask('POST machines', { machineTemplate: TEMPLATE }, { Accept: 'text/html' })
  assert.deepEqual([response.status, jsonOf(response)['code']], [406, 406])
  assert.match(said(response), /application\/json, application\/xml, text\/xml/)
  assert.equal((await get('machines'))['count'], 0)
})

test('$format overrides Accept, for answers of any kind; another value says nothing', async (t) => {
  const { ask } = await openCimi(t)
  for (const [line, accept, type] of [
    ['GET machines?$format=xml', 'application/json', 'application/xml'],
    ['GET machines?$format=json', 'application/xml', 'application/json'],
    ['GET machines?$format=json', 'text/html', 'application/json'],
    ['GET machines?$format=%20xml%20', '*/*', 'application/xml'],
    ['GET machines?$format=html', 'text/xml', 'text/xml'],
    ['GET machines?format=xml', 'application/json', 'application/json'],
    ['GET nothing?$format=xml', 'application/json', 'application/xml'],
    ['DELETE machines?$format=xml', 'application/json', 'application/xml'],
    ['POST machines?$format=xml', 'application/json', 'application/xml'],
  ] as const)
    assert.equal(header(await ask(line, '', { Accept: accept }), 'Content-Type'), type, line)
})

/** The type of a request, its body and the status. */
const CONTENT_TYPES: readonly (readonly [type: string | undefined, body: string, status: number])[] = [
  ['application/json', JSON.stringify({ machineTemplate: TEMPLATE }), 201],
  ['application/json; charset=utf-8', JSON.stringify({ machineTemplate: TEMPLATE }), 201],
  ['APPLICATION/JSON', JSON.stringify({ machineTemplate: TEMPLATE }), 201],
  [undefined, JSON.stringify({ machineTemplate: TEMPLATE }), 201],
  ['application/xml', XML_MACHINE, 201],
  ['text/xml; charset="utf-8"', `<?xml version="1.0" encoding="UTF-8"?>\n${XML_MACHINE}\n`, 201],
  ['application/xml', `\uFEFF${XML_MACHINE}`, 201],
  ['application/json', XML_MACHINE, 400],
  ['application/xml', JSON.stringify({ machineTemplate: TEMPLATE }), 400],
  [undefined, XML_MACHINE, 400],
  ['text/plain', JSON.stringify({ machineTemplate: TEMPLATE }), 415],
  ['application/x-www-form-urlencoded', XML_MACHINE, 415],
  ['application/yaml', 'machineTemplate: {}', 415],
  ['multipart/form-data; boundary=x', '--x--', 415],
]

for (const [type, body, status] of CONTENT_TYPES)
  test(`Content-Type ${type ?? 'absent'} with ${body.slice(0, 12)}: ${status}`, async (t) => {
    const { ask, get } = await openCimi(t)
    const response = await ask('POST machines', body, type === undefined ? {} : { 'Content-Type': type })
    assert.equal(response.status, status, said(response))
    if (status === 415) assert.match(said(response), /application\/json, application\/xml, text\/xml/)
    assert.equal((await get('machines'))['count'], status === 201 ? 1 : 0)
  })

test('what has no body needs no type, whatever it says of it', async (t) => {
  const { ask, machine } = await openCimi(t)
  const id = await machine()
  const headers = { 'Content-Type': 'text/plain' }
  assert.equal((await ask(`GET ${id}`, '', headers)).status, 200)
  assert.equal((await ask(`POST ${id}/stop`, '', headers)).status, 202)
  assert.equal((await ask(`DELETE ${id}`, '', headers)).status, 200)
})

/** What `CIMI-Specification-Version` says, and whether it is spoken here. */
const VERSIONS: readonly (readonly [version: string | undefined, isSpoken: boolean])[] = [
  [undefined, true],
  ['', true],
  ['1.0', true],
  ['1.0.0', true],
  ['1.0.1', true],
  ['1.1', true],
  [' 1.1.0 ', true],
  ['2.0.0, 1.1', true],
  ['1.1, 2.0.0', true],
  ['one', true],
  ['1, 1.', true],
  ['2.0.0', false],
  ['2.0', false],
  ['1.2', false],
  ['1.10', false],
  ['0.9, 2.0, three', false],
]

for (const [version, isSpoken] of VERSIONS)
  test(`CIMI-Specification-Version ${version ?? 'absent'}: ${isSpoken ? 'spoken' : '400'}`, async (t) => {
    const { ask, get } = await openCimi(t)
    const headers: Headers = version === undefined ? {} : { 'CIMI-Specification-Version': version }
    assert.equal((await ask('GET machines', '', headers)).status, isSpoken ? 200 : 400)
    const made = await ask('POST machines', { machineTemplate: TEMPLATE }, headers)
    assert.equal(made.status, isSpoken ? 201 : 400, said(made))
    assert.equal((await get('machines'))['count'], isSpoken ? 1 : 0)
  })
