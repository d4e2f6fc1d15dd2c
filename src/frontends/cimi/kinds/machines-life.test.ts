import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALICE, header, said } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, type Json } from '../../../../test/e2e/cimi-client.ts'

type Opened = Awaited<ReturnType<typeof openCimi>>

const XML = { 'Content-Type': 'application/xml' }
const idOf = (url: string): string => url.slice(url.lastIndexOf('/') + 1)

/** What is offered, without what all URIs begin with. */
async function offered({ get }: Pick<Opened, 'get'>, url: string): Promise<readonly string[]> {
  const { operations } = (await get(url)) as { operations: readonly { rel: string }[] }
  return operations.map(({ rel }) => rel.replace(`${NS}/action/`, ''))
}

/** Follows the operation that a machine offers. */
async function act({ ask, get }: Pick<Opened, 'ask' | 'get'>, url: string, action: string, more: Json = {}) {
  const { operations } = (await get(url)) as { operations: readonly { rel: string; href: string }[] }
  const rel = `${NS}/action/${action}`
  const { href = assert.fail(`${action} is not offered`) } = operations.find((each) => each.rel === rel) ?? {}
  const response = await ask(`POST ${href}`, { resourceURI: `${NS}/Action`, action: rel, ...more })
  assert.equal(response.status, 202, said(response))
  assert.equal(response.body.byteLength, 0)
  assert.equal(header(response, 'Content-Type'), '')
  return response
}

test('each state offers what it allows, and never restart after start', async (t) => {
  const opened = await openCimi(t)
  const { machine, get } = opened
  const url = await machine()
  const state = async () => (await get(url))['state']
  assert.deepEqual(await offered(opened, url), ['restart', 'stop', 'pause', 'suspend', 'capture', 'edit', 'delete'])
  for (const [action, becomes, offers] of [
    ['stop', 'STOPPED', ['start', 'capture', 'edit', 'delete']],
    ['start', 'STARTED', ['restart', 'stop', 'pause', 'suspend', 'capture', 'edit', 'delete']],
    ['restart', 'STARTED', ['restart', 'stop', 'pause', 'suspend', 'capture', 'edit', 'delete']],
    ['suspend', 'SUSPENDED', ['start', 'edit', 'delete']],
    ['start', 'STARTED', ['restart', 'stop', 'pause', 'suspend', 'capture', 'edit', 'delete']],
    ['pause', 'PAUSED', ['start', 'edit', 'delete']],
    ['start', 'STARTED', ['restart', 'stop', 'pause', 'suspend', 'capture', 'edit', 'delete']],
    // It is forgotten that it was paused before.
    ['suspend', 'SUSPENDED', ['start', 'edit', 'delete']],
  ] as const) {
    await act(opened, url, action)
    assert.equal(await state(), becomes, action)
    assert.deepEqual(await offered(opened, url), offers)
  }
})

test('a machine that is being made offers no action, nor does one that is lost', async (t) => {
  const slow = await openCimi(t, { cloud: { bootMs: 60_000 } })
  const url = await slow.machine()
  assert.equal((await slow.get(url))['state'], 'CREATING')
  assert.deepEqual(await offered(slow, url), ['edit', 'delete'])
  assert.match(said(await slow.ask(`POST ${url}/stop`)), /^409 .*stop: the machine is CREATING/)
  const lost = await openCimi(t)
  const gone = await lost.machine()
  const { remoteId = assert.fail() } = await lost.service.get(idOf(gone), ALICE)
  await lost.provider.delete(remoteId, { signal: new AbortController().signal, deadline: Date.now() + 1000 })
  assert.equal((await lost.get(gone))['state'], 'ERROR')
  assert.deepEqual(await offered(lost, gone), ['edit', 'delete'])
})

test('what the provider cannot do is not offered, and 501', async (t) => {
  const opened = await openCimi(t, { cloud: { capabilities: { actions: ['stop', 'start'] }, saveImage: false } })
  const { machine, ask } = opened
  const url = await machine()
  assert.deepEqual(await offered(opened, url), ['stop', 'edit', 'delete'])
  for (const action of ['restart', 'pause', 'suspend', 'capture', 'snapshot', 'restore', 'export'])
    assert.match(said(await ask(`POST ${url}`, { action: `${NS}/action/${action}` })), /^501 /, action)
  await act(opened, url, 'stop')
  assert.deepEqual(await offered(opened, url), ['start', 'edit', 'delete'])
})

test('restart of what is stopped is a start', async (t) => {
  const { machine, ask, get, provider } = await openCimi(t)
  const url = await machine()
  await ask(`POST ${url}/stop`)
  assert.equal((await ask(`POST ${url}/restart`)).status, 202)
  assert.equal((await get(url))['state'], 'STARTED')
  const [vm = assert.fail()] = await provider.made()
  assert.deepEqual(
    vm.actions.map(({ action }) => action),
    ['stop', 'start'],
  )
})

test('a stop is forced where it says so', async (t) => {
  const opened = await openCimi(t)
  const { machine, ask, provider } = opened
  const forced = await machine()
  await act(opened, forced, 'stop', { force: true })
  const gentle = await machine()
  await act(opened, gentle, 'stop', { force: 'false' })
  const inXml = await machine()
  const body = `<Action xmlns="${NS}"><action> http://${NS}/action/stop </action><force> true </force></Action>`
  assert.equal((await ask(`POST ${inXml}`, body, XML)).status, 202)
  const how = async (url: string) => (await provider.made(idOf(url))).flatMap(({ actions }) => actions)
  assert.deepEqual(await how(forced), [{ action: 'stop', method: 'poweroff' }])
  assert.deepEqual(await how(gentle), [{ action: 'stop' }])
  assert.deepEqual(await how(inXml), [{ action: 'stop', method: 'poweroff' }])
})

test('what the state does not allow is 409, what nobody knows 400', async (t) => {
  const { machine, ask, get } = await openCimi(t)
  const url = await machine()
  const asked = async (line: string, body: Json | string = '') => said(await ask(`POST ${line}`, body))
  assert.match(await asked(`${url}/start`), /^409 .*start: the machine is STARTED/)
  await ask(`POST ${url}/suspend`)
  for (const verb of ['stop', 'restart', 'pause', 'suspend'])
    assert.match(await asked(`${url}/${verb}`), new RegExp(`^409 .*${verb}: the machine is SUSPENDED`))
  assert.match(await asked(url, { action: `${NS}/action/explode` }), /^400 .*no action \\"explode\\"; there are start,/)
  assert.match(await asked(url, {}), /^400 .*action: missing/)
  assert.match(await asked(url), /^400 .*an Action is expected/)
  assert.match(await asked(`${url}/explode`), /^400 /)
  assert.match(await asked('machines/none', { action: 'stop' }), /^404 /)
  assert.equal((await get(url))['state'], 'SUSPENDED')
})

test('of a URL and a body that disagree, the body counts where the state allows it', async (t) => {
  const { machine, ask, get } = await openCimi(t)
  const url = await machine()
  assert.match(said(await ask(`POST ${url}/stop`, { action: 'start' })), /^400 .*URL says stop, the body start/)
  assert.match(said(await ask(`POST ${url}/stop`, { action: 'capture' })), /^400 /)
  assert.equal((await ask(`POST ${url}/start`, { action: 'stop' })).status, 202)
  assert.equal((await get(url))['state'], 'STOPPED')
  // A body that names none leaves it to the URL.
  assert.equal((await ask(`POST ${url}/START`, { force: true })).status, 202)
  assert.equal((await get(url))['state'], 'STARTED')
})

test('a capture makes an image, of which no job tells', async (t) => {
  const opened = await openCimi(t)
  const { machine, get, ask } = opened
  const url = await machine()
  await ask(`POST ${url}/stop`)
  const before = Number((await get('machine_images'))['count'])
  const response = await ask(`POST ${url}`, { action: `${NS}/action/capture` })
  assert.equal(response.status, 202, said(response))
  assert.equal(header(response, 'CIMI-Job-URI'), '')
  const { machineImages } = (await get('machine_images')) as { machineImages: readonly Json[] }
  assert.equal(machineImages.length, before + 1)
  assert.equal(machineImages.at(-1)?.['name'], 'web saved')
})

test('PUT changes name, description and properties, all that it leaves out is taken away', async (t) => {
  const { machine, ask, get, service } = await openCimi(t)
  const url = await machine({}, { description: 'd', properties: { a: '1' } })
  const naming = async () => {
    const { name, description, properties } = await get(url)
    return { name, description, properties }
  }
  const response = await ask(`PUT ${url}`, {
    ...(await get(url)),
    name: 'db',
    properties: { b: '2', c: '3' },
    state: 'STOPPED',
    cpu: 64,
  })
  assert.equal(response.status, 200, said(response))
  assert.deepEqual(await naming(), { name: 'db', description: 'd', properties: { b: '2', c: '3' } })
  const { state, cpu } = await get(url)
  assert.deepEqual([state, cpu], ['STARTED', 1])
  // The guest was told of them when it began.
  assert.deepEqual((await service.get(idOf(url), ALICE)).spec.variables, { a: '1' })
  assert.equal((await ask(`PUT ${url}`, {})).status, 200)
  const { name, description, properties } = await naming()
  assert.deepEqual([name, description, properties], ['web', 'memory-debian on memory-small', undefined])
})

test('PUT with $select changes what it selects', async (t) => {
  const { machine, ask, get } = await openCimi(t)
  const url = await machine({}, { description: 'd', properties: { a: '1' } })
  const naming = async () => {
    const { name, description, properties } = await get(url)
    return [name, description, properties]
  }
  const xml = '<Machine><name>db</name><description>other</description></Machine>'
  assert.equal((await ask(`PUT ${url}?$select=name`, xml, XML)).status, 200)
  assert.deepEqual(await naming(), ['db', 'd', { a: '1' }])
  await ask(`PUT ${url}?$select=description,properties`, { name: 'no', properties: { b: '2' } })
  assert.deepEqual(await naming(), ['db', 'memory-debian on memory-small', { b: '2' }])
})

test('a machine that is deleted is gone, at its provider too', async (t) => {
  const { machine, ask, get, provider } = await openCimi(t)
  const [url, other] = [await machine(), await machine()]
  const response = await ask(`DELETE ${url}`)
  assert.deepEqual([response.status, response.body.byteLength], [200, 0])
  for (const line of [`GET ${url}`, `DELETE ${url}`, `POST ${url}/stop`, `GET ${url}/disks`, `PUT ${url}`])
    assert.equal((await ask(line, line.startsWith('PUT') ? {} : '')).status, 404, line)
  const { machines } = (await get('machines')) as { machines: readonly Json[] }
  assert.deepEqual(
    machines.map(({ id }) => id),
    [other],
  )
  const left = (await provider.made()).filter(({ state }) => state !== 'deleted')
  assert.deepEqual(
    left.map(({ request }) => request.id),
    [idOf(other)],
  )
})

test('what the provider refuses is an error, and no machine is kept', async (t) => {
  const { ask, get } = await openCimi(t, { cloud: { faults: { create: { before: 'conflict', times: 1 } } } })
  const body = { machineTemplate: { machineImage: 'memory-debian', machineConfig: 'memory-small' } }
  assert.match(said(await ask('POST machines', body)), /^409 /)
  assert.deepEqual([(await get('machines'))['count'], (await get('jobs'))['count']], [0, 0])
  assert.equal((await ask('POST machines', body)).status, 201)
})
