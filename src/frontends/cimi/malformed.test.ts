import assert from 'node:assert/strict'
import { test } from 'node:test'
import { said, textOf } from '../../../test/e2e/asking.ts'
import { CIMI, NS, openCimi, TEMPLATE, type Json } from '../../../test/e2e/cimi-client.ts'

/** Stands where user data stand, also where they are no base64: no answer may repeat it. */
const SECRET = 'hunter2-secret'

/** A request, and what the reason must name. */
interface Malformed {
  readonly line?: string
  readonly body: Json | string | Uint8Array
  readonly type?: string
  readonly reason: RegExp
  /** Default: 400. */
  readonly status?: number
}

const JSON_TYPE = 'application/json'
const XML = 'application/xml'

function json(template: Json, more: Json = {}): Json {
  return { name: 'm', machineTemplate: { ...TEMPLATE, ...template }, ...more }
}

function xml(template: string, before = ''): string {
  return `${before}<MachineCreate xmlns="${NS}"><machineTemplate><machineImage href="memory-debian"/><machineConfig href="memory-small"/>${template}</machineTemplate></MachineCreate>`
}

const MALFORMED: Readonly<Record<string, Malformed>> = {
  'nothing at all': { body: '', type: JSON_TYPE, reason: /JSON/i },
  'nothing at all, as XML': { body: '', type: XML, reason: /XML/i },
  'blanks only': { body: '  \n', type: JSON_TYPE, reason: /JSON/i },
  'JSON that ends too soon': { body: `{"machineTemplate":{"userData":"${SECRET}`, type: JSON_TYPE, reason: /JSON/i },
  'JSON with a comma too many': { body: `{"userData":"${SECRET}",}`, type: JSON_TYPE, reason: /JSON/i },
  'JSON with something behind it': { body: `{"userData":"${SECRET}"}{}`, type: JSON_TYPE, reason: /JSON/i },
  'a JSON list': { body: `["${SECRET}"]`, type: JSON_TYPE, reason: /object/ },
  'a JSON string': { body: `"${SECRET}"`, type: JSON_TYPE, reason: /object/ },
  'JSON null': { body: 'null', type: JSON_TYPE, reason: /object/ },
  'JSON nested too deep': {
    body: `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    type: JSON_TYPE,
    reason: /deep|nest/i,
  },
  'bytes that are no UTF-8': { body: Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), type: JSON_TYPE, reason: /UTF-8/ },
  'XML that ends too soon': { body: `<MachineCreate><userData>${SECRET}`, type: XML, reason: /XML|closed|end/i },
  'XML whose tags cross': {
    body: `<MachineCreate><a><b>${SECRET}</a></b></MachineCreate>`,
    type: XML,
    reason: /XML|closed|end|tag/i,
  },
  'XML with two roots': { body: `${xml('')}${xml('')}`, type: XML, reason: /XML|root/i },
  'XML with a DTD': { body: xml('', '<!DOCTYPE MachineCreate>'), type: XML, reason: /DOCTYPE|DTD/ },
  'XML with entities of its own': {
    body: xml('<userData>&a;</userData>', `<!DOCTYPE m [<!ENTITY a "${SECRET}">]>`),
    type: XML,
    reason: /DOCTYPE|DTD/,
  },
  'XML that reads a file': {
    body: xml('<userData>&a;</userData>', '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    type: XML,
    reason: /DOCTYPE|DTD/,
  },
  'XML with an unknown entity': {
    body: xml('<userData>&nbsp;</userData>'),
    type: XML,
    reason: /references to characters/,
  },
  'XML nested too deep': { body: `${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}`, type: XML, reason: /deep|nest/i },
  'a resourceURI of another type': { body: json({}, { resourceURI: `${NS}/Volume` }), reason: /Volume.*MachineCreate/ },
  'a resourceURI of no type': {
    body: json({}, { resourceURI: `${NS}/Spaceship` }),
    reason: /Spaceship.*MachineCreate/,
  },
  'a machine, not a MachineCreate': {
    body: json({}, { resourceURI: `${NS}/Machine` }),
    reason: /Machine;.*MachineCreate/,
  },
  'a root of another type': {
    body: '<VolumeCreate><name>v</name></VolumeCreate>',
    type: XML,
    reason: /VolumeCreate.*MachineCreate/,
  },
  'a wrapper of another type': { body: { VolumeCreate: { name: 'v' } }, reason: /VolumeCreate.*MachineCreate/ },
  'a number as name': { body: json({}, { name: 5 }), reason: /name: text/ },
  'a list as name': { body: json({}, { name: [SECRET] }), reason: /name/ },
  'elements in a name': {
    body: xml('', '').replace('<machineTemplate>', '<name><b/></name><machineTemplate>'),
    type: XML,
    reason: /name: text/,
  },
  'two names': {
    body: xml('').replace('<machineTemplate>', '<name>a</name><name>b</name><machineTemplate>'),
    type: XML,
    reason: /name.*several/,
  },
  'a list as template': { body: { machineTemplate: [] }, reason: /machineTemplate: an object/ },
  'properties that are no texts': {
    body: json({}, { properties: { a: { b: SECRET } } }),
    reason: /properties\.a: text/,
  },
  'properties that are a list': { body: json({}, { properties: [SECRET] }), reason: /properties: an object/ },
  'a property without key': {
    body: xml('').replace('<machineTemplate>', '<property>v</property><machineTemplate>'),
    type: XML,
    reason: /property|properties/,
  },
  'volumes that are no list': { body: json({ volumes: { href: 'v' } }), reason: /machineTemplate\.volumes: a list/ },
  'user data as a number': { body: json({ userData: 1234 }), reason: /userData: text/ },
  'user data as an object': { body: json({ userData: { a: SECRET } }), reason: /userData/ },
  'user data in no base64': {
    body: json({ userData: `${SECRET}!` }),
    reason: /userData: not base64: character 8 of 15/,
  },
  'user data in URL-safe base64': {
    body: json({ userData: 'aGVsbG8_' }),
    reason: /userData: not base64: character 8 of 8/,
  },
  'user data without padding': { body: json({ userData: 'aGVsbG8' }), reason: /userData: not base64: .*7/ },
  'user data as they are, in XML': {
    body: xml(`<userData>#!/bin/sh ${SECRET}</userData>`),
    type: XML,
    reason: /userData: not base64: character 1 of/,
  },
  'user data at the top in no base64': { body: json({}, { userData: `${SECRET}!` }), reason: /userData: not base64/ },
  'no template': { body: { name: 'm' }, reason: /machineTemplate: missing/ },
  'no image': {
    body: { machineTemplate: { machineConfig: { href: 'memory-small' } } },
    reason: /machineImage: missing/,
  },
  'no size': {
    body: { machineTemplate: { machineImage: { href: 'memory-debian' } } },
    reason: /machineConfig: missing/,
  },
  'an image without href': { body: json({ machineImage: {} }), reason: /machineImage/ },
  'a size without href': { body: json({ machineConfig: {} }), reason: /machineConfig/ },
  'an image that there is not': {
    body: json({ machineImage: { href: `${CIMI}/machine_images/nothing` } }),
    reason: /nothing/,
  },
  'a size that there is not': { body: json({ machineConfig: { href: 'nothing' } }), reason: /nothing/ },
  'a size by value that there is not': {
    body: json({ machineConfig: { cpu: 64, memory: 1 } }),
    reason: /machineConfig.*64 cpu/,
  },
  'a cpu that is no integer': { body: json({ machineConfig: { cpu: 'many' } }), reason: /cpu: an integer/ },
  'a cpu that is too large': { body: json({ machineConfig: { cpu: 1e300 } }), reason: /cpu: an integer/ },
  'a template that there is not': {
    body: { machineTemplate: { href: 'nothing' } },
    reason: /machineTemplate.*nothing/,
  },
  'a credential that there is not': { body: json({ credential: { href: 'nothing' } }), reason: /credential.*nothing/ },
  'a volume that there is not': { body: json({ volumes: [{ href: 'nothing' }] }), reason: /nothing/ },
  'a volume without href': { body: json({ volumes: [{}] }), reason: /volumes: an href/ },
  'a network that there is not': {
    body: json({ networkInterfaces: [{ network: { href: 'nothing' } }] }),
    reason: /nothing/,
  },
  'a key that is none': { body: json({ credential: { key: SECRET } }), reason: /key/i },
  'a private key': {
    body: json({ credential: { key: `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}` } }),
    reason: /private key/,
  },
  'a password alone': {
    body: json({ credential: { userName: 'u', password: SECRET } }),
    reason: /credential\.key: missing/,
  },
  'a bad filter': { line: 'POST machines?$filter=cpu=', body: json({}), reason: /\$filter/ },
  'a template without image': {
    line: 'POST machine_templates',
    body: { name: 't', machineConfig: { href: 'memory-small' } },
    reason: /machineImage/,
  },
  'a template with bad user data': {
    line: 'POST machine_templates',
    body: { ...TEMPLATE, userData: `${SECRET}!` },
    reason: /userData: not base64/,
  },
  'a volume without capacity': {
    line: 'POST volumes',
    body: { volumeTemplate: { volumeConfig: {} } },
    reason: /volumeConfig/,
  },
  'a volume of no size': {
    line: 'POST volumes',
    body: { volumeTemplate: { volumeConfig: { capacity: 0 } } },
    reason: /capacity/,
  },
  'a volume of less than nothing': {
    line: 'POST volumes',
    body: { volumeTemplate: { volumeConfig: { capacity: -5 } } },
    reason: /capacity/,
  },
  'a volume without template': { line: 'POST volumes', body: { name: 'v' }, reason: /volumeTemplate: missing/ },
  'a volume of a configuration that there is not': {
    line: 'POST volumes',
    body: { volumeTemplate: { volumeConfig: { href: 'nothing' } } },
    reason: /nothing/,
  },
  'a configuration of no size': {
    line: 'POST volume_configurations',
    body: { capacity: 'big' },
    reason: /capacity: an integer/,
  },
  'a credential without key': {
    line: 'POST credentials',
    body: { credentialTemplate: { userName: 'u', password: SECRET } },
    reason: /key: missing/,
  },
  'a capture of nothing': { line: 'POST machine_images', body: { name: 'i' }, reason: /imageLocation/ },
  'an initial state that there is not': {
    body: json({ initialState: 'STOPPED' }),
    reason: /initialState/,
    status: 501,
  },
  'more user data than anyone takes': {
    body: json({ userData: 'QUFB'.repeat(2_900_000) }),
    reason: /userData/,
    status: 413,
  },
  'another type of body': { body: SECRET, type: 'text/plain', reason: /application\/json/, status: 415 },
}

for (const [what, { line = 'POST machines', body, type, reason, status = 400 }] of Object.entries(MALFORMED))
  test(`${what}: ${status}, with a reason, and nothing is made`, async (t) => {
    const { ask, get, provider } = await openCimi(t)
    for (const accept of ['application/json', 'application/xml']) {
      const response = await ask(line, body, {
        Accept: accept,
        ...(type === undefined ? {} : { 'Content-Type': type }),
      })
      assert.equal(response.status, status, said(response).slice(0, 500))
      assert.match(textOf(response), reason)
      assert.doesNotMatch(textOf(response), new RegExp(SECRET))
      assert.ok(response.body.byteLength < 1000)
    }
    for (const path of ['machines', 'machine_templates', 'volumes', 'volume_configurations', 'credentials', 'jobs'])
      assert.equal((await get(path))['count'], 0, path)
    assert.deepEqual([(await provider.made()).length, (await provider.volumesMade()).length], [0, 0])
  })

/** Bodies of an action, and what the reason must name. */
const ACTIONS: readonly (readonly [path: string, body: Json | string, reason: RegExp, status?: number])[] = [
  ['', '', /Action/],
  ['', {}, /action: missing/],
  ['', { action: ' ' }, /action: missing/],
  ['', { action: `${NS}/action/fly` }, /fly/],
  ['', { action: 5 }, /action: text/],
  ['', { action: 'stop', force: 'maybe' }, /force: true or false/],
  ['', { resourceURI: `${NS}/Machine`, action: 'stop' }, /Machine;.*Action/],
  ['/fly', '', /fly/],
  ['/fly', { action: 'stop' }, /fly/],
  ['/start', { action: 'pause', force: [] }, /force/],
  ['/start', '{"action":', /JSON/],
  ['/snapshot', '', /snapshot/, 501],
  ['/start', '', /start.*STARTED/, 409],
]

for (const [path, body, reason, status = 400] of ACTIONS)
  test(`the action ${JSON.stringify(body)} at ${path || "the machine's URL"}: ${status}, and nothing is done`, async (t) => {
    const { ask, get, machine } = await openCimi(t)
    const id = await machine()
    const before = await get(id)
    const response = await ask(`POST ${id}${path}`, body)
    assert.equal(response.status, status, said(response))
    assert.match(said(response), reason)
    assert.deepEqual(await get(id), before)
  })

test('a malformed update is 400, and changes nothing', async (t) => {
  const { ask, get, machine, make } = await openCimi(t)
  const template = await make('machine_templates', { name: 't', ...TEMPLATE, userData: 'aGVsbG8=' })
  for (const [id, body] of [
    [await machine(), { name: [] }],
    [await machine(), { resourceURI: `${NS}/Volume` }],
    [template, { ...TEMPLATE, userData: `${SECRET}!` }],
    [template, { name: 'without image' }],
  ] as const) {
    const before = await get(id)
    const response = await ask(`PUT ${id}`, body)
    assert.equal(response.status, 400, said(response))
    assert.doesNotMatch(said(response), new RegExp(SECRET))
    assert.deepEqual(await get(id), before)
  }
})
