import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALICE, header, jsonOf, said } from '../../../../test/e2e/asking.ts'
import { openCimi, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'

const XML = { 'Content-Type': 'application/xml' }
const CAPACITY = { volumeTemplate: { volumeConfig: { capacity: 1024 } } }

type Opened = Awaited<ReturnType<typeof openCimi>>

async function items({ get }: Pick<Opened, 'get'>, url: string, name: string): Promise<readonly Json[]> {
  const collection = await get(url)
  const list = collection[name] as readonly Json[]
  assert.equal(collection['count'], list.length)
  return list
}

test('a machine shows the disk of its size', async (t) => {
  const opened = await openCimi(t)
  const url = await opened.machine({ machineConfig: 'memory-large' })
  const disks = await items(opened, `${url}/disks`, 'disks')
  assert.deepEqual(
    disks.map(({ id, name, capacity, initialLocation }) => [id, name, capacity, initialLocation]),
    [[`${url}/disks/1`, 'root', 40 * 1024 * 1024, '/dev/vda']],
  )
  assert.equal((await opened.get(`${url}/disks/1`))['name'], 'root')
  for (const id of ['0', '2', '01', '1.0', 'root'])
    assert.equal((await opened.ask(`GET ${url}/disks/${id}`)).status, 404, id)
  assert.deepEqual(await items(opened, `${await opened.machine()}/disks`, 'disks'), [])
})

test('a volume is attached, shown and detached', async (t) => {
  const opened = await openCimi(t)
  const { machine, make, ask, get } = opened
  const [url, volume] = [await machine(), await make('volumes', { name: 'data', ...CAPACITY })]
  const xml = `<MachineVolume><initialLocation>/dev/sdf</initialLocation><volume href="${volume}"/></MachineVolume>`
  const response = await ask(`POST ${url}/volumes`, xml, { ...XML, Accept: 'application/json' })
  assert.equal(response.status, 201, said(response))
  const at = header(response, 'Location')
  assert.ok(at.startsWith(`${url}/volumes/`))
  assert.equal(jsonOf(response)['id'], at)
  const [shown = assert.fail(), ...others] = await items(opened, `${url}/volumes`, 'machineVolumes')
  assert.deepEqual(others, [])
  assert.deepEqual([shown['id'], shown['volume']], [at, { href: volume }])
  assert.match(String(shown['initialLocation']), /^\/dev\/[sv]d[a-z]$/)
  assert.deepEqual(shown['operations'], [{ rel: 'delete', href: at }])
  assert.match(said(await ask(`DELETE ${volume}`)), /^409 /)
  assert.match(said(await ask(`POST ${await machine()}/volumes`, { volume })), /^409 /)
  assert.equal((await ask(`DELETE ${at}`)).status, 200)
  assert.equal((await ask(`GET ${at}`)).status, 404)
  assert.equal((await get(`${url}/volumes`))['count'], 0)
  assert.equal((await ask(`DELETE ${volume}`)).status, 200)
})

test('what is attached is found at its own machine only, and of its own kind', async (t) => {
  const { machine, make, ask } = await openCimi(t)
  const [one, other, volume] = [await machine(), await machine(), await make('volumes', CAPACITY)]
  const at = await make(`${one}/volumes`, { volume })
  for (const place of [at.replace(one, other), at.replace('/volumes/', '/network_interfaces/')]) {
    assert.equal((await ask(`GET ${place}`)).status, 404, place)
    assert.equal((await ask(`DELETE ${place}`)).status, 404, place)
  }
  assert.equal((await ask(`GET ${at}`)).status, 200)
})

test('a request that refers to nothing is wrong; a machine that is not there is not found', async (t) => {
  const { machine, make, ask } = await openCimi(t)
  const [url, volume] = [await machine(), await make('volumes', CAPACITY)]
  assert.match(said(await ask(`POST ${url}/volumes`, { volume: 'none' })), /^400 .*no volume none/)
  assert.match(said(await ask(`POST ${url}/volumes`, {})), /^400 .*volume: the href/)
  assert.match(said(await ask(`POST ${url}/network_interfaces`, { network: 'none' })), /^400 .*no network none/)
  assert.match(said(await ask(`POST ${url}/network_interfaces`, { macAddress: 'x' })), /^400 .*network/)
  assert.match(said(await ask('POST machines/none/volumes', { volume })), /^404 /)
})

test('volumes of a template are attached from the first boot on', async (t) => {
  const opened = await openCimi(t)
  const { make, machine, provider } = opened
  const volume = await make('volumes', CAPACITY)
  const url = await machine({ volumes: [{ href: volume, initialLocation: '/dev/vdb' }] })
  const [shown = assert.fail()] = await items(opened, `${url}/volumes`, 'machineVolumes')
  assert.deepEqual([shown['volume'], shown['initialLocation']], [{ href: volume }, '/dev/vdb'])
  const [vm = assert.fail()] = await provider.made()
  assert.equal(vm.request.volumes?.length, 1)
})

test('volume templates are made with their machine', async (t) => {
  const opened = await openCimi(t)
  const { make, machine, get } = opened
  const config = await make('volume_configurations', { name: 'c', capacity: 2048 })
  const template = await make('volume_templates', { name: 't', volumeConfig: { href: config } })
  const volumeTemplates = [
    { name: 'by value', description: 'd', volumeConfig: { capacity: 1024 } },
    { href: template, initialLocation: '/dev/vdc' },
    { href: template, volumeConfig: { capacity: 4096 } },
  ]
  const url = await machine({ volumeTemplates })
  const attached = await items(opened, `${url}/volumes`, 'machineVolumes')
  const volumes = await Promise.all(attached.map(({ volume }) => get((volume as { href: string }).href)))
  assert.deepEqual(
    volumes.map(({ capacity }) => capacity).toSorted((a, b) => Number(a) - Number(b)),
    [1024, 2048, 4096],
  )
  const byValue = volumes.find(({ capacity }) => capacity === 1024)
  assert.deepEqual([byValue?.['name'], byValue?.['description']], ['by value', 'd'])
  // They are the user's: they outlive the machine.
  assert.equal((await opened.ask(`DELETE ${url}`)).status, 200)
  assert.equal((await get('volumes'))['count'], 3)
})

test('without their machine volumes are taken away again', async (t) => {
  const volumeTemplates = [{ volumeConfig: { capacity: 1024 } }, { volumeConfig: { capacity: 2048 } }]
  const { ask, get, provider } = await openCimi(t)
  const post = async (template: Json) =>
    said(await ask('POST machines', { machineTemplate: { ...TEMPLATE, ...template } }))
  const living = async () => (await provider.volumesMade()).filter(({ state }) => state !== 'deleted').length
  await provider.setFaults({ create: { before: 'conflict' } })
  assert.match(await post({ volumeTemplates }), /^409 /)
  assert.deepEqual([await living(), (await get('volumes'))['count'], (await get('machines'))['count']], [0, 0, 0])
  assert.equal((await provider.volumesMade()).length, 2)
  await provider.setFaults({})
  // Whatever can be seen beforehand is refused before any volume is made.
  for (const wrong of [
    { volumeTemplates: [...volumeTemplates, { volumeConfig: { href: 'none' } }] },
    { volumeTemplates: [...volumeTemplates, {}] },
    { volumeTemplates, machineImage: 'none' },
    { volumeTemplates, userData: '*' },
  ])
    assert.match(await post(wrong), /^400 /)
  assert.equal((await provider.volumesMade()).length, 2)
  assert.match(await post({ volumeTemplates, networkInterfaces: [{ network: 'none' }] }), /^400 /)
  assert.deepEqual([await living(), (await get('machines'))['count']], [0, 0])
})

test('a provider without volumes refuses them', async (t) => {
  const { ask, get } = await openCimi(t, { cloud: { volumes: false } })
  const volumeTemplates = [{ volumeConfig: { capacity: 1024 } }]
  assert.match(said(await ask('POST machines', { machineTemplate: { ...TEMPLATE, volumeTemplates } })), /^501 /)
  assert.equal((await ask('GET volumes')).status, 404)
  assert.equal((await get('machines'))['count'], 0)
})

test('a machine shows its cards and their addresses', async (t) => {
  const opened = await openCimi(t)
  const { machine, get, service } = opened
  const own = await service.networks.create(
    { spec: { name: 'own', cidr: '192.0.2.0/24', gateway: '192.0.2.1', labels: {} } },
    ALICE,
  )
  const url = await machine({ networkInterfaces: [{ network: { href: own.id }, macAddress: '52:54:00:AA:BB:CC' }] })
  const cards = await items(opened, `${url}/network_interfaces`, 'machineNetworkInterfaces')
  const card = cards.find(({ macAddress }) => macAddress === '52:54:00:aa:bb:cc') ?? assert.fail(JSON.stringify(cards))
  assert.ok(String((card['network'] as Json)['href']).endsWith(`/cimi/networks/${own.id}`))
  assert.equal(card['state'], 'ACTIVE')
  const { href } = card['addresses'] as { href: string }
  assert.equal(href, `${String(card['id'])}/addresses`)
  const [inline = assert.fail()] = await items(opened, href, 'machineNetworkInterfaceAddresses')
  const address = inline['address'] as Json
  assert.equal(address['ip'], '192.0.2.2')
  assert.equal((await get(String(inline['id'])))['name'], '192.0.2.2')
  const shown = await get(String(address['href']))
  assert.deepEqual(
    [shown['ip'], shown['protocol'], shown['allocation'], shown['defaultGateway'], shown['resource']],
    ['192.0.2.2', 'ipv4', 'static', '192.0.2.1', { href: url }],
  )
  assert.deepEqual(
    (await items(opened, 'addresses', 'addresses')).map(({ ip }) => ip),
    ['192.0.2.2'],
  )
  assert.equal((await opened.ask(`GET ${href}/192.0.2.3`)).status, 404)
})

test('a card is added and taken away', async (t) => {
  const opened = await openCimi(t)
  const { machine, make, ask } = opened
  const url = await machine()
  const before = (await items(opened, `${url}/network_interfaces`, 'machineNetworkInterfaces')).length
  const [network = assert.fail()] = await items(opened, 'networks', 'networks')
  const card = await make(`${url}/network_interfaces`, { network: { href: network['id'] } })
  const cards = () => items(opened, `${url}/network_interfaces`, 'machineNetworkInterfaces')
  assert.equal((await cards()).length, before + 1)
  assert.equal((await ask(`DELETE ${card}`)).status, 200)
  assert.equal((await cards()).length, before)
  assert.equal((await ask(`GET ${card}`)).status, 404)
  assert.match(said(await ask(`POST ${url}/network_interfaces`, { network, macAddress: '52:54' })), /^400 .*macAddress/)
})
