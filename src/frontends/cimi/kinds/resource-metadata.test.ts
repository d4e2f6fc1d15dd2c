import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, type Json } from '../../../../test/e2e/cimi-client.ts'
import { USER_DATA_MAX_BYTES } from '../../../model/context.ts'

type Opened = Awaited<ReturnType<typeof openCimi>>

async function valuesOf({ get }: Pick<Opened, 'get'>, entry: string): Promise<ReadonlyMap<string, unknown>> {
  const { capabilities } = (await get(`resource_metadata/${entry}`)) as { capabilities: readonly Json[] }
  for (const each of capabilities)
    for (const name of ['name', 'uri', 'description', 'value']) assert.equal(typeof each[name], 'string', name)
  return new Map(capabilities.map(({ uri, value }) => [String(uri).slice(`${NS}/capability/`.length), value]))
}

test('the entry of the machine is the first, and no other before it has its name', async (t) => {
  const { get } = await openCimi(t)
  const collection = await get('resource_metadata')
  const items = collection['resourceMetadata'] as readonly Json[]
  assert.deepEqual(
    items.map(({ name }) => name),
    ['Machine', 'CloudEntryPoint', 'MachineTemplate', 'Volume'],
  )
  assert.equal(collection['count'], items.length)
  assert.equal(collection['id'], ((await get('cloudEntryPoint'))['resourceMetadata'] as Json)['href'])
  for (const item of items) {
    assert.deepEqual(
      [item['typeURI'], item['typeUri']],
      [`${NS}/${String(item['name'])}`, `${NS}/${String(item['name'])}`],
    )
    assert.deepEqual(await get(String(item['id'])), item)
  }
})

test('capabilities say how user data reach a machine, under both spellings', async (t) => {
  const values = await valuesOf(await openCimi(t), 'machine')
  for (const [uri, value] of Object.entries({
    'Machine/UserData': 'MetadataServer,Disk',
    'Machine/userData': 'MetadataServer,Disk',
    'Machine/UserDataMaxBytes': `${USER_DATA_MAX_BYTES}`,
    'Machine/DefaultInitialState': 'STARTED',
    'Machine/InitialStates': 'STARTED',
    'Machine/MachineConfigByValue': 'true',
    'Machine/MachineCredentialByValue': 'true',
    'Machine/MachineVolumeTemplatesByValue': 'true',
    'Machine/MachineStopForce': 'true',
    'Machine/MachineStopForceDefault': 'false',
  }))
    assert.equal(values.get(uri), value, uri)
  const template = await valuesOf(await openCimi(t), 'machine_template')
  assert.equal(template.get('MachineTemplate/UserData'), 'MetadataServer,Disk')
})

test('what is not done here is not said', async (t) => {
  const opened = await openCimi(t, {
    rules: { servesMetadata: false, userDataMaxBytes: 1000 },
    cloud: { volumes: false },
  })
  const values = await valuesOf(opened, 'machine')
  assert.equal(values.get('Machine/UserData'), 'Disk')
  assert.equal(values.get('Machine/UserDataMaxBytes'), '1000')
  assert.equal(values.get('Machine/MachineVolumeTemplatesByValue'), 'false')
  assert.equal((await opened.ask('GET resource_metadata/volume')).status, 404)
})

test('the entry point says which queries are understood, the volume in what capacities are counted', async (t) => {
  const opened = await openCimi(t)
  const values = await valuesOf(opened, 'CLOUD_ENTRY_POINT')
  for (const query of ['Expand', 'Filter', 'FirstParameterAndLast', 'Select', 'Format', 'OrderBy'])
    assert.equal(values.get(`CloudEntryPoint/${query}ParameterQuery`), 'true', query)
  assert.equal((await valuesOf(opened, 'volume')).get('Volume/CapacityUnit'), '1024')
  assert.equal((await opened.ask('GET resource_metadata/none')).status, 404)
})

test('XML has the value as text and the rest as attributes', async (t) => {
  const { ask } = await openCimi(t)
  const xml = textOf(await ask('GET resource_metadata/machine', '', { Accept: 'application/xml' }))
  assert.match(xml, new RegExp(`^(<\\?xml[^>]*>\\s*)?<ResourceMetadata xmlns="${NS}"`))
  assert.match(xml, new RegExp(`<typeURI>${NS}/Machine</typeURI>`))
  assert.ok(!xml.includes('typeUri'))
  assert.match(
    xml,
    new RegExp(
      `<capability name="UserData" uri="${NS}/capability/Machine/UserData" description="[^"]+">MetadataServer,Disk</capability>`,
    ),
  )
})
