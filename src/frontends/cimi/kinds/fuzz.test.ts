import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { said, textOf } from '../../../../test/e2e/asking.ts'
import { openCimi } from '../../../../test/e2e/cimi-client.ts'
import { anyResource, hostileText } from '../../../../test/conformance/cimi-samples.ts'
import { renderJson } from '../json.ts'
import type { TypeName } from '../types.ts'
import { renderXml } from '../xml.ts'

const MAX_MESSAGE_LENGTH = 1000

/** Where something can be made or done, and what is expected there; `{machine}` is one that is there. */
const PLACES: readonly (readonly [line: string, ...types: readonly [TypeName, ...TypeName[]]])[] = [
  ['POST machines', 'MachineCreate'],
  ['POST machine_templates', 'MachineTemplateCreate', 'MachineTemplate'],
  ['POST machine_images', 'MachineImageCreate', 'MachineImage'],
  ['POST credentials', 'CredentialCreate', 'Credential'],
  ['POST credential_templates', 'CredentialTemplateCreate'],
  ['POST volumes', 'VolumeCreate'],
  ['POST volume_templates', 'VolumeTemplateCreate'],
  ['POST volume_configurations', 'VolumeConfigurationCreate'],
  ['POST {machine}/volumes', 'MachineVolume'],
  ['POST {machine}/network_interfaces', 'MachineNetworkInterface'],
  ['POST {machine}', 'Action'],
  ['POST {machine}/stop', 'Action'],
  ['PUT {machine}', 'Machine'],
]

/** Sends whatever comes, and looks after each whether all that is there is whole. */
async function openFuzzed(t: TestContext) {
  const opened = await openCimi(t)
  const { ask, get, machine, provider } = opened
  const there = await machine()
  const living = (all: readonly { readonly state: string }[]) => all.filter(({ state }) => state !== 'deleted').length
  return async (line: string, body: string | Uint8Array, type: string): Promise<number> => {
    const response = await ask(line.replace('{machine}', there), body, { 'Content-Type': type })
    const { status } = response
    assert.ok((status >= 200 && status < 300) || (status >= 400 && status < 500) || status === 501, said(response))
    if (status >= 400) assert.ok(textOf(response).length < MAX_MESSAGE_LENGTH, said(response))
    assert.equal((await get('machines'))['count'], living(await provider.made()))
    assert.equal((await get('volumes'))['count'], living(await provider.volumesMade()))
    return status
  }
}

test('any document of the type that is expected is done or refused, and nothing is made by half', async (t) => {
  const send = await openFuzzed(t)
  const sent = fc.constantFrom(...PLACES).chain(([line, ...types]) =>
    fc.tuple(
      fc.constant(line),
      fc.constantFrom(...types).chain((type) => anyResource(type)),
    ),
  )
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(sent, fc.boolean(), async ([line, resource], isXml) => {
      const body = isXml ? renderXml(resource) : renderJson(resource)
      seen.add(await send(line, body, isXml ? 'application/xml' : 'application/json'))
    }),
    { numRuns: 400 },
  )
  assert.ok(seen.has(400))
})

test('JSON of any shape, with what is right here and there, is done or refused', async (t) => {
  const send = await openFuzzed(t)
  const odd = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), hostileText, fc.constant([]), fc.constant({}))
  const mostly = <T>(right: fc.Arbitrary<T>) =>
    fc.oneof<fc.MaybeWeightedArbitrary<unknown>[]>({ weight: 15, arbitrary: right }, { weight: 1, arbitrary: odd })
  const href = fc.constantFrom('none', '', '/', '%', '..', 'a/%2e%2e/b', '__proto__', 'memory-debian', 'memory-small')
  const reference = fc.oneof(href, fc.record({ href }), fc.record({ id: href }), odd)
  const named = (name: string) =>
    fc.oneof({ weight: 15, arbitrary: fc.constantFrom(name, { href: name }) }, { weight: 1, arbitrary: reference })
  const volumeTemplate = fc.record(
    {
      name: mostly(hostileText),
      initialLocation: mostly(hostileText),
      volumeConfig: mostly(fc.record({ capacity: mostly(fc.integer({ min: 0, max: 9 })) })),
    },
    { requiredKeys: ['volumeConfig'] },
  )
  const card = fc.record({ network: named('memory-shared'), macAddress: odd }, { requiredKeys: ['network'] })
  const some = <T>(each: fc.Arbitrary<T>) => mostly(fc.array(each, { maxLength: 2 }))
  const template = fc.record(
    {
      machineImage: named('memory-debian'),
      machineConfig: named('memory-small'),
      credential: mostly(fc.record({ key: mostly(fc.constant('ssh-ed25519 AAAA a')), userName: mostly(hostileText) })),
      userData: mostly(fc.base64String({ maxLength: 40 })),
      initialState: mostly(fc.constant('STARTED')),
      volumes: fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(reference) }),
      volumeTemplates: some(volumeTemplate),
      networkInterfaces: some(card),
    },
    { requiredKeys: ['machineImage', 'machineConfig'] },
  )
  const naming = fc.record(
    {
      name: mostly(hostileText),
      description: mostly(hostileText),
      properties: mostly(fc.dictionary(hostileText, hostileText)),
    },
    { requiredKeys: [] },
  )
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(template, naming, fc.boolean(), async (given, said, isMachine) => {
      const body = isMachine ? { ...said, machineTemplate: given } : { ...said, ...given }
      seen.add(
        await send(`POST ${isMachine ? 'machines' : 'machine_templates'}`, JSON.stringify(body), 'application/json'),
      )
    }),
    { numRuns: 400 },
  )
  // What is looked for is found only where some of it is done.
  for (const status of [201, 400]) assert.ok(seen.has(status), `never ${status}`)
})

test('bytes of any kind are done or refused everywhere', async (t) => {
  const send = await openFuzzed(t)
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }),
    hostileText.map((text) => Buffer.from(text)),
  )
  const place = fc.constantFrom(...PLACES.map(([line]) => line))
  const type = fc.constantFrom('application/json', 'application/xml', 'text/xml', 'text/plain')
  await fc.assert(
    fc.asyncProperty(place, bytes, type, async (line, body, of) => void (await send(line, body, of))),
    { numRuns: 200 },
  )
})
