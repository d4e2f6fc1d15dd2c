import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { ALICE, BOB, header, READER, said, textOf, URL_BASE } from '../../../test/e2e/asking.ts'
import { kindLine, openOcci, pathsIn } from '../../../test/e2e/occi-client.ts'

const KINDS = {
  compute: [],
  network: [],
  storage: ['X-OCCI-Attribute: occi.storage.size=0.1'],
} as const

test('a storage has its size to the digit, and its life', async (t) => {
  const { ask, make, act } = await openOcci(t)
  const path = await make(
    'storage',
    'X-OCCI-Attribute: occi.storage.size=0.1, occi.core.title="data", occi.core.summary="s"',
  )
  assert.equal(
    textOf(await ask(`GET ${path}`)),
    [
      'Category: storage; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Storage"',
      'Category: memory; scheme="http://bellhop.example/occi/infrastructure/provider#"; class="mixin"; title="memory"',
      ...['offline', 'backup', 'snapshot', 'resize'].map(
        (term) =>
          `Link: <${path}?action=${term}>; rel="http://schemas.ogf.org/occi/infrastructure/storage/action#${term}"`,
      ),
      `X-OCCI-Attribute: occi.core.id="${path.slice('/storage/'.length)}"`,
      'X-OCCI-Attribute: occi.core.title="data"',
      'X-OCCI-Attribute: occi.core.summary="s"',
      'X-OCCI-Attribute: occi.storage.size=0.1',
      'X-OCCI-Attribute: occi.storage.state="online"',
    ].join('\n'),
  )
  assert.match(await act(path, 'offline'), /^200 [^]*state="offline"/)
  assert.match(await act(path, 'online'), /^200 [^]*state="online"/)
  assert.match(await act(path, 'resize', 'size=2.0'), /^200 [^]*size=2\.0/)
  assert.match(await act(path, 'resize'), /^400 resize needs the attribute size$/)
  assert.match(await act(path, 'resize', 'size=1.0'), /^4\d\d /)
  for (const term of ['backup', 'snapshot']) assert.match(await act(path, term), /^200 /)
  assert.equal((await ask(`DELETE ${path}`)).status, 200)
  assert.equal((await ask(`GET ${path}`)).status, 404)
})

test('a storage without size, or of none, is not made', async (t) => {
  const { ask } = await openOcci(t)
  const refused = async (...lines: string[]): Promise<string> =>
    said(await ask('POST /storage/', {}, [kindLine('storage'), ...lines].join('\n')))
  assert.match(await refused(), /^400 a storage needs occi\.storage\.size, its size in GiB$/)
  assert.match(await refused('X-OCCI-Attribute: occi.storage.size=0'), /^400 a volume needs a size above 0$/)
  assert.match(await refused('X-OCCI-Attribute: occi.storage.size=big'), /^400 /)
  assert.deepEqual(pathsIn(await ask('GET /storage/')), [])
})

test('a network has its addresses, and its life', async (t) => {
  const { ask, make, act } = await openOcci(t)
  const path = await make(
    'network',
    'Category: ipnetwork; scheme="http://schemas.ogf.org/occi/infrastructure/network#"; class="mixin"',
    'X-OCCI-Attribute: occi.network.address="192.0.2.0/24", occi.network.gateway="192.0.2.1", occi.network.vlan=7',
  )
  const shown = textOf(await ask(`GET ${path}`))
  assert.match(shown, /^Category: network; [^]*\nCategory: ipnetwork; [^]*\nLink: <[^>]*\?action=down>/)
  assert.match(
    shown,
    /occi\.network\.vlan=7\n[^]*state="active"\n[^]*address="192\.0\.2\.0\/24"\n[^]*gateway="192\.0\.2\.1"/,
  )
  assert.match(await act(path, 'down'), /^200 [^]*state="inactive"/)
  assert.match(await act(path, 'up'), /^200 [^]*state="active"/)
  assert.equal((await ask(`DELETE ${path}`)).status, 200)
  assert.equal((await ask(`GET ${path}`)).status, 404)
  const refused = async (attributes: string): Promise<string> =>
    said(await ask('POST /network/', {}, `${kindLine('network')}\nX-OCCI-Attribute: ${attributes}`))
  assert.match(await refused('occi.network.vlan=4096'), /^400 occi\.network\.vlan is 4096; it can be 0 to 4095$/)
  assert.match(await refused('occi.network.address="everywhere"'), /^400 network address: "everywhere" is not like/)
})

test('what is for all is seen by all, and changed by nobody', async (t) => {
  const { ask, act } = await openOcci(t)
  const [shared = assert.fail(), ...others] = pathsIn(await ask('GET /network/', {}, '', BOB))
  assert.deepEqual(others, [])
  assert.match(shared, /^\/network\/memory-[a-z-]+$/)
  assert.doesNotMatch(textOf(await ask(`GET ${shared}`)), /action=/)
  assert.match(await act(shared, 'down'), /^403 /)
  assert.equal((await ask(`DELETE ${shared}`)).status, 403)
  assert.equal((await ask('DELETE /network/')).status, 200)
  assert.equal((await ask(`GET ${shared}`)).status, 200)
})

for (const [kind, needed] of Object.entries(KINDS)) {
  test(`a ${kind} is renamed in part and whole, and what is echoed changes nothing`, async (t) => {
    const { ask, make } = await openOcci(t)
    const path = await make(kind, ...needed, 'X-OCCI-Attribute: occi.core.title="old", occi.core.summary="sum"')
    const update = async (method: string, body: string, type = 'text/plain'): Promise<string> =>
      said(await ask(`${method} ${path}`, { 'Content-Type': type }, body))
    assert.match(
      await update('POST', 'X-OCCI-Attribute: occi.core.title="new"'),
      /^200 [^]*title="new"\n[^]*summary="sum"/,
    )
    // pOCCI sends all that it saw, then the new title.
    const echoed = `${textOf(await ask(`GET ${path}`))}\nX-OCCI-Attribute: occi.core.title="newer"`
    assert.match(await update('PUT', echoed), /^200 [^]*title="newer"\n[^]*summary="sum"/)
    const before = textOf(await ask(`GET ${path}`))
    assert.equal(await update('PUT', before), `200 ${before}`)
    assert.equal(await update('POST', ''), `200 ${before}`)
    const bare = await update('PUT', kindLine(kind))
    assert.match(bare, /^200 /)
    assert.doesNotMatch(bare, /occi\.core\.(title|summary)/)
    assert.match(await update('PUT', kindLine(kind === 'compute' ? 'storage' : 'compute')), /^400 this is a /)
    assert.match(await update('PUT', 'X-OCCI-Attribute: occi.core.title='), /^400 line 1, column /)
  })

  test(`a ${kind} is made by PUT where its URL says, once`, async (t) => {
    const { ask } = await openOcci(t)
    const path = `/${kind}/${randomUUID()}`
    const body = [kindLine(kind), ...needed].join('\n')
    const made = await ask(`PUT ${path}`, {}, body)
    assert.deepEqual([made.status, header(made, 'Location')], [201, `${URL_BASE}${path}`])
    assert.equal((await ask(`PUT ${path}`, {}, body)).status, 200)
    assert.equal((await ask(`PUT ${path}`, {}, body, BOB)).status, 409)
    assert.match(said(await ask(`PUT /${kind}/Compute_1`, {}, body)), /^400 id: "Compute_1" is no UUID/)
  })

  test(`a ${kind} is nobody else's, and readers only read it`, async (t) => {
    const { ask, make } = await openOcci(t)
    const path = await make(kind, ...needed)
    for (const line of [`GET ${path}`, `DELETE ${path}`, `POST ${path}`])
      assert.equal((await ask(line, {}, '', BOB)).status, 404, line)
    assert.ok(!pathsIn(await ask(`GET /${kind}/`, {}, '', BOB)).includes(path))
    assert.equal((await ask(`GET ${path}`, {}, '', READER)).status, 200)
    for (const line of [`DELETE ${path}`, `DELETE /${kind}/`, `POST ${path}`])
      assert.equal((await ask(line, {}, '', READER)).status, 403, line)
    assert.equal((await ask(`POST /${kind}/`, {}, [kindLine(kind), ...needed].join('\n'), READER)).status, 403)
    assert.equal((await ask(`DELETE /${kind}/`)).status, 200)
    assert.equal((await ask(`GET ${path}`)).status, 404)
  })
}

test('a new hostname is shown, told to whoever asks next, and the client is told so', async (t) => {
  const renewed: string[] = []
  const metadata = {
    offer: async () => ({ socketPath: '/nowhere' }),
    withdraw: async () => {},
    refresh: (id: string) => void renewed.push(id),
  }
  const { ask, create, service } = await openOcci(t, { metadata })
  const path = await create('X-OCCI-Attribute: occi.compute.hostname="my vm"')
  const id = path.slice('/compute/'.length)
  const update = (hostname: string) =>
    ask(`POST ${path}`, { 'Content-Type': 'text/plain' }, `X-OCCI-Attribute: occi.compute.hostname="${hostname}"`)
  assert.equal(header(await update('my vm'), 'Warning'), '')
  renewed.length = 0
  const changed = await update('Your VM')
  assert.match(said(changed), /^200 [^]*occi\.compute\.hostname="Your VM"/)
  assert.match(header(changed, 'Warning'), /the guest reads it when it asks the metadata server next/)
  const { spec, revision } = await service.get(id, ALICE)
  assert.deepEqual([spec.hostname, revision], ['your-vm', 1])
  assert.deepEqual(renewed, [id])
  const unusable = await update('***')
  assert.match(header(unusable, 'Warning'), /nothing of occi\.compute\.hostname can stand in a hostname/)
  assert.match(said(unusable), /^200 [^]*hostname="Your VM"/)
})

test('lists in pages', async (t) => {
  const { ask, make } = await openOcci(t)
  for (let count = 0; count < 5; count++) await make('storage', ...KINDS.storage)
  const paths = pathsIn(await ask('GET /storage/'))
  assert.equal(paths.length, 5)
  const page = async (query: string): Promise<readonly string[] | number> => {
    const response = await ask(`GET /storage/?${query}`)
    return response.status === 200 ? pathsIn(response) : response.status
  }
  assert.deepEqual(await page('page=1&number=2'), paths.slice(0, 2))
  assert.deepEqual(await page('page=3;number=2'), paths.slice(4))
  assert.deepEqual(await page('page=4&number=2'), [])
  assert.equal(await page('page=1&number=1001'), 413)
  for (const wrong of ['page=1', 'number=2', 'page=0&number=1', 'page=x&number=1', 'page=1&number=-1'])
    assert.equal(await page(wrong), 400, wrong)
  assert.deepEqual(pathsIn(await ask('GET /?page=1&number=1000')).length, paths.length + 1)
})

test('narrows by what a storage or network is', async (t) => {
  const { ask, make } = await openOcci(t)
  const [small] = [
    await make('storage', ...KINDS.storage),
    await make('storage', 'X-OCCI-Attribute: occi.storage.size=5'),
  ]
  assert.deepEqual(pathsIn(await ask('GET /storage/', { 'X-OCCI-Attribute': 'occi.storage.size=0.1' })), [small])
  assert.equal(pathsIn(await ask('GET /provider/memory/')).length, 3)
  assert.equal(pathsIn(await ask('GET /resource/')).length, 3)
  assert.deepEqual(pathsIn(await ask('GET /link/')), [])
  assert.equal((await ask('POST /resource/')).status, 405)
})
