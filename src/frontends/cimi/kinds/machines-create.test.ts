import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ALICE, BOB, header, jsonOf, READER, said, textOf, type Headers } from '../../../../test/e2e/asking.ts'
import { openCimi, NS, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'
import { sha256 } from '../../../model/digest.ts'
import type { Caller } from '../../../model/instance.ts'
import { toResource } from '../resource.ts'
import { toSize } from './machine-configurations.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA alice@home'
const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB bob@home'
const BYTES = Uint8Array.from({ length: 300 }, (_, index) => index % 256)
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64')
const XML: Headers = { 'Content-Type': 'application/xml' }
/** Of the same project as Alice. */
const ANN: Caller = { ...ALICE, subject: 'test/ann' }

async function open(t: Parameters<typeof openCimi>[0], options: Parameters<typeof openCimi>[1] = {}) {
  const opened = await openCimi(t, options)
  const { machine, service, ask } = opened
  /** The instance behind a machine's URL. */
  const behind = (url: string) => service.get(url.slice(url.lastIndexOf('/') + 1), ALICE)
  /** The instance of a new machine. */
  const made = async (...given: Parameters<typeof machine>) => await behind(await machine(...given))
  /** What the answer to a request that is refused says. */
  const refused = async (template: Json, more: Json = {}, caller = ALICE): Promise<string> =>
    said(
      await ask('POST machines', { name: 'web', machineTemplate: { ...TEMPLATE, ...template }, ...more }, {}, caller),
    )
  return { ...opened, behind, made, refused }
}

test('a machine is made of what stands in its template, and user data reach it byte for byte', async (t) => {
  const { ask, behind, provider, get } = await open(t)
  const response = await ask('POST machines', {
    resourceURI: `${NS}/MachineCreate`,
    name: 'My web',
    description: 'd',
    properties: { role: 'web' },
    machineTemplate: { ...TEMPLATE, initialState: 'STARTED', credential: { key: KEY }, userData: base64(BYTES) },
  })
  assert.equal(response.status, 201, said(response))
  const shown = jsonOf(response)
  const url = header(response, 'Location')
  assert.equal(shown['id'], url)
  assert.equal(shown['state'], 'CREATING')
  assert.ok(!textOf(response).includes('userData'))
  const { spec, userDataSha256, image, size } = await behind(url)
  assert.deepEqual(Buffer.from(spec.userData ?? []), Buffer.from(BYTES))
  assert.equal(userDataSha256, sha256(BYTES))
  assert.deepEqual(
    [spec.name, spec.hostname, image.name, size.name],
    ['My web', 'my-web', 'memory-debian', 'memory-small'],
  )
  assert.deepEqual(spec.variables, { role: 'web' })
  assert.deepEqual(spec.publicKeys, [{ name: 'alice@home', text: KEY }])
  const [vm = assert.fail()] = await provider.made()
  assert.deepEqual(Buffer.from(vm.request.spec.userData ?? []), Buffer.from(BYTES))
  const later = await get(url)
  assert.ok(!JSON.stringify(later).includes('userData'))
  assert.ok(!JSON.stringify(await get('machines')).includes('userData'))
  assert.deepEqual(
    [later['name'], later['description'], later['properties'], later['state'], later['cpu'], later['memory']],
    ['My web', 'd', { role: 'web' }, 'STARTED', 1, 512 * 1024],
  )
})

test('the request may be XML and the answer JSON, and the other way round', async (t) => {
  const { ask, behind } = await open(t)
  const xml =
    `<MachineCreate xmlns="${NS}"><name>\n web </name><property key="a">b</property><machineTemplate>` +
    `<machineConfig href=" http://x/machineConfig/memory-small "/><machineImage href="memory-debian"/>` +
    `<credential><userName>u</userName><key> ${KEY} </key></credential><userData>\n ${base64(BYTES)}\n</userData>` +
    '</machineTemplate></MachineCreate>'
  const fromXml = await ask('POST machines', xml, { ...XML, Accept: 'application/json' })
  assert.equal(fromXml.status, 201, said(fromXml))
  const { spec } = await behind(String(jsonOf(fromXml)['id']))
  assert.deepEqual(Buffer.from(spec.userData ?? []), Buffer.from(BYTES))
  assert.deepEqual(
    [spec.name, spec.variables, spec.publicKeys],
    ['web', { a: 'b' }, [{ name: 'alice@home', text: KEY }]],
  )
  const fromJson = await ask('POST machines', { name: 'web', machineTemplate: TEMPLATE }, { Accept: 'application/xml' })
  assert.equal(header(fromJson, 'Content-Type'), 'application/xml')
  assert.match(textOf(fromJson), new RegExp(`<Machine xmlns="${NS}"[^]*<id>${header(fromJson, 'Location')}</id>`))
})

test('name and description are never empty', async (t) => {
  const { ask } = await open(t)
  for (const naming of [{}, { name: ' ', description: '' }]) {
    const shown = jsonOf(await ask('POST machines', { ...naming, machineTemplate: TEMPLATE }))
    assert.match(String(shown['name']), /^[0-9a-f-]{36}$/)
    assert.equal(shown['description'], 'memory-debian on memory-small')
  }
})

test('images are named in every spelling', async (t) => {
  const { made } = await open(t)
  for (const machineImage of [
    { href: 'http://cloud.example.org:8787/cimi/machine_images/memory-alpine' },
    { href: '/cimi/machine_images/memory-alpine' },
    { href: 'machineImage/memory-alpine/' },
    { href: ' memory-alpine\n' },
    'memory-alpine',
    { href: 'alpine' },
    { id: 'http://x/machine_images/memory-alpine', name: 'other', created: '2026-01-01T00:00:00Z', operations: [] },
    { imageLocation: 'machine_images/memory-alpine' },
    { imageLocation: { href: 'memory-alpine' } },
  ])
    assert.equal((await made({ machineImage })).image.name, 'memory-alpine', JSON.stringify(machineImage))
})

test('a size may be named, described, or named and changed', async (t) => {
  const { made, refused } = await open(t)
  const large = { cpu: 4, memory: 8192 * 1024 }
  for (const machineConfig of [
    'memory-large',
    { href: 'large' },
    large,
    { cpu: '4' },
    { ...large, disks: [{ capacity: 40 * 1024 * 1024, format: 'ext4' }] },
    { href: 'memory-small', ...large },
    { id: '/machine_configurations/memory-large', name: 'Large', ...large, cpuArch: 'x86_64', operations: [] },
  ])
    assert.equal((await made({ machineConfig })).size.name, 'memory-large', JSON.stringify(machineConfig))
  assert.match(
    await refused({ machineConfig: { cpu: 3, memory: 7 } }),
    /^400 .*3 cpu and 7 KiB.*memory-small, memory-large/,
  )
  assert.match(
    await refused({ machineConfig: { href: 'memory-small', disks: [{ capacity: 1 }], cpu: 4 } }),
    /^400 .*disk of 1 KiB/,
  )
  assert.match(await refused({ machineConfig: {} }), /^400 .*machineConfig: its href is missing/)
  assert.match(await refused({ machineConfig: { cpu: 1, memory: 7 } }), /^400 .*1 cpu and 7 KiB/)
})

test('what is missing or leads nowhere is named', async (t) => {
  const { ask, refused, get } = await open(t)
  const without = async (template: Json) => said(await ask('POST machines', { machineTemplate: template }))
  assert.match(said(await ask('POST machines', { name: 'web' })), /^400 .*machineTemplate: missing/)
  assert.match(await without({ machineConfig: TEMPLATE.machineConfig }), /^400 .*machineImage: missing/)
  assert.match(await without({ machineImage: TEMPLATE.machineImage }), /^400 .*machineConfig: missing/)
  assert.match(await refused({ machineImage: 'none' }), /^400 .*\\"none\\"; there are memory-debian/)
  assert.match(await refused({ machineImage: {} }), /^400 .*machineImage: its href is missing/)
  assert.match(await refused({ machineConfig: 'none' }), /^400 .*\\"none\\"/)
  assert.match(await refused({ credential: 'none' }), /^400 .*credential: there is no Credential \\"none\\"/)
  assert.match(await refused({ href: 'none' }), /^400 .*machineTemplate: there is no MachineTemplate \\"none\\"/)
  assert.match(await refused({ volumes: ['none'] }), /^400 .*no volume none/)
  assert.match(await refused({ networkInterfaces: [{ network: 'none' }] }), /^400 .*no network none/)
  assert.match(await refused({ initialState: 'STOPPED' }), /^501 .*initialState/)
  assert.equal((await get('machines'))['count'], 0)
})

test('what stands beside the href of a template wins over it', async (t) => {
  const { ask, make, behind, get } = await open(t)
  const href = await make('machine_templates', {
    name: 't',
    ...TEMPLATE,
    credential: { key: KEY },
    userData: base64('of the template'),
    properties: { of: 'template' },
  })
  const made = async (beside: Json) => {
    const response = await ask('POST machines', { name: 'web', machineTemplate: { href, ...beside } })
    assert.equal(response.status, 201, said(response))
    const { spec, size, image } = await behind(String(jsonOf(response)['id']))
    const key = spec.publicKeys[0]?.text
    return [Buffer.from(spec.userData ?? []).toString(), key, size.name, image.name]
  }
  const plain = ['of the template', KEY, 'memory-small', 'memory-debian']
  assert.deepEqual(await made({}), plain)
  assert.deepEqual(await made({ userData: base64('mine') }), plain.with(0, 'mine'))
  assert.deepEqual(await made({ userData: '' }), plain.with(0, ''))
  assert.deepEqual(await made({ credential: { userName: 'u', key: OTHER_KEY } }), plain.with(1, OTHER_KEY))
  assert.deepEqual(await made({ machineConfig: 'memory-large' }), plain.with(2, 'memory-large'))
  assert.deepEqual(await made({ machineImage: { href: 'alpine' } }), plain.with(3, 'memory-alpine'))
  // A template that its client read and sends back whole is the same template.
  assert.deepEqual(await made(await get(href)), plain)
  assert.equal((await get('machine_templates'))['count'], 1)
})

test('keys come by value, by reference, or by a reference of which some is changed', async (t) => {
  const { ask, make, made, refused } = await open(t)
  const href = await make('credentials', { name: 'mine', credentialTemplate: { userName: 'debian', key: KEY } })
  const keys = async (credential: unknown) => (await made({ credential })).spec.publicKeys
  assert.deepEqual(await keys({ href }), [{ name: 'mine', text: KEY }])
  assert.deepEqual(await keys(href), [{ name: 'mine', text: KEY }])
  assert.deepEqual(await keys({ href, key: OTHER_KEY }), [{ name: 'bob@home', text: OTHER_KEY }])
  assert.deepEqual(await keys({ publicKey: KEY, username: 'u' }), [{ name: 'alice@home', text: KEY }])
  for (const credential of [
    { password: 'hunter2', key: KEY },
    { href, password: 'hunter2' },
  ]) {
    const response = await ask('POST machines', { machineTemplate: { ...TEMPLATE, credential } })
    assert.equal(response.status, 201, said(response))
    assert.match(header(response, 'Warning'), /credential\.password is not given/)
    assert.ok(!JSON.stringify([...response.headers, textOf(response)]).includes('hunter2'))
  }
  assert.match(await refused({ credential: { userName: 'u', password: 'hunter2' } }), /^400 .*credential\.key: missing/)
  const secret = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----'
  const said400 = await refused({ credential: { key: secret } })
  assert.match(said400, /^400 .*credential\.key: this is a private key/)
  assert.ok(!said400.includes('b3Blbn'))
  assert.match(await refused({ credential: { key: base64(KEY) } }), /^400 .*not an OpenSSH public key/)
})

test("another's template and credential are not there, within the project too", async (t) => {
  const { make, refused, ask } = await open(t)
  const template = await make('machine_templates', { name: 't', ...TEMPLATE, userData: base64('secret') })
  const credential = await make('credentials', { credentialTemplate: { key: KEY } })
  for (const caller of [ANN, BOB]) {
    assert.match(await refused({ href: template }, {}, caller), /^400 .*there is no MachineTemplate/)
    assert.match(await refused({ credential: { href: credential } }, {}, caller), /^400 .*there is no Credential/)
    for (const url of [template, credential])
      for (const line of [`GET ${url}`, `DELETE ${url}`, `PUT ${url}`])
        assert.equal((await ask(line, line.startsWith('PUT') ? TEMPLATE : '', {}, caller)).status, 404, line)
  }
})

test('who may only read makes nothing', async (t) => {
  const { refused, ask, provider, make, machine } = await open(t)
  assert.match(await refused({}, {}, READER), /^403 /)
  assert.match(await refused({ volumeTemplates: [{ volumeConfig: { capacity: 1024 } }] }, {}, READER), /^403 /)
  assert.deepEqual([(await provider.made()).length, (await provider.volumesMade()).length], [0, 0])
  const url = await machine()
  const volume = await make('volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } })
  for (const [line, body] of [
    ['POST machine_templates', TEMPLATE],
    ['POST credentials', { credentialTemplate: { key: KEY } }],
    ['POST volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } }],
    ['POST machine_images', { imageLocation: url }],
    [`POST ${url}/volumes`, { volume }],
    [`POST ${url}/stop`, ''],
    [`PUT ${url}`, { name: 'mine' }],
    [`DELETE ${url}`, ''],
    [`DELETE ${volume}`, ''],
  ] as const)
    assert.match(said(await ask(line, body, {}, READER)), /^403 /, line)
  assert.equal((await ask(`GET ${url}`, '', {}, READER)).status, 200)
  assert.equal((await ask(`GET ${url}`, '', {}, BOB)).status, 404)
})

test('a request that is repeated with its key makes one machine', async (t) => {
  const { ask, provider } = await open(t)
  const body = {
    name: 'web',
    machineTemplate: { ...TEMPLATE, userData: base64('a'), volumeTemplates: [{ volumeConfig: { capacity: 1024 } }] },
  }
  const again = () => ask('POST machines', body, { 'Idempotency-Key': 'k1' })
  const [first, second] = [await again(), await again()]
  assert.deepEqual([first.status, second.status], [201, 201], said(second))
  assert.equal(header(second, 'Location'), header(first, 'Location'))
  assert.deepEqual([(await provider.made()).length, (await provider.volumesMade()).length], [1, 1])
  const other = await ask('POST machines', { ...body, name: 'db' }, { 'Idempotency-Key': 'k1' })
  assert.match(said(other), /^409 /)
  // What the first request made stays.
  assert.equal((await provider.volumesMade()).filter(({ state }) => state !== 'deleted').length, 1)
})

test('a key that is used again after its machine was deleted takes no volume away', async (t) => {
  const { ask, get } = await open(t)
  const body = { machineTemplate: { ...TEMPLATE, volumeTemplates: [{ volumeConfig: { capacity: 1024 } }] } }
  const again = () => ask('POST machines', body, { 'Idempotency-Key': 'k1' })
  assert.equal((await ask(`DELETE ${header(await again(), 'Location')}`)).status, 200)
  assert.match(said(await again()), /^409 /)
  assert.equal((await get('volumes'))['count'], 1)
})

test('a size that is described is one of the provider of its image', async () => {
  const of = (provider: string) => ({ name: `${provider}-s`, provider, remoteId: 's', title: 'S' })
  const known = {
    sizes: async () => ['north', 'south'].map((provider) => ({ ...of(provider), cores: 1, memoryMiB: 512 })),
    images: async () => ['north', 'south'].map(of),
  }
  const config = toResource('MachineConfiguration', { cpu: 1 })
  for (const provider of ['north', 'south'])
    assert.equal(await toSize(known, config, `${provider}-s`, { caller: ALICE }), `${provider}-s`)
})
