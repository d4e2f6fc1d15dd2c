import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOB, header, jsonOf, said, textOf, URL_BASE } from '../../../test/e2e/asking.ts'
import { CIMI, openCimi, TEMPLATE, type Json } from '../../../test/e2e/cimi-client.ts'
import { mountOf, segmentsOf, urlOf } from './mount.ts'

const RED = `${URL_BASE}/cimiv1/red`

/** Collections, by their own words and by others. */
const WORDS: readonly (readonly [own: string, ...others: string[]])[] = [
  ['machines', 'machineCollection', 'machine'],
  ['machine_images', 'machineImageCollection', 'machineImage'],
  ['machine_configurations', 'machineConfigurationCollection', 'machineConfiguration', 'machineConfig'],
  ['machine_templates', 'machineTemplateCollection', 'machineTemplate'],
  ['credentials', 'credentialCollection', 'credential'],
  ['volumes', 'volumeCollection', 'volume'],
  ['networks', 'networkCollection'],
  ['jobs', 'jobCollection', 'job'],
  ['event_logs', 'eventLogCollection'],
]

for (const [own, ...others] of WORDS)
  test(`${own} is called ${others.join(', ')} too, in any case, at both mounts`, async (t) => {
    const { get } = await openCimi(t)
    for (const [base, url] of [
      ['/cimi', CIMI],
      ['/cimiv1/red', RED],
    ] as const) {
      const whole = await get(`${base}/${own}`)
      assert.equal(whole['id'], `${url}/${own}`)
      for (const word of others.flatMap((each) => [each, each.toLowerCase(), each.toUpperCase()]))
        assert.deepEqual(await get(`${base}/${word}`), whole, word)
    }
  })

test("the project's name stands in the path whole or without its issuer, escaped or not", async (t) => {
  const { get, ask } = await openCimi(t)
  for (const [path, base] of [
    ['/cimiv1/red', RED],
    ['/cimiv1/red/', RED],
    ['/cimiv1/red/cloudEntryPoint', RED],
    ['/cimiv1/test/red', `${URL_BASE}/cimiv1/test%2Fred`],
    ['/cimiv1/test%2Fred/cloudentrypoint', `${URL_BASE}/cimiv1/test%2Fred`],
  ] as const) {
    const entryPoint = await get(path)
    assert.deepEqual(
      [entryPoint['id'], entryPoint['baseURI'], entryPoint['machines']],
      [`${base}/cloudEntryPoint`, `${base}/`, { href: `${base}/machines` }],
      path,
    )
  }
  for (const path of [
    '/cimiv1',
    '/cimiv1/',
    '/cimiv1/blue',
    '/cimiv1/test/blue/machines',
    '/cimiv1/redder',
    '/cimiv1/other/red',
  ])
    assert.equal((await ask(`GET ${path}`)).status, 403, path)
  assert.equal((await ask('GET /cimiv1/blue/machines', '', {}, BOB)).status, 200)
})

test('a create for another project is 403, and makes nothing', async (t) => {
  const { ask, provider } = await openCimi(t)
  const response = await ask('POST /cimiv1/red/machineCollection', { machineTemplate: TEMPLATE }, {}, BOB)
  assert.equal(response.status, 403)
  assert.match(said(response), /is not the project of your credential; that is test\/blue/)
  assert.equal((await provider.made()).length, 0)
})

test('what is made at one mount is there at the other, under its own URL', async (t) => {
  const { ask, get } = await openCimi(t)
  const made = await ask('POST /cimiv1/red/machineCollection', { MachineCreate: { machineTemplate: TEMPLATE } })
  assert.equal(made.status, 201, said(made))
  const [location, job] = [header(made, 'Location'), header(made, 'CIMI-Job-URI')]
  const id = location.slice(`${RED}/machines/`.length)
  assert.deepEqual([location, job], [`${RED}/machines/${id}`, `${RED}/jobs/${id}`])
  assert.equal((await get(`machines/${id}`))['id'], `${CIMI}/machines/${id}`)
  assert.equal((await get(`/cimiv1/test/red/machine/${id}`))['id'], `${URL_BASE}/cimiv1/test%2Fred/machines/${id}`)
})

test('what lies in a machine has flat words below a tenant too', async (t) => {
  const { ask, get, make, machine } = await openCimi(t)
  const volume = await make('volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } })
  const id = (await machine()).split('/').at(-1)
  const attached = await ask(`POST /cimiv1/red/MachineVolumeCollection/${id}`, { volume: { href: volume } })
  assert.equal(attached.status, 201, said(attached))
  const attachment = header(attached, 'Location').slice(`${RED}/machines/${id}/volumes/`.length)
  const cards = await get(`/cimiv1/red/machines/${id}/network_interfaces`)
  const [card] = cards['machineNetworkInterfaces'] as readonly Json[]
  const cardId = String(card?.['id']).split('/').at(-1)
  for (const [flat, own] of [
    ['machineVolumeCollection', 'volumes'],
    [`machinevolume`, `volumes/${attachment}`],
    ['NetworkInterfacesCollection', 'network_interfaces'],
    ['machineNetworkInterfaceAddressesCollection', `network_interfaces/${cardId}/addresses`],
  ] as const) {
    const rest = own.split('/').filter((segment) => segment === attachment || segment === cardId)
    assert.deepEqual(
      await get(['/cimiv1/red', flat, id, ...rest].join('/')),
      await get(`/cimiv1/red/machines/${id}/${own}`),
      flat,
    )
  }
  for (const path of ['machineVolumeCollection', `machineVolume/${id}`, `machineVolumeCollection/${id}/1/2`])
    assert.equal((await ask(`GET /cimiv1/red/${path}`)).status, 404, path)
  assert.equal((await ask(`DELETE /cimiv1/red/machineVolume/${id}/${attachment}`)).status, 200)
})

for (const [mount, base] of [
  ['/cimi', CIMI],
  ['/cimiv1/red', RED],
] as const)
  test(`every URL in every answer below ${mount} begins with baseURI and leads to what has it as id`, async (t) => {
    const { ask, make, machine } = await openCimi(t)
    const volume = await make('volumes', { volumeTemplate: { volumeConfig: { capacity: 1024 } } })
    const credential = await make('credentials', { credentialTemplate: { key: KEY } })
    await make('machine_templates', { ...TEMPLATE, credential: { href: credential } })
    const config = await make('volume_configurations', { capacity: 1 })
    await make('volume_templates', { volumeConfig: { href: config } })
    const id = await machine({ volumes: [{ href: volume }], userData: 'aGVsbG8=' })
    assert.equal((await ask(`POST ${id}/stop`)).status, 202)

    const seen = new Set([`${base}/cloudEntryPoint`])
    for (const url of seen) {
      const response = await ask(`GET ${url}`)
      assert.equal(response.status, 200, `${url}: ${said(response)}`)
      const resource = jsonOf(response)
      assert.equal(resource['id'], url)
      assert.doesNotMatch(textOf(response), /aGVsbG8|hello/, 'user data are no part of it')
      for (const each of urlsIn(resource)) {
        assert.ok(each.startsWith(`${base}/`), `${each} in ${url}`)
        if (each !== `${base}/`) seen.add(each)
      }
      const xml = textOf(await ask(`GET ${url}?$format=xml`))
      for (const [, each = ''] of xml.matchAll(/(?:<id>|href=")([^<"]*)/g)) assert.ok(each.startsWith(`${base}/`), each)
    }
    // All that lies at the top, and what was made.
    assert.ok(seen.size > 40, `${seen.size} URLs`)
  })

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz me'

/** All but those of operations, which some can only be posted to. */
function urlsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.startsWith('http') && !value.includes('schemas.dmtf.org') ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => (name === 'operations' ? [] : urlsIn(each)))
}

test('URLs are written and read back, whatever the segments hold', () => {
  const base = 'https://cloud.example.org/cimi'
  for (const segments of [[], ['machines'], ['machines', 'a/b c', '100%', 'ä?#']])
    assert.deepEqual(segmentsOf(urlOf(base, ...segments), base), segments)
  assert.equal(segmentsOf('https://cloud.example.org/cimi2/machines', base), undefined)
  assert.equal(segmentsOf('https://elsewhere.example.org/cimi/machines', base), undefined)
})

test('a project whose name looks like a path of ours is none', () => {
  const mounted = mountOf('/cimiv1/a/b/machines/a/b', { project: 'a/b' }, 'http://h')
  assert.deepEqual(mounted, { base: 'http://h/cimiv1/a%2Fb', segments: ['machines', 'a', 'b'] })
  assert.deepEqual(mountOf('/cimiv1/local/machines', { project: 'local' }, 'http://h').segments, ['machines'])
  assert.throws(() => mountOf('/cimiv1/b/machines', { project: 'a/b/c' }, 'http://h'), { code: 'forbidden' })
})
