import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOB, header, jsonOf, READER, said, textOf, toRequest, type Headers } from '../../../test/e2e/asking.ts'
import { CIMI, NS, openCimi, TEMPLATE } from '../../../test/e2e/cimi-client.ts'
import { ENTRY_POINTS } from './index.ts'

const MACHINE = { name: 'web', machineTemplate: TEMPLATE }
const JSON_TYPE = { 'Content-Type': 'application/json' }

test('the entry point lies at the mount too, with and without slash, in any case', async (t) => {
  const { ask, get } = await openCimi(t)
  const first = await get('cloudEntryPoint')
  assert.equal(first['resourceURI'], `${NS}/CloudEntryPoint`)
  assert.equal(first['id'], `${CIMI}/cloudEntryPoint`)
  assert.equal(first['baseURI'], `${CIMI}/`)
  for (const url of ['/cimi', '/cimi/', '/cimi//cloudEntryPoint/', '/cimi/cloudentrypoint', '/cimi/CLOUDENTRYPOINT'])
    assert.deepEqual(await get(url), first, url)
  assert.deepEqual(jsonOf(await ask('HEAD /cimi/cloudEntryPoint')), first)
})

test('the entry point has a link to each collection, in the order of the specification', async (t) => {
  const { get } = await openCimi(t)
  const links = Object.entries(await get('cloudEntryPoint')).filter(([, value]) => typeof value === 'object')
  assert.deepEqual(
    links,
    [
      ['resourceMetadata', 'resource_metadata'],
      ['machines', 'machines'],
      ['machineTemplates', 'machine_templates'],
      ['machineConfigs', 'machine_configurations'],
      ['machineImages', 'machine_images'],
      ['credentials', 'credentials'],
      ['credentialTemplates', 'credential_templates'],
      ['volumes', 'volumes'],
      ['volumeTemplates', 'volume_templates'],
      ['volumeConfigs', 'volume_configurations'],
      ['networks', 'networks'],
      ['addresses', 'addresses'],
      ['jobs', 'jobs'],
      ['eventLogs', 'event_logs'],
    ].map(([link, path]) => [link, { href: `${CIMI}/${path}` }]),
  )
})

test('what no provider has is not linked, and is not there', async (t) => {
  const { ask, get } = await openCimi(t, { cloud: { volumes: false, networks: false } })
  const links = Object.keys(await get('cloudEntryPoint'))
  for (const link of ['volumes', 'volumeTemplates', 'volumeConfigs', 'networks', 'addresses'])
    assert.ok(!links.includes(link), link)
  for (const path of ['volumes', 'volume_templates', 'volume_configurations', 'networks', 'addresses'])
    assert.equal((await ask(`GET ${path}`)).status, 404, path)
})

test('the entry point is shown to those whom nobody knows, and can only be read', async (t) => {
  const { cimi, get } = await openCimi(t)
  const whole = await get('cloudEntryPoint')
  for (const path of ENTRY_POINTS) {
    const response = await cimi.entryPoint(toRequest(`GET ${path}`, {}, ''))
    assert.equal(response.status, 200)
    assert.deepEqual(jsonOf(response), whole, path)
  }
  const xml = await cimi.entryPoint(toRequest('HEAD /cimi?$format=xml', { Accept: 'application/json' }, ''))
  assert.equal(header(xml, 'Content-Type'), 'application/xml')
  assert.equal(header(xml, 'CIMI-Specification-Version'), '1.1.0')
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await cimi.entryPoint(toRequest(`${method} /cimi`, JSON_TYPE, '{}'))
    assert.deepEqual([response.status, header(response, 'Allow')], [405, 'GET, HEAD'], method)
  }
})

test('the rules of all answers hold for those whom nobody knows too', async (t) => {
  const { cimi } = await openCimi(t)
  const ask = (url: string, headers: Headers = {}): ReturnType<typeof cimi.entryPoint> =>
    cimi.entryPoint(toRequest(`GET ${url}`, headers, ''))
  assert.equal((await ask('/cimi', { Accept: 'text/html' })).status, 406)
  assert.equal((await ask('/cimi', { 'CIMI-Specification-Version': '2.0.0' })).status, 400)
  assert.equal((await ask('/cimi?$filter=name=')).status, 400)
  assert.deepEqual(jsonOf(await ask('/cimi?$select=machines&$expand=*')), {
    resourceURI: `${NS}/CloudEntryPoint`,
    machines: { href: `${CIMI}/machines` },
  })
})

test('a create answers 201 with the resource, whose id is the Location, and the job', async (t) => {
  const { ask, get } = await openCimi(t)
  const response = await ask('POST machines', MACHINE)
  assert.equal(response.status, 201)
  const id = header(response, 'Location')
  assert.equal(jsonOf(response)['id'], id)
  assert.equal((await get(id))['id'], id)
  const job = header(response, 'CIMI-Job-URI')
  assert.equal((await get(job))['id'], job)
  assert.deepEqual(await get(`${id}?$select=name`), { resourceURI: `${NS}/Machine`, name: 'web' })
})

test('an answer to a create is in the type of Accept, whatever the request is in', async (t) => {
  const { ask } = await openCimi(t)
  const response = await ask('POST machines', MACHINE, { Accept: 'application/xml' })
  assert.equal(header(response, 'Content-Type'), 'application/xml')
  assert.match(textOf(response), new RegExp(`^<Machine xmlns="${NS}" [^>]*><id>${header(response, 'Location')}</id>`))
})

test('a create that is asked to answer at once answers 202 with its job, if it has one', async (t) => {
  const { ask } = await openCimi(t)
  for (const prefer of ['respond-async', 'wait=5, respond-async', 'Respond-Async;foo=bar']) {
    const response = await ask('POST machines', MACHINE, { Prefer: prefer })
    assert.equal(response.status, 202, prefer)
    assert.equal(header(response, 'Preference-Applied'), 'respond-async')
    assert.equal(jsonOf(response)['resourceURI'], `${NS}/Job`)
    assert.equal(jsonOf(response)['id'], header(response, 'CIMI-Job-URI'))
    assert.deepEqual(jsonOf(response)['targetResource'], { href: header(response, 'Location') })
  }
  for (const [path, prefer] of [
    ['machines', 'return=minimal'],
    ['machines', 'not-respond-async'],
    ['volume_configurations', 'respond-async'],
  ] as const) {
    const body = path === 'machines' ? MACHINE : { name: 'c', capacity: 1 }
    const response = await ask(`POST ${path}`, body, { Prefer: prefer })
    assert.deepEqual([response.status, header(response, 'Preference-Applied')], [201, ''], prefer)
  }
})

test('a create that is sent again under the same key makes nothing more', async (t) => {
  const { ask, get, provider } = await openCimi(t)
  for (const [path, body] of [
    ['machines', MACHINE],
    ['volumes', { name: 'v', volumeTemplate: { volumeConfig: { capacity: 1024 } } }],
    ['machine_templates', { name: 't', ...TEMPLATE }],
  ] as const) {
    const [first, second] = [
      await ask(`POST ${path}`, body, { 'Idempotency-Key': 'a' }),
      await ask(`POST ${path}`, body, { 'Idempotency-Key': 'a' }),
    ]
    assert.deepEqual([first.status, second.status], [201, 201], said(second))
    assert.equal(header(second, 'Location'), header(first, 'Location'))
    const other = await ask(`POST ${path}`, { ...body, name: 'other' }, { 'Idempotency-Key': 'a' })
    assert.equal(other.status, 409, said(other))
    assert.equal((await get(path))['count'], 1)
  }
  assert.equal((await provider.made()).length, 1)
})

test('an action answers 202 with its job and nothing more', async (t) => {
  const { ask, get, machine } = await openCimi(t)
  const id = await machine()
  for (const [line, body] of [
    [`POST ${id}/stop`, { action: `${NS}/action/stop` }],
    [`POST ${id}`, { resourceURI: `${NS}/Action`, action: 'start' }],
    [`POST ${id}/Restart`, ''],
  ] as const) {
    const response = await ask(line, body, { Accept: 'application/xml' })
    assert.deepEqual([response.status, response.body.byteLength, header(response, 'Content-Type')], [202, 0, ''], line)
    assert.deepEqual((await get(header(response, 'CIMI-Job-URI')))['targetResource'], { href: id })
  }
})

test('a delete answers 200 and nothing more; what is gone is 404', async (t) => {
  const { ask, make, machine } = await openCimi(t)
  for (const id of [await machine(), await make('volume_configurations', { name: 'c', capacity: 1 })]) {
    const response = await ask(`DELETE ${id}`)
    assert.deepEqual([response.status, response.body.byteLength], [200, 0])
    assert.equal((await ask(`GET ${id}`)).status, 404)
    assert.equal((await ask(`DELETE ${id}`)).status, 404)
  }
})

test('attributes that are not known are left aside, and a Warning names them', async (t) => {
  const { ask } = await openCimi(t)
  const json = await ask('POST machines', { ...MACHINE, colour: 'red', machineTemplate: { ...TEMPLATE, meters: [] } })
  assert.equal(json.status, 201)
  assert.equal(
    header(json, 'Warning'),
    ['machineTemplate.meters', 'colour']
      .map((name) => `299 bellhop "${name} is not known here and was left aside"`)
      .join('|'),
  )
  const xml = await ask(
    'POST machines',
    `<MachineCreate><colour>red</colour><machineTemplate><machineImage href="memory-debian"/><machineConfig
      href="memory-small"/></machineTemplate></MachineCreate>`,
    { 'Content-Type': 'text/xml' },
  )
  assert.equal(header(xml, 'Warning'), '299 bellhop "colour is not known here and was left aside"')
  assert.equal(header(await ask('POST machines', MACHINE), 'Warning'), '')
})

test('what was left aside is told with a refusal too: it may be what is missing', async (t) => {
  const { ask } = await openCimi(t)
  const misspelt = { machineImages: TEMPLATE.machineImage, machineConfig: TEMPLATE.machineConfig }
  const response = await ask('POST machines', { machineTemplate: misspelt })
  assert.match(said(response), /^400 .*machineImage: missing/)
  assert.match(header(response, 'Warning'), /"machineTemplate\.machineImages is not known here/)
})

test('what is not allowed is 405, which tells what is', async (t) => {
  const { ask, make, machine } = await openCimi(t)
  const [id, config] = [await machine(), await make('volume_configurations', { name: 'c', capacity: 1 })]
  for (const [line, allow] of [
    ['POST cloudEntryPoint', 'GET, HEAD'],
    ['DELETE machines', 'GET, HEAD, POST'],
    ['PATCH machines', 'GET, HEAD, POST'],
    [`PATCH ${id}`, 'GET, HEAD, PUT, DELETE, POST'],
    [`GET ${id}/stop`, 'POST'],
    [`PUT ${id}/disks`, 'GET, HEAD'],
    [`POST ${config}`, 'GET, HEAD, PUT, DELETE'],
    ['POST machine_configurations', 'GET, HEAD'],
    ['PUT machine_configurations/memory-small', 'GET, HEAD'],
    ['POST networks', 'GET, HEAD'],
    ['DELETE event_logs', 'GET, HEAD'],
  ] as const) {
    const response = await ask(line, '{}', JSON_TYPE)
    assert.deepEqual([response.status, header(response, 'Allow')], [405, allow], line)
  }
})

test('there is nothing elsewhere', async (t) => {
  const { ask, machine } = await openCimi(t)
  const id = await machine()
  for (const url of [
    'nothing',
    'cloudEntryPoint/machines',
    'constructor',
    'machines/nobody',
    'machines/nobody/disks',
    `${id}/disks/1/2/3`,
    `${id}/nothing/at/all`,
    'machine_images/nobody',
    'machine_images/memory-debian/copies',
    'jobs/nobody',
    'event_logs/nobody/events',
    'resource_metadata/system',
    '/cimi2/machines',
  ])
    assert.equal((await ask(`GET ${url}`)).status, 404, url)
})

test('what is of another project is not there, and who may only read changes nothing', async (t) => {
  const { ask, machine } = await openCimi(t)
  const id = await machine()
  for (const line of [`GET ${id}`, `DELETE ${id}`, `POST ${id}/stop`, `PUT ${id}`])
    assert.equal((await ask(line, line.startsWith('PUT') ? { name: 'mine' } : '', {}, BOB)).status, 404, line)
  assert.equal((await ask(`GET ${id}`, '', {}, READER)).status, 200)
  for (const [line, body] of [
    ['POST machines', MACHINE],
    ['POST machine_templates', { name: 't', ...TEMPLATE }],
    [`PUT ${id}`, { name: 'mine' }],
    [`POST ${id}/stop`, ''],
    [`DELETE ${id}`, ''],
  ] as const)
    assert.equal((await ask(line, body, {}, READER)).status, 403, line)
})

test('If-Match guards updates and deletes; the tag is the same in both forms', async (t) => {
  const { ask, machine } = await openCimi(t)
  const id = await machine()
  const tagOf = async (url: string, accept = 'application/json'): Promise<string> =>
    header(await ask(`GET ${url}`, '', { Accept: accept }), 'ETag')
  const first = await tagOf(id)
  assert.match(first, /^"[0-9a-f]{32}"$/)
  assert.equal(await tagOf(id, 'text/xml'), first)
  assert.equal(await tagOf(`${id}?$select=name&$expand=*`), first)
  const put = await ask(`PUT ${id}`, { name: 'renamed' }, { 'If-Match': `"other", W/${first}` })
  assert.equal(put.status, 200)
  const second = header(put, 'ETag')
  assert.notEqual(second, first)
  assert.equal(await tagOf(id), second)
  for (const line of [`PUT ${id}`, `DELETE ${id}`]) {
    const refused = await ask(line, { name: 'again' }, { 'If-Match': first })
    assert.deepEqual([refused.status, header(refused, 'ETag')], [412, second], line)
  }
  assert.equal((await ask(`PUT ${id}`, { name: 'any' }, { 'If-Match': '*' })).status, 200)
  assert.equal((await ask(`DELETE ${id}`, '', { 'If-Match': await tagOf(id) })).status, 200)
})
