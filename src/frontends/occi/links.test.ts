import assert from 'node:assert/strict'
import { test } from 'node:test'
import { said, textOf, URL_BASE } from '../../../test/e2e/asking.ts'
import { kindLine, openOcci, pathsIn } from '../../../test/e2e/occi-client.ts'

const I = 'http://schemas.ogf.org/occi/infrastructure#'
const SIZE = 'X-OCCI-Attribute: occi.storage.size=1'
const ends = (source: string, target: string): string =>
  `X-OCCI-Attribute: occi.core.source="${source}", occi.core.target="${target}"`

test('a compute is on a network of its provider without being asked', async (t) => {
  const { ask, create } = await openOcci(t)
  const path = await create()
  const [link = assert.fail(), ...others] = pathsIn(await ask('GET /networkinterface/'))
  assert.deepEqual(others, [])
  const [shared] = pathsIn(await ask('GET /network/'))
  const shown = textOf(await ask(`GET ${link}`))
  assert.match(shown, /^Category: networkinterface; /)
  // rOCCI nests dotted names: the later one wins.
  assert.match(shown, new RegExp(`source\\.kind="${I}compute"\\n[^\\n]*occi\\.core\\.source="${path}"`))
  assert.match(shown, new RegExp(`target\\.kind="${I}network"\\n[^\\n]*occi\\.core\\.target="${shared}"`))
  assert.match(shown, /occi\.networkinterface\.interface="eth0"\n[^\n]*mac="[0-9a-f:]{17}"\n[^]*state="active"/)
  const inline = textOf(await ask(`GET ${path}`))
    .split('\n')
    .find((line) => line.startsWith('Link: </network/'))
  assert.ok(inline?.startsWith(`Link: <${shared}>; rel="${I}network"; self="${link}"; category="${I}networkinterface`))
  // jOCCI cannot read a link that has no attribute.
  assert.match(inline ?? '', /; occi\.core\.id="[^"]+"; occi\.core\.target=/)
})

test('a volume is attached and taken away, by a link of its own', async (t) => {
  const { ask, create, make } = await openOcci(t)
  const [compute, storage] = [await create(), await make('storage', SIZE)]
  const link = await make(
    'storagelink',
    ends(`${URL_BASE}${compute}`, storage),
    'X-OCCI-Attribute: occi.storagelink.mountpoint="/data"',
  )
  const shown = textOf(await ask(`GET ${link}`))
  assert.match(shown, /deviceid="vd[a-z]"\n[^\n]*mountpoint="\/data"\n[^\n]*state="active"/)
  assert.match(textOf(await ask(`GET ${compute}`)), new RegExp(`Link: <${storage}>; rel="${I}storage"; self="${link}"`))
  assert.match(said(await ask(`DELETE ${storage}`)), /^409 volume \S+ is attached to instance /)
  const other = await create()
  assert.match(
    said(await ask('POST /storagelink/', {}, `${kindLine('storagelink')}\n${ends(other, storage)}`)),
    /^409 /,
  )
  assert.equal((await ask(`DELETE ${link}`)).status, 200)
  assert.equal((await ask(`GET ${link}`)).status, 404)
  assert.equal((await ask(`DELETE ${storage}`)).status, 200)
})

test('links within a compute are made with it, and go with it', async (t) => {
  const { ask, create, make } = await openOcci(t)
  const storage = await make('storage', SIZE)
  const network = await make('network', 'X-OCCI-Attribute: occi.network.address="192.0.2.0/24"')
  const compute = await create(
    `Link: <${network}>; rel="${I}network"; category="${I}networkinterface"`,
    `Link: <${URL_BASE}${storage}>; rel="${I}storage"; occi.storagelink.mountpoint="/data"`,
  )
  const shown = textOf(await ask(`GET ${compute}`))
  assert.match(shown, new RegExp(`Link: <${network}>[^\\n]*occi\\.networkinterface\\.address="192\\.0\\.2\\.1"`))
  assert.match(shown, new RegExp(`Link: <${storage}>[^\\n]*mountpoint="/data"`))
  const links = [...pathsIn(await ask('GET /networkinterface/')), ...pathsIn(await ask('GET /storagelink/'))]
  assert.equal(links.length, 2)
  assert.deepEqual(pathsIn(await ask('GET /link/')), links)
  assert.equal((await ask(`DELETE ${network}`)).status, 409)
  // What comes back from a client that echoes is no new link.
  assert.equal((await ask(`PUT ${compute}`, { 'Content-Type': 'text/plain' }, shown)).status, 200)
  assert.deepEqual(pathsIn(await ask('GET /link/')), links)
  assert.equal((await ask(`DELETE ${compute}`)).status, 200)
  for (const link of links) assert.equal((await ask(`GET ${link}`)).status, 404, link)
  for (const path of [storage, network]) assert.equal((await ask(`DELETE ${path}`)).status, 200, path)
})

test('a link that is sent to a compute is made', async (t) => {
  const { ask, create, make } = await openOcci(t)
  const [compute, storage] = [await create(), await make('storage', SIZE)]
  const body = `Link: <${storage}>; rel="${I}storage"; category="${I}storagelink"`
  assert.match(said(await ask(`POST ${compute}`, {}, body)), new RegExp(`^200 [^]*Link: <${storage}>`))
  assert.equal(pathsIn(await ask('GET /storagelink/')).length, 1)
})

test('cards on one network get addresses of their own', async (t) => {
  const { ask, create, make } = await openOcci(t)
  const network = await make('network', 'X-OCCI-Attribute: occi.network.address="192.0.2.0/30"')
  const on = `Link: <${network}>; rel="${I}network"; category="${I}networkinterface"`
  const computes = await Promise.all([create(on), create(on)])
  const links = pathsIn(await ask('GET /networkinterface/'))
  const addresses = await Promise.all(
    links.map(async (link) => /interface\.address="([^"]*)"/.exec(textOf(await ask(`GET ${link}`)))?.[1]),
  )
  assert.deepEqual(
    new Set(addresses.filter((address) => address?.startsWith('192.'))),
    new Set(['192.0.2.1', '192.0.2.2']),
  )
  const refused = await ask('POST /compute/', {}, `${kindLine('compute')}\n${on}`)
  assert.match(said(refused), /^409 every address of 192\.0\.2\.0\/30 is taken$/)
  assert.deepEqual(pathsIn(await ask('GET /compute/')).toSorted(), computes.toSorted())
})

test('refuses links that lead nowhere', async (t) => {
  const { ask, create, make } = await openOcci(t)
  const [compute, storage] = [await create(), await make('storage', SIZE)]
  const refused = async (...lines: string[]): Promise<string> =>
    said(await ask('POST /storagelink/', {}, [kindLine('storagelink'), ...lines].join('\n')))
  assert.match(await refused(), /^400 storagelink needs occi\.core\.source/)
  assert.match(
    await refused(`X-OCCI-Attribute: occi.core.source="${compute}"`),
    /^400 storagelink needs occi\.core\.target/,
  )
  assert.match(
    await refused(ends(storage, compute)),
    /^400 "\/storage\/\S+" is no compute; a location such as \/compute\//,
  )
  assert.match(await refused(ends(compute, '/storage/none')), /^404 there is no volume none$/)
  assert.match(await refused(ends('/compute/none', storage)), /^404 /)
  const inline = await ask('POST /compute/', {}, `${kindLine('compute')}\nLink: </x/1>; rel="http://example.org/#x"`)
  assert.match(said(inline), /^400 a link to http:\/\/example\.org\/#x cannot be made here; leave it out$/)
})
