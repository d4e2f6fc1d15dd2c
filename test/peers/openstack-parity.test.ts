import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { createMetadataHandler } from '../../src/deliveries/metadata.ts'
import { contextSource } from '../../src/service/context.ts'
import { differencesFor, type Answer, type Asked, type KeyNames } from './openstack/parity-differences.ts'
import { makeBare, makeFull, openParitySite, type ParityServer, type ParitySite } from './openstack/parity-servers.ts'
import { askNova, askOurs, walk, type Ask } from './openstack/parity-walk.ts'
import { openStackPeer } from './openstack/peer.ts'
import { untilHolds } from './openstack/rest.ts'

/** Nova's metadata service keeps its answers for 15 s, in each of its processes. */
const CACHE_PATIENCE_MS = 60_000
const DOCS = new URL('../../docs/reference/metadata-parity.md', import.meta.url)

/** What no listing shows, or not so. */
const UNLISTED = [
  '//',
  '/.',
  '/ec2/',
  '/openstack/',
  '//latest//meta-data///instance-type',
  '/latest/./meta-data/',
  '/latest/nosuch/../meta-data',
  '/../../latest',
  '/latest%2Fmeta-data%2Finstance-type',
  '/latest/%2e%2e/openstack/latest',
  '/latest/meta-data/instance-type?with=query',
  '/latest/meta-data/instance-act%69on',
  '/Latest',
  '/nosuch',
  '/meta-data',
  '/user-data',
  '/ec2/ec2/latest',
  '/ec2/openstack',
  '/openstack/ec2',
  '/openstack/openstack/latest',
  '/1.1',
  '/2009-04-05',
  '/2021-03-23/meta-data/',
  '/ec2/2021-03-23/meta-data/ami-id/',
  '/9999-12-31/user-data',
  '/openstack/2009-04-04',
  '/openstack/2012-08-10/nosuch',
  '/openstack/2099-01-01',
  '/openstack/2012-08-10/password',
  '/openstack/2012-08-10/vendor_data.json',
  '/openstack/2012-08-10/network_data.json',
  '/openstack/2013-04-04/vendor_data2.json',
  '/openstack/latest/version',
  '/openstack/2012-08-10/version/',
  '/openstack/latest/version/x',
  '/openstack/latest/meta_data.json/x',
  '/openstack/latest/password/x',
  '/openstack/content',
  '/openstack/content/0000',
  '/openstack/content/0000/x',
  '/latest/nosuch',
  '/latest/meta-data/nosuch',
  '/latest/meta-data/nosuch/x',
  '/latest/meta-data/mac',
  '/latest/meta-data/constructor',
  '/latest/meta-data/placement/region',
  '/latest/meta-data/hostname/x/y',
  '/latest/meta-data/security-groups/nosuch',
  '/latest/meta-data/public-keys/0=nosuch',
  '/latest/meta-data/public-keys/0/_name',
  '/latest/meta-data/public-keys/1',
  '/latest/api/token',
  '/2007-01-19/meta-data/instance-type',
  '/2008-02-01/meta-data/instance-action',
  '/%',
  '/latest/meta-data/%zz',
  '/seed/meta-data',
  '/cimi/latest/user-data',
  '/report',
] as const

/** What makes Nova fail, whatever the server has. */
const FATAL = [
  '/latest/meta-data/hostname/x',
  '/ec2/2009-04-04/meta-data/hostname/x',
  '/latest/meta-data/placement/availability-zone/x',
  '/latest/meta-data/ami-launch-index/x',
  '/openstack/latest/content',
  '/latest/meta-data/%ff',
] as const

describe("Bellhop's metadata beside Nova's, of the same servers in the same run", () => {
  it('differs from it where the documentation says so, and nowhere else', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const site = await openParitySite(t, peer)
    const used = new Set<string>()
    const full = await makeFull(site)
    const bare = await makeBare(site)

    for (const [what, { instance, key }, fatal] of [
      ['has everything', full, ['/latest/user-data/x', '/latest/meta-data/security-groups/web']],
      ['has nothing', bare, []],
    ] as const)
      await t.test(`of a server that ${what}`, async () => {
        const sides = sidesOf(site, instance)
        const questions = await questionsOf(sides, [...UNLISTED, ...FATAL, ...fatal])
        for (const path of [...FATAL, ...fatal])
          assert.equal((await sides.nova({ method: 'GET', path, isKnown: true })).status, 0, `${path} makes Nova fail`)
        const unexplained: object[] = []
        await eachOf(questions, 8, async (asked) => {
          const left = await compare(sides, asked, key, used)
          if (left) unexplained.push(left)
        })
        assert.deepEqual(unexplained, [])
        assert.ok(questions.length > 1000, `only ${questions.length} questions were asked`)
        t.diagnostic(`${questions.length} questions about the server that ${what}`)
      })

    await t.test('keeps the first password, of at most 1020 bytes', async () => {
      await comparePasswords(sidesOf(site, full.instance), full.key, used)
    })

    await t.test('is documented, row by row', async () => {
      const named = differencesFor(full.key).map(({ where }) => where)
      assert.deepEqual(await documented(), named)
      assert.deepEqual(
        named.filter((where) => !used.has(where)),
        [],
        'these differences are none any more',
      )
    })
  })
})

interface Sides {
  readonly nova: Ask
  readonly ours: Ask
  readonly metadataUrl: string
  readonly identity: Readonly<Record<string, string>>
}

function sidesOf({ peer, own, bellhop }: ParitySite, { id, remoteId }: ParityServer['instance']): Sides {
  const handler = createMetadataHandler({ source: contextSource(bellhop.store), secret: randomBytes(32) })
  const identity = {
    'X-Instance-ID': remoteId,
    'X-Instance-ID-Signature': createHmac('sha256', peer.metadataSharedSecret).update(remoteId).digest('hex'),
    'X-Tenant-ID': own.id,
  }
  const { metadataUrl } = peer
  return { nova: askNova(metadataUrl, identity), ours: askOurs(handler, id), metadataUrl, identity }
}

/** All that either side lists, each also with a slash and by HEAD, and what neither lists. */
async function questionsOf({ nova, ours }: Sides, more: readonly string[]): Promise<readonly Asked[]> {
  const listed = new Set([...(await walk(nova)), ...(await walk(ours))])
  const paths = new Set([...listed, ...[...listed].map((path) => `${path}/`), ...more])
  const read = ['GET', 'HEAD'].flatMap((method) => [...paths].map((path) => ({ method, path, isKnown: true })))
  const written = ['PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'].flatMap((method) =>
    [
      '/latest/meta-data/hostname',
      '/openstack/latest/meta_data.json',
      '/nosuch',
      '/latest/api/token',
      '/openstack',
    ].map((path) => ({ method, path, isKnown: true })),
  )
  const others = ['PUT', 'DELETE', 'PATCH'].map((method) => ({
    method,
    path: '/openstack/latest/password',
    isKnown: true,
  }))
  const unknown = ['/', '/latest', '/openstack/latest/meta_data.json'].map((path) => ({
    method: 'GET',
    path,
    isKnown: false,
  }))
  return [...read, ...written, ...others, ...unknown]
}

/** @returns what is left of the difference once all that are meant are taken away */
async function compare(
  sides: Sides,
  asked: Asked,
  key: KeyNames,
  used: Set<string>,
  body?: Uint8Array,
): Promise<object | undefined> {
  let pair = { nova: await sides.nova(asked, body), ours: await sides.ours(asked, body) }
  for (const { where, level } of differencesFor(key)) {
    if (isSame(pair.nova, pair.ours)) return undefined
    const before = pair
    pair = level(pair, asked)
    if (!isSame(pair.nova, before.nova) || !isSame(pair.ours, before.ours)) used.add(where)
  }
  return isSame(pair.nova, pair.ours) ? undefined : { ...asked, ...pair }
}

function isSame(a: Answer, b: Answer): boolean {
  return a.status === b.status && a.type === b.type && a.body === b.body
}

async function comparePasswords(sides: Sides, key: KeyNames, used: Set<string>): Promise<void> {
  const path = '/openstack/2013-04-04/password'
  const post = (body: Uint8Array): Promise<object | undefined> =>
    compare(sides, { method: 'POST', path, isKnown: true }, key, used, body)
  // Without a length Nova drops the connection; ours is a body of none.
  assert.equal(await novaWithoutLength(sides, path), '')
  assert.equal((await sides.ours({ method: 'POST', path, isKnown: true })).status, 400)
  assert.equal(await post(new Uint8Array()), undefined)
  assert.equal(await post(new Uint8Array(1021)), undefined)
  const password = Buffer.from(randomBytes(256).toString('base64'))
  assert.equal(await post(password), undefined)
  const get = { method: 'GET', path, isKnown: true }
  assert.equal((await sides.ours(get)).body, password.toString('latin1'))
  let seen = 0
  await untilHolds('all of Nova has the password', CACHE_PATIENCE_MS, async () => {
    seen = (await sides.nova(get)).body === '' ? 0 : seen + 1
    return seen === 20
  })
  for (const method of ['GET', 'HEAD']) assert.equal(await compare(sides, { ...get, method }, key, used), undefined)
  assert.equal(await post(password), undefined)
  assert.equal((await sides.ours({ method: 'POST', path, isKnown: true }, password)).status, 409)
}

/** What Nova answers to a POST of which nothing says how long it is. */
async function novaWithoutLength({ metadataUrl, identity }: Sides, path: string): Promise<string> {
  const { hostname, port } = new URL(metadataUrl)
  const socket = connect(Number(port), hostname)
  const headers = Object.entries({ Host: hostname, ...identity }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`POST ${path} HTTP/1.1\r\n${headers.join('')}\r\n`)
  return await text(socket)
}

/** The first cells of the table of differences. */
async function documented(): Promise<readonly string[]> {
  const lines = (await readFile(DOCS, 'utf8')).split('\n')
  const start = lines.findIndex((line) => line.startsWith('| where |'))
  const after = lines.slice(start + 2)
  return after
    .slice(
      0,
      after.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) => line.split(' | ')[0]?.slice(2) ?? '')
}

async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const item of { [Symbol.iterator]: () => left }) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
