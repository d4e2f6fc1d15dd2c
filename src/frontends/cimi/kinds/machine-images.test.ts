import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALICE, BOB, header, jsonOf, said } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, type Json } from '../../../../test/e2e/cimi-client.ts'

const XML = { 'Content-Type': 'application/xml' }

test('images that are for all are shown, and nobody deletes them', async (t) => {
  const { get, ask } = await openCimi(t)
  const { machineImages, count } = (await get('machine_images')) as { machineImages: readonly Json[]; count: number }
  assert.equal(count, 2)
  const id = 'http://cloud.example.org:8787/cimi/machine_images/memory-debian'
  const { resourceURI: _, ...shown } = await get(id)
  assert.deepEqual(shown, {
    id,
    name: 'memory-debian',
    description: 'Debian',
    state: 'AVAILABLE',
    type: 'IMAGE',
    imageLocation: id,
  })
  assert.deepEqual(machineImages[0]?.['id'], id)
  assert.match(said(await ask(`DELETE ${id}`)), /^403 .*memory-debian is for all/)
  assert.equal((await ask('GET machine_images/none')).status, 404)
  assert.equal((await ask('DELETE machine_images/none')).status, 404)
})

test('a machine is captured: its image has the name that was chosen, starts machines, and can be deleted', async (t) => {
  const { machine, ask, get } = await openCimi(t)
  const url = await machine()
  const xml =
    `<machineImageCreate xmlns="${NS}">\n <name> n </name><description>d</description>` +
    `<type> IMAGE </type><imageLocation href=" ${url} "/></machineImageCreate>`
  const fromXml = await ask('POST machine_images', xml, { ...XML, Accept: 'application/json' })
  assert.equal(fromXml.status, 201, said(fromXml))
  const image = header(fromXml, 'Location')
  const { name, state, type, operations } = await get(image)
  assert.deepEqual([name, state, type], ['n', 'AVAILABLE', 'IMAGE'])
  assert.deepEqual(operations, [{ rel: 'delete', href: image }])
  assert.deepEqual(await get(image), jsonOf(fromXml))
  const next = await machine({ machineImage: { href: image } })
  assert.match(said(await ask(`DELETE ${image}`)), /^409 /)
  await ask(`DELETE ${next}`)
  // It is its project's alone.
  assert.equal((await ask(`GET ${image}`, '', {}, BOB)).status, 404)
  assert.equal((await ask(`DELETE ${image}`, '', {}, BOB)).status, 404)
  assert.equal((await get('machine_images', BOB))['count'], 2)
  assert.equal((await ask(`DELETE ${image}`)).status, 200)
  assert.equal((await ask(`GET ${image}`)).status, 404)
})

test('a capture that names no machine, or wants what is not made here, is refused', async (t) => {
  const { machine, ask, get } = await openCimi(t)
  const url = await machine()
  const capture = async (body: Json, caller?: typeof BOB) => said(await ask('POST machine_images', body, {}, caller))
  assert.match(await capture({ name: 'n' }), /^400 .*imageLocation/)
  assert.match(await capture({ imageLocation: 'machines/none' }), /^400 /)
  assert.match(await capture({ imageLocation: url }, BOB), /^400 /)
  assert.match(await capture({ imageLocation: url, type: 'SNAPSHOT' }), /^501 .*type/)
  assert.equal((await get('machine_images'))['count'], 2)
})

test('where the provider saves no images a capture is 501', async (t) => {
  const { machine, ask } = await openCimi(t, { cloud: { saveImage: false } })
  assert.match(said(await ask('POST machine_images', { imageLocation: await machine() })), /^501 /)
})

test('sizes are shown in KiB', async (t) => {
  const { get, ask } = await openCimi(t)
  const { machineConfigurations } = (await get('machine_configurations')) as { machineConfigurations: readonly Json[] }
  const id = 'http://cloud.example.org:8787/cimi/machine_configurations/memory-large'
  const { resourceURI: _, ...large } = await get(id)
  assert.deepEqual(large, {
    id,
    name: 'memory-large',
    description: 'Large of memory',
    cpu: 4,
    memory: 8192 * 1024,
    disks: [{ capacity: 40 * 1024 * 1024, format: 'unknown' }],
  })
  assert.equal(machineConfigurations.length, 2)
  assert.equal((await ask('GET machine_configurations/none')).status, 404)
  assert.equal((await ask('POST machine_configurations', { cpu: 1 })).status, 405)
})

test('a network that is for all has no time at which it was made; one of the project has', async (t) => {
  const { get, service, ask } = await openCimi(t)
  const own = await service.networks.create({ spec: { name: 'own', labels: {} } }, ALICE)
  const { networks } = (await get('networks')) as { networks: readonly Json[] }
  const shared = networks.find(({ networkType }) => networkType === 'PUBLIC') ?? assert.fail()
  assert.deepEqual(['created' in shared, 'updated' in shared, shared['state']], [false, false, 'STARTED'])
  const { resourceURI: _, created, updated: __, ...shown } = await get(`networks/${own.id}`)
  assert.equal(created, `${new Date(own.createdAt).toISOString().slice(0, 19)}Z`)
  assert.deepEqual(shown, {
    id: `http://cloud.example.org:8787/cimi/networks/${own.id}`,
    name: 'own',
    description: 'a network of memory',
    state: 'STARTED',
    networkType: 'PRIVATE',
  })
  assert.equal((await ask(`GET networks/${own.id}`, '', {}, BOB)).status, 404)
  assert.equal((await ask('GET networks/none')).status, 404)
})

test('addresses are those of cards of the project', async (t) => {
  const { get, machine, ask, service } = await openCimi(t)
  const { id } = await service.networks.create({ spec: { cidr: '192.0.2.0/24', labels: {} } }, ALICE)
  const url = await machine({ networkInterfaces: [{ network: id }] })
  const { addresses } = (await get('addresses')) as { addresses: readonly Json[] }
  assert.deepEqual(
    addresses.map(({ ip, resource }) => [ip, resource]),
    [['192.0.2.1', { href: url }]],
  )
  assert.deepEqual(await get(String(addresses[0]?.['id'])), addresses[0])
  assert.equal((await get('addresses', BOB))['count'], 0)
  assert.equal((await ask(`GET ${String(addresses[0]?.['id'])}`, '', {}, BOB)).status, 404)
  assert.equal((await ask('GET addresses/none')).status, 404)
})

test('where there are no networks, neither they nor addresses are there', async (t) => {
  const { get, ask } = await openCimi(t, { cloud: { networks: false } })
  const entry = await get('cloudEntryPoint')
  assert.deepEqual(['networks' in entry, 'addresses' in entry, 'volumes' in entry], [false, false, true])
  assert.equal((await ask('GET networks')).status, 404)
  assert.equal((await ask('GET addresses')).status, 404)
})
