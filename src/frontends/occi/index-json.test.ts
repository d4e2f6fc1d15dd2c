import assert from 'node:assert/strict'
import { test } from 'node:test'
import { header, jsonOf, said, textOf, URL_BASE } from '../../../test/e2e/asking.ts'
import { openOcci, pathsIn } from '../../../test/e2e/occi-client.ts'

const I = 'http://schemas.ogf.org/occi/infrastructure#'
const TYPE = 'application/occi+json'
const JSON_BOTH = { 'Content-Type': TYPE, Accept: TYPE }
const storage = (title: string, size: number): object => ({
  kind: `${I}storage`,
  title,
  attributes: { 'occi.storage.size': size },
})

test('shows the entity that it made, where it is, and the same when asked for', async (t) => {
  const { ask } = await openOcci(t)
  const made = await ask('POST /storage/', JSON_BOTH, JSON.stringify(storage('data', 1.5)))
  assert.equal(made.status, 201)
  assert.equal(header(made, 'Content-Type'), TYPE)
  const { id, ...rest } = jsonOf(made)
  assert.equal(header(made, 'Location'), `${URL_BASE}/storage/${String(id)}`)
  assert.deepEqual(rest, {
    kind: `${I}storage`,
    title: 'data',
    mixins: ['http://bellhop.example/occi/infrastructure/provider#memory'],
    attributes: { 'occi.storage.size': 1.5, 'occi.storage.state': 'online' },
    actions: ['offline', 'backup', 'snapshot', 'resize'].map(
      (term) => `http://schemas.ogf.org/occi/infrastructure/storage/action#${term}`,
    ),
  })
  assert.equal(textOf(await ask(`GET /storage/${String(id)}`, { Accept: TYPE })), textOf(made))
  assert.equal(said(await ask(`PUT /storage/${String(id)}`, JSON_BOTH, textOf(made))), `200 ${textOf(made)}`)
})

test('makes several at once, or none', async (t) => {
  const { ask } = await openOcci(t)
  const several = JSON.stringify({ resources: [storage('one', 1), storage('two', 2)] })
  const made = await ask('POST /storage/', JSON_BOTH, several)
  assert.equal(made.status, 201)
  assert.deepEqual(
    (jsonOf(made)['resources'] as { title: string }[]).map(({ title }) => title),
    ['one', 'two'],
  )
  const text = await ask('POST /storage/', { 'Content-Type': TYPE, Accept: 'text/plain' }, several)
  assert.equal(pathsIn(text).length, 2)
  const half = JSON.stringify({ resources: [storage('three', 3), storage('none', 0)] })
  assert.equal((await ask('POST /storage/', JSON_BOTH, half)).status, 400)
  const mixed = JSON.stringify({ resources: [storage('four', 4), { kind: `${I}network` }] })
  assert.match(textOf(await ask('POST /', JSON_BOTH, mixed)), /storage, network: here one can make/)
  assert.equal((await ask('POST /storage/', { ...JSON_BOTH, 'Idempotency-Key': 'k' }, several)).status, 400)
  assert.equal(pathsIn(await ask('GET /storage/')).length, 4)
})

test('lists entities whole, resources and links apart', async (t) => {
  const { ask, create } = await openOcci(t)
  assert.deepEqual(jsonOf(await ask('GET /compute/', { Accept: TYPE })), { resources: [] })
  const path = await create('X-OCCI-Attribute: occi.core.title="one"')
  const shown = jsonOf(await ask(`GET ${path}`, { Accept: TYPE }))
  assert.deepEqual(jsonOf(await ask('GET /compute/', { Accept: TYPE })), { resources: [shown] })
  const all = jsonOf(await ask('GET /', { Accept: TYPE }))
  assert.equal((all['resources'] as unknown[]).length, 2)
  const [link] = all['links'] as { source: object; target: object; attributes: Record<string, unknown> }[]
  assert.deepEqual(
    [link?.source, link?.target],
    [
      { location: path, kind: `${I}compute` },
      { location: '/network/memory-public', kind: `${I}network` },
    ],
  )
  const paged = jsonOf(await ask('GET /?page=2&number=1', { Accept: TYPE }))
  assert.deepEqual(Object.keys(paged), ['resources'])
  assert.equal((paged['resources'] as unknown[]).length, 1)
})

test('joins with links inside and beside, and acts', async (t) => {
  const { ask, make } = await openOcci(t)
  const [disk, network] = [await make('storage', 'X-OCCI-Attribute: occi.storage.size=1'), await make('network')]
  const compute = { kind: `${I}compute`, id: 'mine', links: [{ kind: `${I}storagelink`, target: { location: disk } }] }
  const beside = [
    { kind: `${I}networkinterface`, source: { location: '/compute/mine' }, target: { location: network } },
  ]
  const made = await ask('POST /compute/', JSON_BOTH, JSON.stringify({ resources: [compute], links: beside }))
  assert.equal(made.status, 201, textOf(made))
  const shown = jsonOf(made)
  assert.deepEqual(
    new Set((shown['links'] as { target: { location: string } }[]).map(({ target }) => target.location)),
    new Set([disk, network]),
  )
  const path = `/compute/${String(shown['id'])}`
  const stop = {
    action: `http://schemas.ogf.org/occi/infrastructure/compute/action#stop`,
    attributes: { method: 'poweroff' },
  }
  const stopped = await ask(`POST ${path}?action=stop`, JSON_BOTH, JSON.stringify(stop))
  assert.equal((jsonOf(stopped)['attributes'] as Record<string, unknown>)['occi.compute.state'], 'inactive')
  const save = {
    action: `http://schemas.ogf.org/occi/infrastructure/compute/action#save`,
    attributes: { name: 'Mine' },
  }
  const saved = jsonOf(await ask(`POST ${path}?action=save`, JSON_BOTH, JSON.stringify(save)))
  const [mixin] = saved['mixins'] as { term: string; depends: string[]; applies: string[] }[]
  assert.deepEqual([mixin?.term, mixin?.depends, mixin?.applies], ['memory-mine', [`${I}os_tpl`], [`${I}compute`]])
})

test('discovers with types, defaults to refuse in JSON too', async (t) => {
  const { ask } = await openOcci(t)
  const { kinds, mixins, actions } = jsonOf(await ask('GET /-/', { Accept: TYPE })) as Record<
    string,
    { term: string; attributes?: Record<string, object> }[]
  >
  const find = (all: { term: string; attributes?: Record<string, object> }[] | undefined, term: string) =>
    all?.find((category) => category.term === term)
  assert.deepEqual(find(kinds, 'storage')?.attributes?.['occi.storage.size'], {
    mutable: true,
    required: true,
    type: 'number',
  })
  assert.equal(find(kinds, 'entity')?.term, 'entity')
  assert.ok(find(mixins, 'memory-debian') && find(actions, 'resize'))
  const refused = await ask('POST /compute/', JSON_BOTH, '{"kind": "x"')
  assert.equal(refused.status, 400)
  assert.match(String(jsonOf(refused)['message']), /^line 1, column 13: /)
  const strange = await ask('POST /compute/', JSON_BOTH, JSON.stringify({ kind: `${I}compute`, mixins: [5] }))
  assert.match(String(jsonOf(strange)['message']), /^mixins\[0\]: a type id \(scheme#term\) is expected/)
})
