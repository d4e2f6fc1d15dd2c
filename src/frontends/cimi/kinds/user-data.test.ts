import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import { ALICE, header, said } from '../../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'
import { SECRET_VARIABLES } from '../../../formats/variables.ts'
import { sha256 } from '../../../model/digest.ts'

const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64')

async function open(t: TestContext) {
  const opened = await openCimi(t)
  const { machine, service, ask } = opened
  /** The instance of a new machine. */
  const made = async (...given: Parameters<typeof machine>) => {
    const url = await machine(...given)
    return await service.get(url.slice(url.lastIndexOf('/') + 1), ALICE)
  }
  const refused = async (template: Json, more: Json = {}): Promise<string> =>
    said(await ask('POST machines', { machineTemplate: { ...TEMPLATE, ...template }, ...more }))
  return { ...opened, made, refused }
}

test('user data may stand at the top of the request, and twice only when they are the same', async (t) => {
  const { made, refused } = await open(t)
  assert.equal(Buffer.from((await made({}, { userData: base64('top') })).spec.userData ?? []).toString(), 'top')
  const same = await made({ userData: base64('same') }, { userData: base64('same') })
  assert.equal(Buffer.from(same.spec.userData ?? []).toString(), 'same')
  assert.match(await refused({ userData: base64('a') }, { userData: base64('b') }), /^409 .*userData.*differ/)
})

test('user data that are empty are not none', async (t) => {
  const { made } = await open(t)
  assert.equal((await made({ userData: '' })).spec.userData?.byteLength, 0)
  assert.equal((await made()).spec.userData, undefined)
})

test('user data that are no base64 are refused with where, and without what', async (t) => {
  const { refused, ask, provider, get } = await open(t)
  assert.match(await refused({ userData: '1234567890' }), /^400 .*userData: not base64: its end, character 10,/)
  assert.match(await refused({ userData: 'c2Vj*mV0' }), /^400 .*userData: not base64: character 5 of 8 /)
  assert.match(await refused({ userData: 'c2_-' }), /^400 .*character 3 of 4/)
  assert.ok(!(await refused({ userData: 'geheim*' })).includes('geheim'))
  const xml = '<MachineCreate><machineTemplate><userData>#!/bin/sh</userData></machineTemplate></MachineCreate>'
  assert.equal((await ask('POST machines', xml, { 'Content-Type': 'application/xml' })).status, 400)
  assert.deepEqual([(await provider.made()).length, (await get('machines'))['count']], [0, 0])
})

test('user data may have 8 MiB and no more', async (t) => {
  const { made, refused } = await open(t)
  const largest = new Uint8Array(8 * 1024 * 1024).fill(65)
  const { spec } = await made({ userData: base64(largest) })
  assert.equal(sha256(spec.userData ?? new Uint8Array()), sha256(largest))
  assert.match(
    await refused({ userData: base64(new Uint8Array(8 * 1024 * 1024 + 1)) }),
    /^413 .*userData is 8388609 bytes; this server takes 8388608/,
  )
})

test('what the plan warns of is told', async (t) => {
  const { ask } = await open(t)
  const userData = base64('no format that anyone knows')
  const response = await ask('POST machines', { machineTemplate: { ...TEMPLATE, userData } })
  assert.equal(response.status, 201)
  assert.match(header(response, 'Warning'), /cloud-init ignores it/)
})

test('a dictionary becomes variables too where a property asks for that, and stays as it is', async (t) => {
  const { made, machine, get } = await open(t)
  const dictionary = '{"role": "web", "workers": 4}'
  const asking = { 'bellhop.userDataVariables': 'true', site: 'cz' }
  const { spec } = await made({ userData: base64(dictionary) }, { properties: asking })
  assert.deepEqual(spec.variables, { site: 'cz', role: 'web', workers: '4' })
  assert.equal(Buffer.from(spec.userData ?? []).toString(), dictionary)
  const url = await machine({ userData: base64(dictionary) }, { properties: asking })
  assert.deepEqual((await get(url))['properties'], asking)
  for (const properties of [{}, { 'bellhop.userDataVariables': 'false' }])
    assert.deepEqual((await made({ userData: base64(dictionary) }, { properties })).spec.variables, {})
})

test('variables are refused of data that spell none, and where a property says something else', async (t) => {
  const { refused } = await open(t)
  const ask = async (text: string, more: Json = {}, said = 'true'): Promise<string> =>
    await refused({ userData: base64(text) }, { properties: { 'bellhop.userDataVariables': said, ...more } })
  assert.match(await ask('#!/bin/sh\n'), /^400 .*userData: no variables can be made of them: they are no JSON/)
  assert.match(await ask('{"role": "web"}', { role: 'db' }), /^409 .*properties and userData differ in .?"role/)
  assert.match(await ask('{}', {}, 'yes'), /^400 .*bellhop\.userDataVariables is neither/)
  assert.match(await refused({}, { properties: { 'bellhop.userDataVariables': 'true' } }), /^400 .*there are none/)
})

test('variables that were made of user data elsewhere are shown no more than those', async (t) => {
  const { service, made, get } = await open(t)
  const { spec } = await made()
  const { id } = await service.create(
    { spec: { ...spec, variables: { password: 'x' }, labels: { [SECRET_VARIABLES]: 'true' } } },
    ALICE,
  )
  const other = await service.create({ spec: { ...spec, variables: { role: 'web' }, labels: {} } }, ALICE)
  assert.equal((await get(`machines/${id}`))['properties'], undefined)
  assert.deepEqual((await get(`machines/${other.id}`))['properties'], { role: 'web' })
})
