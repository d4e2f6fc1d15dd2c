import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { ALICE, header, jsonOf, said, textOf } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, TEMPLATE, type Json } from '../../../../test/e2e/cimi-client.ts'
import { sha256 } from '../../../model/digest.ts'
import type { Caller } from '../../../model/instance.ts'
import { sqliteStore } from '../../../store/sqlite.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA alice@home'
const XML = { 'Content-Type': 'application/xml' }
const ANN: Caller = { ...ALICE, subject: 'test/ann' }
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64')

test('a machine template shows what it was made of, its user data where it alone is asked for', async (t) => {
  const { ask, get } = await openCimi(t)
  const response = await ask('POST machine_templates', {
    resourceURI: `${NS}/MachineTemplateCreate`,
    name: 't',
    description: 'd',
    properties: { a: 'b' },
    initialState: 'STARTED',
    ...TEMPLATE,
    credential: { userName: 'u', key: KEY, password: 'hunter2' },
    userData: base64('#!/bin/sh\n'),
  })
  assert.equal(response.status, 201, said(response))
  const url = header(response, 'Location')
  const shown = await get(url)
  assert.deepEqual(shown, jsonOf(response))
  const { created, updated, ...rest } = shown
  assert.deepEqual([typeof created, updated], ['string', created])
  assert.deepEqual(rest, {
    resourceURI: `${NS}/MachineTemplate`,
    id: url,
    name: 't',
    description: 'd',
    properties: { a: 'b' },
    initialState: 'STARTED',
    machineConfig: { href: 'http://cloud.example.org:8787/cimi/machine_configurations/memory-small' },
    machineImage: { href: 'http://cloud.example.org:8787/cimi/machine_images/memory-debian' },
    credential: { userName: 'u', key: KEY },
    userData: base64('#!/bin/sh\n'),
    operations: [
      { rel: 'edit', href: url },
      { rel: 'delete', href: url },
    ],
  })
  const { machineTemplates } = (await get('machine_templates')) as { machineTemplates: readonly Json[] }
  const { userData: _, ...listed } = shown
  assert.deepEqual(machineTemplates, [listed])
  assert.equal((await get('machine_templates', ANN))['count'], 0)
})

test('references have whole URLs under each mount', async (t) => {
  const { get, make } = await openCimi(t)
  const config = await make('volume_configurations', { capacity: 1024 })
  const volumeTemplate = await make('volume_templates', { volumeConfig: { href: config } })
  const volume = await make('volumes', { volumeTemplate: { href: volumeTemplate } })
  const credential = await make('credentials', { credentialTemplate: { key: KEY } })
  const url = await make('machine_templates', {
    machineConfig: 'memory-small',
    machineImage: { imageLocation: 'alpine' },
    credential: { href: credential },
    volumes: [{ href: volume, initialLocation: '/dev/vdb' }],
    volumeTemplates: [{ href: volumeTemplate }, { volumeConfig: { href: config, capacity: 5 } }],
    networkInterfaces: [{ network: 'memory-shared' }, { network: { href: '/cimi/networks/other', name: 'seen' } }],
  })
  for (const base of ['http://cloud.example.org:8787/cimi', 'http://cloud.example.org:8787/cimiv1/red']) {
    const at = (whole: string): string => whole.replace('http://cloud.example.org:8787/cimi', base)
    const shown = await get(at(url).replace('http://cloud.example.org:8787', ''))
    const { id, machineConfig, machineImage, volumes, volumeTemplates, networkInterfaces } = shown
    assert.equal(id, at(url))
    assert.deepEqual(machineConfig, { href: `${base}/machine_configurations/memory-small` })
    assert.deepEqual(machineImage, { href: `${base}/machine_images/alpine` })
    assert.deepEqual(shown['credential'], { href: at(credential) })
    assert.deepEqual(volumes, [{ href: at(volume), initialLocation: '/dev/vdb' }])
    assert.deepEqual(volumeTemplates, [
      { href: at(volumeTemplate) },
      { volumeConfig: { href: at(config), capacity: 5 } },
    ])
    assert.deepEqual(networkInterfaces, [
      { network: { href: `${base}/networks/memory-shared` } },
      { network: { href: `${base}/networks/other`, name: 'seen' } },
    ])
    const { volumeConfig } = await get(at(volumeTemplate).replace('http://cloud.example.org:8787', ''))
    assert.deepEqual(volumeConfig, { href: at(config) })
    assert.ok(!JSON.stringify(shown).replaceAll(base, '').includes('http://cloud'))
  }
})

test('a card that names no network makes no template', async (t) => {
  const { ask, get } = await openCimi(t)
  const response = await ask('POST machine_templates', { ...TEMPLATE, networkInterfaces: [{ id: 'eth0' }] })
  assert.match(said(response), /^400 .*networkInterfaces: the href of a network is missing/)
  assert.equal((await get('machine_templates'))['count'], 0)
})

test('what no machine could be made of is refused, and nothing is kept', async (t) => {
  const { ask, get } = await openCimi(t)
  for (const [template, why] of [
    [{ machineImage: 'none' }, /^400 .*\\"none\\"/],
    [{ machineConfig: { cpu: 99 } }, /^400 .*no size with 99 cpu/],
    [{ machineConfig: undefined }, /^400 .*machineConfig: missing/],
    [{ credential: { href: 'none' } }, /^400 .*no Credential/],
    [{ credential: { password: 'x' } }, /^400 .*credential\.key: missing/],
    [{ userData: '*' }, /^400 .*userData: not base64/],
    [{ userData: base64(new Uint8Array(8 * 1024 * 1024 + 1)) }, /^413 .*8388609 bytes; this server takes 8388608/],
    [{ volumeTemplates: [{ volumeConfig: 'none' }] }, /^400 .*no VolumeConfiguration/],
    [{ initialState: 'STOPPED' }, /^501 /],
    [{ properties: { a: 'x'.repeat(300_000) } }, /^413 .*\d+ bytes; this server takes 262144/],
    [{ resourceURI: `${NS}/Machine` }, /^400 .*this is a Machine/],
  ] as const)
    assert.match(said(await ask('POST machine_templates', { ...TEMPLATE, ...template })).slice(0, 400), why)
  assert.equal((await get('machine_templates'))['count'], 0)
})

test('PUT replaces a template whole, its user data too', async (t) => {
  const { ask, make, get } = await openCimi(t)
  const url = await make('machine_templates', { name: 't', description: 'd', ...TEMPLATE, userData: base64('a') })
  const changed = await ask(`PUT ${url}`, {
    name: 'u',
    ...TEMPLATE,
    machineConfig: 'memory-large',
    userData: base64('b'),
  })
  assert.equal(changed.status, 200, said(changed))
  assert.deepEqual(jsonOf(changed), await get(url))
  const { name, description, userData, machineConfig } = await get(url)
  assert.deepEqual([name, userData], ['u', base64('b')])
  assert.equal(description, 'a MachineTemplate of test/alice')
  assert.match((machineConfig as { href: string }).href, /\/memory-large$/)
  // What was read and is sent back changes nothing.
  const before = await get(url)
  assert.equal((await ask(`PUT ${url}`, before)).status, 200)
  assert.deepEqual({ ...(await get(url)), updated: '' }, { ...before, updated: '' })
  assert.equal((await ask(`PUT ${url}`, TEMPLATE)).status, 200)
  assert.equal('userData' in (await get(url)), false)
  assert.match(said(await ask(`PUT ${url}`, { ...TEMPLATE, machineImage: 'none' })), /^400 /)
  assert.match(String(((await get(url))['machineImage'] as Json)['href']), /memory-debian$/)
})

test('PUT with $select changes what it selects; user data that are not meant stay', async (t) => {
  const { ask, make, get } = await openCimi(t)
  const url = await make('machine_templates', { name: 't', description: 'd', ...TEMPLATE, userData: base64('a') })
  const kept = async () => {
    const { name, description, userData, machineImage } = await get(url)
    return [
      name,
      description,
      userData,
      String((machineImage as Json)['href'])
        .split('/')
        .at(-1),
    ]
  }
  const put = async (select: string, body: Json) =>
    assert.equal((await ask(`PUT ${url}?$select=${select}`, body)).status, 200)
  await put('name', { name: 'u', description: 'no', userData: base64('no') })
  assert.deepEqual(await kept(), ['u', 'd', base64('a'), 'memory-debian'])
  await put('machineImage,description', { machineImage: 'alpine', description: 'e' })
  assert.deepEqual(await kept(), ['u', 'e', base64('a'), 'alpine'])
  await put('userData', { userData: base64('b') })
  assert.deepEqual(await kept(), ['u', 'e', base64('b'), 'alpine'])
  await put('userData', { name: 'no' })
  assert.deepEqual(await kept(), ['u', 'e', undefined, 'alpine'])
  const xml = `<MachineTemplate xmlns="${NS}"><userData>${base64('c')}</userData></MachineTemplate>`
  assert.equal((await ask(`PUT ${url}?$select=userData`, xml, XML)).status, 200)
  assert.deepEqual(await kept(), ['u', 'e', base64('c'), 'alpine'])
})

test('templates and credentials survive a restart, 8 MiB of user data among them', async (t) => {
  const store = await sqliteStore(':memory:')
  const unchanged = { ...store, close: async () => {} }
  const before = await openCimi(t, { store: unchanged })
  const largest = new Uint8Array(8 * 1024 * 1024).map((_, index) => (index * 7919) % 256)
  const url = await before.make('machine_templates', { name: 't', ...TEMPLATE, userData: base64(largest) })
  const credential = await before.make('credentials', { name: 'k', credentialTemplate: { key: KEY } })
  const shown = await before.get(url)
  await before.stop()
  const { get, machine, service } = await openCimi(t, { store, provider: before.provider })
  assert.deepEqual(await get(url), shown)
  assert.equal((await get(credential))['key'], KEY)
  const made = await machine({ href: url })
  const { userDataSha256 } = await service.get(made.slice(made.lastIndexOf('/') + 1), ALICE)
  assert.equal(userDataSha256, sha256(largest))
})

test('a template that was deleted is gone; machines of it stay', async (t) => {
  const { ask, make, get } = await openCimi(t)
  const url = await make('machine_templates', { name: 't', ...TEMPLATE })
  const machine = await make('machines', { machineTemplate: { href: url } })
  const response = await ask(`DELETE ${url}`)
  assert.deepEqual([response.status, response.body.byteLength], [200, 0])
  assert.equal((await ask(`GET ${url}`)).status, 404)
  assert.equal((await get('machine_templates'))['count'], 0)
  assert.equal((await get(machine))['state'], 'STARTED')
})

test('a request that is repeated with its key makes one template', async (t) => {
  const { ask, get } = await openCimi(t)
  const again = (body: Json) => ask('POST machine_templates', body, { 'Idempotency-Key': 'k' })
  const [first, second] = [await again(TEMPLATE), await again(TEMPLATE)]
  assert.equal(header(first, 'Location'), header(second, 'Location'))
  assert.match(said(await again({ ...TEMPLATE, userData: base64('a') })), /^409 .*idempotency key/)
  assert.equal((await get('machine_templates'))['count'], 1)
})

test('credentials keep the key and never a password', async (t) => {
  const { ask, get, store } = await openCimi(t)
  const xml =
    `<CredentialCreate xmlns="${NS}"><name>mykey</name><credentialTemplate><userName>debian</userName>` +
    `<password>hunter2</password><key>${KEY}</key></credentialTemplate></CredentialCreate>`
  const response = await ask('POST credentials', xml, XML)
  assert.equal(response.status, 201, said(response))
  assert.match(header(response, 'Warning'), /password is not given/)
  const url = header(response, 'Location')
  const { name, userName, key, resourceURI, operations } = await get(url)
  assert.deepEqual([name, userName, key, resourceURI], ['mykey', 'debian', KEY, `${NS}/Credential`])
  assert.deepEqual(
    (operations as readonly Json[]).map(({ rel }) => rel),
    ['edit', 'delete'],
  )
  const [kept] = await store.listDocuments({ sort: 'CIMI Credential', ...ALICE })
  assert.ok(kept && !kept.body.includes('hunter2'))
  assert.ok(!textOf(response).includes('hunter2'))
  const other = KEY.replace('alice', 'ann')
  assert.equal((await ask(`PUT ${url}?$select=key`, { key: other })).status, 200)
  assert.deepEqual([(await get(url))['key'], (await get(url))['userName']], [other, 'debian'])
  for (const [body, why] of [
    [{ key: '-----BEGIN RSA PRIVATE KEY-----' }, /private key/],
    [{ key: 'AAAA' }, /not an OpenSSH public key/],
    [{ password: 'hunter2' }, /key: missing/],
    [{}, /key: missing/],
  ] as const) {
    const refused = await ask('POST credentials', { credentialTemplate: body })
    assert.equal(refused.status, 400)
    assert.match(textOf(refused), why)
    assert.equal((await ask(`PUT ${url}`, body)).status, 400)
  }
  assert.equal((await ask(`DELETE ${url}`)).status, 200)
  assert.equal((await get('credentials'))['count'], 0)
})

test('credentials are made of a template, of which some is changed, and in the words of other servers', async (t) => {
  const { make, get, ask } = await openCimi(t)
  const href = await make('credential_templates', { name: 't', username: 'debian', publicKey: KEY })
  const { userName, key } = await get(href)
  assert.deepEqual([userName, key], ['debian', KEY])
  const made = await get(await make('credentials', { credentialTemplate: { href } }))
  assert.deepEqual([made['userName'], made['key']], ['debian', KEY])
  const changed = await get(await make('credentials', { credentialTemplate: { href, userName: 'root' } }))
  assert.deepEqual([changed['userName'], changed['key']], ['root', KEY])
  const flat = await get(await make('credentials', { resourceURI: `${NS}/Credential`, name: 'flat', key: KEY }))
  assert.deepEqual([flat['name'], flat['key']], ['flat', KEY])
  const refused = await ask('POST credentials', { credentialTemplate: { href: 'none' } })
  assert.match(said(refused), /^400 .*no CredentialTemplate \\"none\\"/)
})
