import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { header, jsonOf, said } from '../../../test/e2e/asking.ts'
import { CIMI, NS, openCimi, TEMPLATE, type Json } from '../../../test/e2e/cimi-client.ts'

const DATA = 'I2Nsb3VkLWNvbmZpZwp7fQo='
const WHOLE = { name: 'web', description: 'd', machineTemplate: { ...TEMPLATE, userData: DATA } }

/** Ways to say the same, all of them seen with some client. */
const JSON_FORMS: Readonly<Record<string, Json>> = {
  'without resourceURI': WHOLE,
  'with resourceURI': { resourceURI: `${NS}/MachineCreate`, ...WHOLE },
  'of another version': { resourceURI: 'http://schemas.dmtf.org/cimi/2/MachineCreate', ...WHOLE },
  'of another namespace': { resourceURI: 'http://www.dmtf.org/cimi/1/MachineCreate/', ...WHOLE },
  'in another case': { resourceURI: `${NS}/machineCREATE`, ...WHOLE },
  'with resourceType': { resourceType: `${NS}/MachineCreate`, ...WHOLE },
  'with an entityURI of anything': { entityURI: `${NS}/Volume`, ...WHOLE },
  wrapped: { MachineCreate: WHOLE },
  'wrapped in another case': { machinecreate: { resourceURI: `${NS}/MachineCreate`, ...WHOLE } },
  'with absolute URLs': withReferences(
    `${CIMI}/machine_images/memory-debian`,
    `${CIMI}/machine_configurations/memory-small`,
  ),
  'with absolute URLs of the other mount': withReferences(
    'http://cloud.example.org:8787/cimiv1/red/machineImage/memory-debian',
    'http://cloud.example.org:8787/cimiv1/red/machineConfig/memory-small',
  ),
  'with paths': withReferences('/cimi/machine_images/memory-debian', '/cimi/machine_configurations/memory-small'),
  'relative to baseURI': withReferences('machine_images/memory-debian', 'machine_configurations/memory-small'),
  'with another collection in the reference': withReferences('whatever/memory-debian', 'machineConfig/memory-small/'),
  'with blanks around references': withReferences('  memory-debian ', '\nmemory-small\t'),
  'with bare strings as references': { ...WHOLE, machineTemplate: { ...withStrings(), userData: DATA } },
  'with ids of the cloud': withReferences('debian', 'small'),
  'with id in place of href': {
    ...WHOLE,
    machineTemplate: { machineImage: { id: 'memory-debian' }, machineConfig: { id: 'memory-small' }, userData: DATA },
  },
  'with a size by value, as texts': {
    ...WHOLE,
    machineTemplate: { ...TEMPLATE, machineConfig: { cpu: '1', memory: ' 524288 ' }, userData: DATA },
  },
  'with a size by value, as numbers': {
    ...WHOLE,
    machineTemplate: { ...TEMPLATE, machineConfig: { cpu: 1, memory: 524288 }, userData: DATA },
  },
  'with an image by its location': {
    ...WHOLE,
    machineTemplate: {
      ...TEMPLATE,
      machineImage: { imageLocation: { href: `${CIMI}/machine_images/memory-debian` } },
      userData: DATA,
    },
  },
  'with user data at the top': { ...WHOLE, machineTemplate: TEMPLATE, userData: DATA },
  'with line breaks in user data': {
    ...WHOLE,
    machineTemplate: { ...TEMPLATE, userData: ` ${DATA.slice(0, 10)}\r\n${DATA.slice(10)}\n` },
  },
  'with null for what is left out': {
    ...WHOLE,
    properties: null,
    machineTemplate: { ...TEMPLATE, userData: DATA, credential: null },
  },
}

const XML_BODY =
  `<name>web</name><description>d</description><machineTemplate><machineImage href="memory-debian"/>` +
  `<machineConfig href="memory-small"/><userData>${DATA}</userData></machineTemplate>`

const XML_FORMS: Readonly<Record<string, string>> = {
  'without a namespace': `<MachineCreate>${XML_BODY}</MachineCreate>`,
  'with the namespace': `<MachineCreate xmlns="${NS}">${XML_BODY}</MachineCreate>`,
  'with a slash at the end of the namespace': `<MachineCreate xmlns="${NS}/">${XML_BODY}</MachineCreate>`,
  'with its type URI as namespace': `<MachineCreate xmlns="${NS}/MachineCreate">${XML_BODY}</MachineCreate>`,
  'with its resourceURI': `<MachineCreate xmlns="${NS}" resourceURI="${NS}/MachineCreate">${XML_BODY}</MachineCreate>`,
  'with a prefix': `<c:MachineCreate xmlns:c="${NS}">${XML_BODY.replaceAll(/<(\/?)/g, '<$1c:')}</c:MachineCreate>`,
  'with a root in another case': `<machineCREATE>${XML_BODY}</machineCREATE>`,
  'with a declaration and comments': `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- a -->\n<MachineCreate>${XML_BODY}<!-- b --></MachineCreate>\n`,
  'pretty-printed, each value padded': `<MachineCreate>
    <name>
      web
    </name>
    <description>  d  </description>
    <machineTemplate>
      <machineImage href=" memory-debian "> </machineImage>
      <machineConfig href="\tmemory-small"></machineConfig>
      <userData>
        ${DATA.slice(0, 12)}
        ${DATA.slice(12)}
      </userData>
    </machineTemplate>
  </MachineCreate>`,
  'with references as text': `<MachineCreate>${XML_BODY.replaceAll(/<(machine(?:Image|Config)) href="([^"]*)"\/>/g, '<$1>$2</$1>')}</MachineCreate>`,
  'with CDATA': `<MachineCreate>${XML_BODY.replace(DATA, `<![CDATA[${DATA}]]>`)}</MachineCreate>`,
  'with character references': `<MachineCreate>${XML_BODY.replace('<name>web', '<name>&#119;&#x65;b')}</MachineCreate>`,
}

const FORMS: readonly (readonly [form: string, body: Json | string, type: string])[] = [
  ...Object.entries(JSON_FORMS).map(([form, body]) => [form, body, 'application/json'] as const),
  ...Object.entries(XML_FORMS).map(([form, body]) => [form, body, 'text/xml; charset=utf-8'] as const),
]

for (const [form, body, type] of FORMS)
  test(`a MachineCreate ${form} (${type.split(';', 1)[0]}) means the same`, async (t) => {
    const { ask, get, provider } = await openCimi(t)
    const response = await ask('POST machines', body, { 'Content-Type': type })
    assert.equal(response.status, 201, said(response))
    assert.equal(header(response, 'Warning'), '')
    const { name, description, cpu, memory } = await get(header(response, 'Location'))
    assert.deepEqual({ name, description, cpu, memory }, { name: 'web', description: 'd', cpu: 1, memory: 524288 })
    const [made] = await provider.made()
    assert.equal(Buffer.from(made?.request.spec.userData ?? []).toString('base64'), DATA)
  })

test('names may hold any text, and are shown as they came', async (t) => {
  const { get, machine } = await openCimi(t)
  for (const name of ['cimi_machine_initial:STOPPED', 'a/b?c#d%', '<&"\'>', 'Ünïcödé 名前', '..'])
    assert.equal((await get(await machine({}, { name })))['name'], name)
})

test('name, description and properties may be left out; the first two are filled in', async (t) => {
  const { ask } = await openCimi(t)
  const made = jsonOf(await ask('POST machines', { machineTemplate: TEMPLATE }))
  assert.ok(made['name'])
  assert.ok(made['description'])
  assert.equal(Object.hasOwn(made, 'properties'), false)
})

test('booleans may be texts', async (t) => {
  const { ask, machine } = await openCimi(t)
  const id = await machine()
  for (const force of [true, 'true', ' TRUE ', false, 'false']) {
    assert.equal((await ask(`POST ${id}`, { action: 'stop', force })).status, 202, `${force}`)
    assert.equal((await ask(`POST ${id}/start`)).status, 202)
  }
})

/** The last segment of an action counts. */
const STOPS = [
  'stop',
  'STOP',
  `${NS}/action/stop`,
  `  ${NS}/action/stop\n`,
  ` http://${NS}/action/stop`,
  'http://www.dmtf.org/cimi/action/stop/',
  '%s/cimi/1/action/stop',
]

for (const action of STOPS)
  test(`the action ${JSON.stringify(action)} is stop`, async (t) => {
    const { ask, get, machine } = await openCimi(t)
    const id = await machine()
    assert.equal((await ask(`POST ${id}`, { action })).status, 202)
    assert.equal((await get(id))['state'], 'STOPPED')
  })

function withReferences(image: string, config: string): Json {
  return {
    ...WHOLE,
    machineTemplate: { machineImage: { href: image }, machineConfig: { href: config }, userData: DATA },
  }
}

function withStrings(): Json {
  return { machineImage: 'memory-debian', machineConfig: 'machine_configurations/memory-small' }
}
