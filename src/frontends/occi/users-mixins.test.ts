import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOB, header, READER, said, textOf, URL_BASE } from '../../../test/e2e/asking.ts'
import { openOcci, pathsIn } from '../../../test/e2e/occi-client.ts'

const MINE = 'Category: mine; scheme="http://example.org/tags#"; class="mixin"'
const FULL = `${MINE}; title="Mine"; location="/mixin/mine/"`
const filter = { 'Content-Type': 'text/occi', Category: MINE.slice('Category: '.length) }

test('makes a mixin that its project sees, once', async (t) => {
  const { ask } = await openOcci(t)
  const made = await ask('POST /-/', {}, FULL)
  assert.equal(said(made), `200 ${FULL}`)
  assert.equal(textOf(await ask('GET /-/', filter)), FULL)
  assert.equal(textOf(await ask('GET /-/', filter, '', BOB)), '')
  assert.equal((await ask('POST /-/', {}, FULL)).status, 409)
  assert.equal((await ask('POST /-/', {}, FULL.replace('mine;', 'other;'))).status, 409)
  assert.equal((await ask('POST /-/', {}, FULL.replaceAll('mine', 'theirs'), READER)).status, 403)
  // Another project has names of its own.
  assert.equal((await ask('POST /-/', {}, FULL, BOB)).status, 200)
})

test('takes what the most particular clients send', async (t) => {
  const { ask } = await openOcci(t)
  const pocci = await ask(
    'POST /-/',
    {},
    'Category: stufff; scheme="http://example.com/occi/custom#"; class="mixin"; title="test"; rel="http://example.com/occi/something_else#mixin"; location="/mixin/resource_tpl/stufff/"; attributes="com.example.x"',
  )
  assert.equal(
    said(pocci),
    '200 Category: stufff; scheme="http://example.com/occi/custom#"; class="mixin"; title="test"; location="/mixin/resource_tpl/stufff/"',
  )
  assert.match(header(pocci, 'Warning'), /is a tag here: its attributes and actions were left out/)
  const bare = await ask('POST /-/', { Category: 'bare; scheme="http://example.org/tags#"' })
  assert.equal(bare.status, 200)
  assert.match(header(bare, 'Category'), /location="\/mixin\/bare\/"/)
  const url = await ask('POST /-/', {}, `${MINE}; location="${URL_BASE}/my_stuff"`)
  assert.match(textOf(url), /location="\/my_stuff\/"/)
})

test('refuses what would stand in the way', async (t) => {
  const { ask } = await openOcci(t)
  const at = async (location: string): Promise<number> =>
    (await ask('POST /-/', {}, `${MINE}; location="${location}"`)).status
  for (const taken of ['/compute/', '/compute/mine/', '/os_tpl/', '/os_tpl/memory-debian/', '/user_data/'])
    assert.equal(await at(taken), 409, taken)
  for (const wrong of ['/', '/-/x/', '/.well-known/x/', '/api/', '/a b/', '/ä/'])
    assert.equal(await at(wrong), 400, wrong)
  assert.equal((await ask('POST /-/', {}, '')).status, 400)
  assert.equal((await ask('POST /-/', {}, FULL.replace('mixin"', 'kind"'))).status, 400)
  assert.equal((await ask('POST /-/', {}, FULL.replace('Mine', 'M'.repeat(256)))).status, 400)
  assert.equal(textOf(await ask('GET /-/', filter)), '')
})

test('puts it on entities and takes it away, in each way there is', async (t) => {
  const { ask, create, make } = await openOcci(t)
  await ask('POST /-/', {}, FULL)
  const [one, two] = [await create(), await make('storage', 'X-OCCI-Attribute: occi.storage.size=1')]
  const tagged = async (): Promise<readonly string[]> => pathsIn(await ask('GET /mixin/mine/'))
  const list = (...paths: string[]): string => paths.map((path) => `X-OCCI-Location: ${URL_BASE}${path}`).join('\n')
  assert.equal((await ask('POST /mixin/mine/', {}, list(one))).status, 200)
  assert.deepEqual(await tagged(), [one])
  assert.match(
    textOf(await ask(`GET ${one}`)),
    /Category: mine; scheme="http:\/\/example\.org\/tags#"; class="mixin"; title="Mine"/,
  )
  assert.equal((await ask('PUT /mixin/mine/', { 'Content-Type': 'text/uri-list' }, `${URL_BASE}${two}`)).status, 200)
  assert.deepEqual(await tagged(), [two])
  assert.equal(
    (await ask('POST /mixin/mine/', { 'Content-Type': 'application/json' }, JSON.stringify([one]))).status,
    200,
  )
  assert.deepEqual(await tagged(), [one, two])
  assert.equal((await ask('DELETE /mixin/mine/', {}, list(two))).status, 200)
  assert.deepEqual(await tagged(), [one])
  assert.equal((await ask('DELETE /mixin/mine/')).status, 200)
  assert.deepEqual(await tagged(), [])
  // As part of an entity, new or not.
  const three = await create(MINE)
  assert.deepEqual(await tagged(), [three])
  assert.equal((await ask(`POST ${one}`, {}, MINE)).status, 200)
  assert.deepEqual((await tagged()).toSorted(), [one, three].toSorted())
  const renamed = await ask(`POST ${one}`, {}, 'X-OCCI-Attribute: occi.core.title="kept"')
  assert.match(textOf(renamed), /Category: mine; /)
  assert.equal((await ask('POST /mixin/mine/', {}, list('/compute/none'))).status, 404)
  assert.equal((await ask('POST /mixin/mine/', {}, list('/elsewhere/x'))).status, 400)
})

test('acts on all that carry it', async (t) => {
  const { ask, create } = await openOcci(t)
  await ask('POST /-/', {}, FULL)
  const [tagged, other] = [await create(MINE), await create()]
  assert.equal((await ask('POST /mixin/mine/?action=stop')).status, 200)
  assert.match(textOf(await ask(`GET ${tagged}`)), /state="inactive"/)
  assert.match(textOf(await ask(`GET ${other}`)), /state="active"/)
  assert.equal((await ask('POST /mixin/mine/?action=restart')).status, 409)
  assert.equal((await ask('POST /mixin/mine/?action=explode')).status, 400)
  assert.equal((await ask('POST /os_tpl/memory-debian/?action=start')).status, 200)
  assert.match(textOf(await ask(`GET ${tagged}`)), /state="active"/)
})

test('deletes it, and leaves nothing of it on entities', async (t) => {
  const { ask, create } = await openOcci(t)
  await ask('POST /-/', {}, FULL)
  const path = await create(MINE)
  assert.equal((await ask('DELETE /-/', filter)).status, 200)
  assert.equal((await ask('GET /mixin/mine/')).status, 404)
  assert.doesNotMatch(textOf(await ask(`GET ${path}`)), /mine/)
  await ask('POST /-/', {}, FULL)
  assert.deepEqual(pathsIn(await ask('GET /mixin/mine/')), [], 'a new one of the same name starts empty')
  assert.equal((await ask('DELETE /-/', {}, MINE)).status, 200)
  assert.equal((await ask('DELETE /-/', {}, MINE)).status, 404)
  assert.equal((await ask('DELETE /-/', {}, '')).status, 400)
  const builtIn = 'Category: os_tpl; scheme="http://schemas.ogf.org/occi/infrastructure#"'
  assert.equal((await ask('DELETE /-/', {}, builtIn)).status, 403)
})

test('mixins of ours are neither put on nor taken away', async (t) => {
  const { ask, create } = await openOcci(t)
  const path = await create()
  for (const place of ['/os_tpl/memory-debian/', '/user_data/', '/openstack_public_key/', '/delivery/', '/ipnetwork/'])
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.equal((await ask(`${method} ${place}`, {}, `X-OCCI-Location: ${URL_BASE}${path}`)).status, 409, place)
})
