import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { occiJson } from '../../src/frontends/occi/json.ts'
import {
  typeId,
  type Category,
  type Codec,
  type Link,
  type Representation,
  type Value,
} from '../../src/frontends/occi/representation.ts'
import { textOcci, textPlain } from '../../src/frontends/occi/text.ts'
import { MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

const I = 'http://schemas.ogf.org/occi/infrastructure#'
const below = (path: string): string => `http://schemas.ogf.org/occi/infrastructure/${path}#`
const SCRIPT = Buffer.from('#!/bin/sh\necho "one; two, three" > /tmp/x\n').toString('base64')

const category = (scheme: string, term: string, kind: Category['class'] = 'mixin'): Category => ({
  scheme,
  term,
  ...(kind ? { class: kind } : {}),
})
const linkTo = (target: string, rel: string, kind: string): Link => ({
  target,
  rel: `${I}${rel}`,
  categories: [`${I}${kind}`],
  attributes: new Map(),
})

/** What a client says. */
interface Said extends Partial<Omit<Representation, 'attributes'>> {
  readonly attributes?: Readonly<Record<string, Value>>
}

/** A client that speaks one rendering over HTTP. */
function client({ ask }: Gateway, codec: Codec) {
  const [type = ''] = codec.contentType.split(';')

  async function send(
    method: string,
    path: string,
    said?: Said,
  ): Promise<Representation & { readonly status: number }> {
    const entity = {
      categories: said?.categories ?? [],
      links: said?.links ?? [],
      attributes: new Map(Object.entries(said?.attributes ?? {})),
      locations: [],
    }
    const shows = said?.locations
      ? ({ shows: 'collection', urls: said.locations } as const)
      : ({ shows: 'entity', entity } as const)
    const rendered = said ? codec.render(shows) : { headers: [], body: '' }
    const response = await ask(path, {
      method,
      headers: { ...Object.fromEntries(rendered.headers), Accept: type, ...(said ? { 'Content-Type': type } : {}) },
      ...(said && !codec.inHeaders ? { body: bodyOf(codec, said, rendered.body) } : {}),
    })
    assert.equal(response.headers.get('content-type')?.split(';')[0], type, `${method} ${path}`)
    const body = Buffer.from(await response.arrayBuffer())
    if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${body.toString()}`)
    // text/occi says where it is in two headers.
    const headers = [...response.headers].filter(([name]) => name !== 'location')
    const all = codec.parse({ headers, body })
    return { ...merged(all), status: response.status }
  }

  return {
    send,
    /** Makes one, and gives its path. */
    make: async (path: string, said: Said): Promise<string> => {
      const { status, locations } = await send('POST', path, said)
      assert.equal(status, 201)
      return toPath(locations[0] ?? assert.fail())
    },
    show: async (path: string) => await send('GET', path),
    /** Paths, or ids below the path where the rendering shows entities. */
    list: async (path: string): Promise<readonly string[]> => {
      const { locations } = await send('GET', path)
      return locations.map(toPath)
    },
  }
}

function toPath(location: string): string {
  return URL.canParse(location) ? new URL(location).pathname : location
}

/** Locations and actions have forms of their own in JSON, which answers never have. */
function bodyOf(codec: Codec, { locations, categories = [], attributes }: Said, body: string): string {
  const [action] = categories
  if (!codec.showsEntities) return body
  if (locations) return JSON.stringify(locations)
  return action?.class === 'action' ? JSON.stringify({ action: typeId(action), attributes }) : body
}

/** Several entities, as JSON has them in lists, as one with their paths. */
function merged(all: readonly Representation[]): Representation {
  const [first, ...more] = all
  assert.ok(first)
  const paths = all.flatMap(({ categories, attributes }) => {
    const [kind] = categories
    const id = attributes.get('occi.core.id')
    return id === undefined || !kind ? [] : [`/${kind.term}/${id}`]
  })
  if (more.length > 0) return { ...first, locations: paths }
  return first.locations.length > 0 ? first : { ...first, locations: paths }
}

for (const codec of [textPlain('text/plain'), textOcci, occiJson('application/occi+json')])
  describe(`all of OCCI in ${codec.contentType.split(';')[0]}`, () => {
    test('over HTTP, from discovery to the last DELETE', { timeout: 60_000 }, async (t) => {
      const gateway = await startGateway(t, { config: MEMORY_CONFIG })
      const { send, make, show, list } = client(gateway, codec)

      const { categories } = await show('/-/')
      const ids = new Set(categories.map(typeId))
      for (const id of [`${I}compute`, `${I}storagelink`, `${below('compute/action')}save`, `${I}os_tpl`])
        assert.ok(ids.has(id), id)
      const image = categories.find(({ term }) => term === 'memory-debian') ?? assert.fail()
      const size = categories.find(({ term }) => term === 'memory-large') ?? assert.fail()

      const network = await make('/network/', {
        categories: [category(I, 'network', 'kind'), category(below('network'), 'ipnetwork')],
        attributes: { 'occi.core.title': 'mine', 'occi.network.address': '192.0.2.0/24', 'occi.network.vlan': 7 },
      })
      const storage = await make('/storage/', {
        categories: [category(I, 'storage', 'kind')],
        attributes: { 'occi.core.title': 'data', 'occi.storage.size': 1.5 },
      })
      const compute = await make('/compute/', {
        categories: [
          category(I, 'compute', 'kind'),
          category(image.scheme, image.term),
          category(size.scheme, size.term),
          category('http://schemas.openstack.org/compute/instance#', 'user_data'),
        ],
        links: [linkTo(network, 'network', 'networkinterface'), linkTo(storage, 'storage', 'storagelink')],
        attributes: { 'occi.core.title': 'vm', 'org.openstack.compute.user_data': SCRIPT },
      })

      const shown = await show(compute)
      assert.equal(shown.attributes.get('occi.compute.state'), 'active')
      assert.equal(String(shown.attributes.get('occi.compute.cores')), '4')
      assert.match(String(shown.attributes.get('bellhop.userdata.format')), /^script/)
      const links = shown.links.filter(({ categories: kinds }) => kinds.length > 0)
      assert.deepEqual(new Set(links.map(({ target }) => target)), new Set([network, storage]))
      const cards = await list('/networkinterface/')
      const card = await show(cards[0] ?? assert.fail())
      assert.equal(card.attributes.get('occi.networkinterface.address'), '192.0.2.1')

      assert.deepEqual(await list('/compute/'), [compute])
      assert.deepEqual(await list('/storage/?page=1&number=1'), [storage])
      assert.deepEqual(await list(`/os_tpl/${image.term}/`), [compute])
      // Links that JSON has beside the resources they begin at are read as parts of these.
      assert.equal((await list('/')).length, codec.showsEntities ? 4 : 6)
      assert.equal((await list('/link/')).length, 2)

      const renamed = await send('POST', compute, { attributes: { 'occi.core.title': 'new' } })
      assert.equal(renamed.attributes.get('occi.core.title'), 'new')
      const { categories: kinds, links: all, attributes } = renamed
      const echoed = await send('PUT', compute, {
        categories: kinds,
        links: all,
        attributes: Object.fromEntries(attributes),
      })
      assert.deepEqual(echoed.attributes, attributes)

      const act = (path: string, kind: string, term: string, given: Said['attributes'] = {}) =>
        send('POST', `${path}?action=${term}`, {
          categories: [category(below(`${kind}/action`), term, 'action')],
          attributes: given,
        })
      const stopped = await actions(codec, act, compute)
      assert.equal(stopped.attributes.get('occi.compute.state'), 'inactive')
      const resized = await actions(codec, act, storage)
      assert.equal(Number(resized.attributes.get('occi.storage.size')), 2)

      const disk = links.find(({ target }) => target === storage)
      const link = (await list('/storagelink/'))[0] ?? assert.fail()
      if (disk?.self !== undefined) assert.equal(disk.self, link)
      await send('DELETE', link)
      assert.deepEqual(await list('/storagelink/'), [])
      const again = await make('/storagelink/', {
        categories: [category(I, 'storagelink', 'kind')],
        attributes: { 'occi.core.source': compute, 'occi.core.target': storage },
      })
      assert.deepEqual(await list('/storagelink/'), [again])

      await tags(gateway, { send, list }, compute, storage)
      for (const path of ['/compute/', '/storage/', '/network/']) assert.equal((await send('DELETE', path)).status, 200)
      assert.deepEqual(await list('/compute/'), [])
      assert.deepEqual(await list('/link/'), [])
      assert.deepEqual(await list('/'), ['/network/memory-public'])
    })
  })

type Act = (path: string, kind: string, term: string, given?: Said['attributes']) => Promise<Representation>

/** JSON calls an action by its id; text by its Category. */
async function actions(codec: Codec, act: Act, path: string): Promise<Representation> {
  const [, kind = ''] = path.split('/')
  if (kind === 'storage') {
    await act(path, kind, 'snapshot')
    return await act(path, kind, 'resize', { size: 2 })
  }
  await act(path, kind, 'suspend')
  await act(path, kind, 'start')
  const saved = await act(path, kind, 'save', { name: `from ${codec.contentType}` })
  assert.match(saved.categories[0]?.term ?? '', /^memory-from-/)
  return await act(path, kind, 'stop', { method: 'poweroff' })
}

/** Tags are made, put on, taken away and deleted. */
async function tags(
  { ask }: Gateway,
  { send, list }: Pick<ReturnType<typeof client>, 'send' | 'list'>,
  ...[first, second]: readonly [string, string]
): Promise<void> {
  const tag = 'Category: tag; scheme="http://example.org/#"; class="mixin"'
  const made = await ask('/-/', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: tag })
  assert.equal(made.status, 200)
  await send('POST', '/mixin/tag/', { locations: [first] })
  assert.deepEqual(await list('/mixin/tag/'), [first])
  await send('PUT', '/mixin/tag/', { locations: [second] })
  assert.deepEqual(await list('/mixin/tag/'), [second])
  await send('POST', '/mixin/tag/', { locations: [first] })
  assert.equal((await list('/mixin/tag/')).length, 2)
  await send('DELETE', '/mixin/tag/')
  assert.deepEqual(await list('/mixin/tag/'), [])
  const gone = await ask('/-/', { method: 'DELETE', headers: { 'Content-Type': 'text/plain' }, body: tag })
  assert.equal(gone.status, 200)
}

test('a gateway whose tokens come from Keystone says so, once', { timeout: 60_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-clouds-'))
  t.after(() => rm(folder, { recursive: true }))
  const clouds = { clouds: { site: { auth: { auth_url: 'https://keystone.example.org:5000/v3/' } } } }
  await writeFile(join(folder, 'clouds.json'), JSON.stringify(clouds))
  process.env['OS_CLIENT_CONFIG_FILE'] = join(folder, 'clouds.json')
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const site = '[providers.site]\ndriver = "openstack"\ncloud = "site"\nrights = "caller"\n'
  const { url } = await startGateway(t, { config: `${MEMORY_CONFIG}${site}` })
  const response = await fetch(new URL('/-/', url), { method: 'HEAD' })
  assert.equal(response.status, 401)
  assert.equal(response.headers.get('www-authenticate'), "Keystone uri='https://keystone.example.org:5000'")
})

test('a gateway that is told so takes and shows raw user data', { timeout: 60_000 }, async (t) => {
  const occi = '[occi]\nuserDataEncoding = "raw"\nshowUserData = true\n'
  const { ask } = await startGateway(t, { config: `${occi}${MEMORY_CONFIG}` })
  const attribute = 'X-OCCI-Attribute: occi.compute.userdata="echo a; echo b"'
  const made = await ask('/compute/', {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: `Category: compute; scheme="${I}"; class="kind"\n${attribute}`,
  })
  assert.equal(made.status, 201)
  const shown = await (await ask(new URL(made.headers.get('location') ?? '').pathname)).text()
  assert.ok(shown.split('\n').includes(attribute), shown)
})
