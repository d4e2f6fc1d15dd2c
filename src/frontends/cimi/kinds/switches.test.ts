import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { ALICE, header, said } from '../../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'
import { NO_ROOM } from '../../../../test/e2e/no-room.ts'
import { dictionary, sampleSpec } from '../../../../test/conformance/store-samples.ts'
import { isCloudError } from '../../../model/errors.ts'
import { fromSwitches, toSwitches } from './switches.ts'

const SCRIPT = Buffer.from('#!/bin/sh\necho hello\n')
const userData = SCRIPT.toString('base64')
const UNTRACKED = { 'bellhop.tracking': 'false' }
const WRAPPED = { 'bellhop.wrap': 'true' }

async function open(t: TestContext, options: Parameters<typeof openCimi>[1] = {}) {
  const opened = await openCimi(t, options)
  const idOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1)
  const refused = async (properties: Json, template: Json = { userData }): Promise<string> =>
    said(await opened.ask('POST machines', { properties, machineTemplate: { ...TEMPLATE, ...template } }))
  return { ...opened, idOf, refused, instanceOf: (url: string) => opened.service.get(idOf(url), ALICE) }
}

test('a machine of which nothing is to be told is shown so, and its guest is not told of it', async (t) => {
  const { machine, get, instanceOf } = await open(t)
  const properties = { ...UNTRACKED, role: 'web' }
  const url = await machine({ userData }, { properties })
  const { spec, plan } = await instanceOf(url)
  assert.deepEqual([spec.tracking, plan.tracking, spec.variables], [false, false, { role: 'web' }])
  assert.deepEqual((await get(url))['properties'], properties)
  const filter = `$filter=${encodeURIComponent(`property['bellhop.tracking']="false"`)}`
  assert.equal((await get(`machines?${filter}`))['count'], 1)
})

test('data are wrapped where a property asks for that, and stay the same data', async (t) => {
  const { machine, get, instanceOf, idOf, provider } = await open(t, NO_ROOM)
  const url = await machine({ userData }, { properties: WRAPPED })
  const { spec, plan } = await instanceOf(url)
  assert.deepEqual([spec.wrap, spec.variables], [true, {}])
  assert.deepEqual(Buffer.from(spec.userData ?? []), SCRIPT)
  const [vm = assert.fail()] = await provider.made(idOf(url))
  assert.equal(plan.wrapped?.sizeBytes, vm.request.spec.userData?.byteLength)
  assert.deepEqual((await get(url))['properties'], WRAPPED)
})

test('what is said as it is without a word changes nothing', async (t) => {
  const { machine, instanceOf } = await open(t, NO_ROOM)
  const properties = { 'bellhop.tracking': 'true', 'bellhop.wrap': 'false' }
  const { spec, plan } = await instanceOf(await machine({ userData }, { properties }))
  assert.deepEqual([spec.tracking, spec.wrap, plan.wrapped, spec.variables], [undefined, undefined, undefined, {}])
})

test('a wrong value is refused by its name, and so is what cannot be', async (t) => {
  const { refused, ask, provider } = await open(t, NO_ROOM)
  for (const name of ['bellhop.tracking', 'bellhop.wrap', 'bellhop.userDataVariables'])
    for (const value of ['', 'no', 'True', ' true', '1'])
      assert.ok((await refused({ [name]: value })).includes(`properties: ${name} is neither`), `${name}=${value}`)
  assert.match(await refused({ 'bellhop.wrap': 'yes' }), /^400 /)
  assert.match(await refused({ ...UNTRACKED, ...WRAPPED }), /^400 .*wrap: tracking is off/)
  assert.match(await refused(WRAPPED, {}), /^400 .*wrap: there is no userData/)
  const template = { ...TEMPLATE, userData, properties: { 'bellhop.tracking': 'no' } }
  assert.match(said(await ask('POST machine_templates', template)), /^400 .*bellhop\.tracking is neither/)
  assert.deepEqual(await provider.made(), [])
})

test('an update of what a machine is called leaves them as they are', async (t) => {
  const { machine, ask, instanceOf } = await open(t, NO_ROOM)
  for (const properties of [UNTRACKED, WRAPPED]) {
    const url = await machine({ userData }, { properties })
    const before = await instanceOf(url)
    for (const change of [{ name: 'db' }, { properties: { 'bellhop.tracking': 'true', 'bellhop.wrap': 'false' } }])
      assert.equal((await ask(`PUT ${url}`, change)).status, 200)
    const { spec, plan } = await instanceOf(url)
    assert.deepEqual([spec.tracking, spec.wrap, plan], [before.spec.tracking, before.spec.wrap, before.plan])
  }
})

test("a template's properties are its own, and those of a machine of it are the machine's", async (t) => {
  const { make, get, instanceOf } = await open(t, NO_ROOM)
  const href = await make('machine_templates', { ...TEMPLATE, userData, properties: WRAPPED })
  assert.deepEqual((await get(href))['properties'], WRAPPED)
  const wraps = async (more: Json): Promise<unknown> =>
    (await instanceOf(await make('machines', { machineTemplate: { href }, ...more }))).spec.wrap
  assert.equal(await wraps({}), undefined)
  assert.equal(await wraps({ properties: WRAPPED }), true)
})

test('the same request again, with the key that it had, gives what was made', async (t) => {
  const { ask, provider } = await open(t, NO_ROOM)
  const again = () =>
    ask(
      'POST machines',
      { machineTemplate: { ...TEMPLATE, userData }, properties: WRAPPED },
      { 'Idempotency-Key': 'k' },
    )
  const [first, second] = [await again(), await again()]
  assert.deepEqual([first.status, second.status], [201, 201], said(second))
  assert.equal(header(second, 'Location'), header(first, 'Location'))
  assert.equal((await provider.made()).length, 1)
})

test('what another front end was told is shown too', async (t) => {
  const { service, get } = await open(t)
  const spec = sampleSpec({ userData: SCRIPT, variables: { role: 'web' } })
  const shown = async (switches: object): Promise<unknown> =>
    (await get(`machines/${(await service.create({ spec: { ...spec, ...switches } }, ALICE)).id}`))['properties']
  assert.deepEqual(await shown({ tracking: false }), { role: 'web', ...UNTRACKED })
  assert.deepEqual(await shown({ wrap: true }), { role: 'web', ...WRAPPED })
  assert.deepEqual(await shown({}), { role: 'web' })
})

test('properties say what they are made of, whatever stands beside them', () => {
  const any = fc.record(
    { tracking: fc.constant(false as const), wrap: fc.constant(true as const) },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(any, dictionary, (switches, beside) => {
      const properties = new Map([...Object.entries(beside), ...fromSwitches(switches)])
      const { switches: found, hasVariables, told } = toSwitches(properties)
      assert.deepEqual([found, hasVariables, told], [{ ...switches }, false, beside])
    }),
  )
})

test('any other value of a property of ours is refused, and is not repeated', () => {
  const name = fc.constantFrom('bellhop.tracking', 'bellhop.wrap', 'bellhop.userDataVariables')
  const value = fc.string().filter((text) => text !== 'true' && text !== 'false')
  fc.assert(
    fc.property(name, value, (ours, wrong) =>
      assert.throws(
        () => toSwitches(new Map([[ours, wrong]])),
        (error) =>
          isCloudError(error, 'invalid') && error.message === `properties: ${ours} is neither "true" nor "false"`,
      ),
    ),
  )
})
