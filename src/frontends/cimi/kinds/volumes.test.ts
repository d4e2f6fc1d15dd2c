import assert from 'node:assert/strict'
import { test } from 'node:test'
import { header, said } from '../../../../test/e2e/asking.ts'
import { NS, openCimi, type Json } from '../../../../test/e2e/cimi-client.ts'

const XML = { 'Content-Type': 'application/xml' }

test('a volume is made of a capacity, by value or by reference, and deleted', async (t) => {
  const { ask, make, get, provider } = await openCimi(t)
  const xml =
    '<VolumeCreate><volumeTemplate><volumeConfig><capacity> 1024 </capacity></volumeConfig></volumeTemplate></VolumeCreate>'
  const first = header(await ask('POST volumes', xml, XML), 'Location')
  const config = await make('volume_configurations', { name: 'c', format: 'ext3', capacity: 2048 })
  const template = await make('volume_templates', { name: 't', volumeConfig: { href: config } })
  const volumeTemplates: readonly Json[] = [
    { volumeConfig: { href: config } },
    { href: template },
    { href: template, volumeConfig: { capacity: '4096', type: `${NS}/mapped` } },
    { volumeConfig: { href: config, capacity: 8192 } },
  ]
  const urls = [first]
  for (const volumeTemplate of volumeTemplates)
    urls.push(await make('volumes', { name: 'data', description: 'd', properties: { a: 'b' }, volumeTemplate }))
  const shown = await Promise.all(urls.map((url) => get(url)))
  assert.deepEqual(
    shown.map(({ capacity }) => capacity),
    [1024, 2048, 2048, 4096, 8192],
  )
  assert.deepEqual(
    (await provider.volumesMade()).map(({ sizeBytes }) => sizeBytes / 1024),
    [1024, 2048, 2048, 4096, 8192],
  )
  const { created: _, updated: __, ...last } = shown.at(-1) ?? {}
  assert.deepEqual(last, {
    resourceURI: `${NS}/Volume`,
    id: urls.at(-1),
    name: 'data',
    description: 'd',
    properties: { a: 'b' },
    state: 'AVAILABLE',
    type: `${NS}/mapped`,
    capacity: 8192,
    bootable: false,
    operations: [
      { rel: 'edit', href: urls.at(-1) },
      { rel: 'delete', href: urls.at(-1) },
    ],
  })
  assert.equal(shown[0]?.['name'], first.split('/').at(-1))
  assert.equal((await ask(`DELETE ${first}`)).status, 200)
  assert.equal((await ask(`GET ${first}`)).status, 404)
})

test('a volume that cannot be made is refused, and none is kept', async (t) => {
  const { ask, get, provider } = await openCimi(t)
  for (const [template, why] of [
    [{}, /^400 .*volumeConfig: missing/],
    [{ href: 'none' }, /^400 .*no VolumeTemplate/],
    [{ volumeConfig: 'none' }, /^400 .*no VolumeConfiguration/],
    [{ volumeConfig: {} }, /^400 .*neither href nor capacity/],
    [{ volumeConfig: { capacity: 0 } }, /^400 .*0 is no size/],
    [{ volumeConfig: { capacity: -1 } }, /^400 .*-1 is no size/],
    [{ volumeConfig: { capacity: Number.MAX_SAFE_INTEGER } }, /^400 .*is no size/],
    [{ volumeConfig: { capacity: 1 }, volumeImage: 'x' }, /^501 .*volumeImage/],
  ] as const)
    assert.match(said(await ask('POST volumes', { volumeTemplate: template })), why)
  assert.match(said(await ask('POST volumes', { name: 'x' })), /^400 .*volumeTemplate: missing/)
  assert.match(said(await ask('POST volume_configurations', { format: 'ext3' })), /^400 .*capacity: nothing/)
  assert.match(said(await ask('POST volume_templates', { volumeConfig: 'none' })), /^400 /)
  await provider.setFaults({ 'volumes.create': { before: 'conflict' } })
  assert.match(said(await ask('POST volumes', { volumeTemplate: { volumeConfig: { capacity: 1 } } })), /^409 /)
  for (const collection of ['volumes', 'volume_configurations', 'volume_templates'])
    assert.equal((await get(collection))['count'], 0, collection)
})

test('PUT names a volume, and changes configurations whole or in part', async (t) => {
  const { ask, make, get } = await openCimi(t)
  const url = await make('volumes', { properties: { a: 'b' }, volumeTemplate: { volumeConfig: { capacity: 1 } } })
  assert.equal((await ask(`PUT ${url}`, { name: 'data', capacity: 5 })).status, 200)
  const { name, capacity, properties } = await get(url)
  assert.deepEqual([name, capacity, properties], ['data', 1, undefined])
  const config = await make('volume_configurations', { name: 'c', format: 'ext3', capacity: 2048 })
  assert.equal((await ask(`PUT ${config}?$select=capacity`, { capacity: 4096 })).status, 200)
  const changed = await get(config)
  assert.deepEqual([changed['name'], changed['format'], changed['capacity']], ['c', 'ext3', 4096])
  assert.equal((await ask(`PUT ${config}`, { capacity: 1 })).status, 200)
  assert.equal('format' in (await get(config)), false)
  assert.match(said(await ask(`PUT ${config}`, {})), /^400 .*capacity/)
})
