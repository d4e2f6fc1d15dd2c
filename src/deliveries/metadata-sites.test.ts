import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import { isCloudError } from '../model/errors.ts'
import { createMetadataServer } from './metadata-http.ts'
import type { Identity } from './metadata-identity.ts'
import { settle, type Reply } from './metadata-reply.ts'
import { siteContextsIn } from './metadata-sites.ts'
import { metadataToken } from './metadata-token.ts'
import { createMetadataHandler, type MetadataRequest } from './metadata.ts'

const NOW = 1_700_000_000_000
const MINUTE_MS = 60_000
const MAX_BYTES = 16 * 1024 * 1024

const root = mkdtempSync(join(tmpdir(), 'bellhop-sites-'))
const cleanUp: (() => Promise<void>)[] = []
after(async () => {
  for (const step of cleanUp) await step()
  rmSync(root, { recursive: true })
})

let folders = 0
/** A folder with one site context, what is logged of it, and a handler that serves it to {@link WEB} and {@link BARE}. */
async function site() {
  const folder = join(root, `site-${++folders}`)
  mkdirSync(folder)
  const tarBall = gzipSync(Buffer.from(`scripts of site ${folders}`))
  writeFileSync(join(folder, 'default.tgz'), tarBall)
  const log: string[] = []
  const siteContexts = await siteContextsIn(folder, (line) => log.push(line))
  const handler = createMetadataHandler({ source: sampleSource(WEB, BARE), secret: SECRET, siteContexts })
  const ask = async (path: string, { now, ...request }: Partial<MetadataRequest> & { readonly now?: number } = {}) =>
    handler.handle({ caller: WEB.guestId, method: 'GET', path, headers: [], ...request }, now ?? NOW)
  return { folder, tarBall, log, siteContexts, ask }
}

describe('a site context', () => {
  it('is its bytes for every known guest, with double slashes too, and recorded as an access', async () => {
    const { ask, tarBall } = await site()
    for (const path of ['/context/default.tgz', '//context//default.tgz']) {
      const reply = await ask(path)
      assert.equal(reply.status, 200)
      assert.deepEqual(Buffer.from(reply.body), tarBall)
      assert.match(reply.head, new RegExp(`\r\nContent-Length: ${tarBall.length}\r\n`))
    }
    const { event } = await ask('/context/default.tgz', { caller: BARE.guestId })
    assert.deepEqual(event, {
      at: NOW,
      instanceId: BARE.guestId,
      revision: 1,
      kind: 'access',
      source: 'metadata',
      evidence: 'access',
      method: 'metadata',
      path: '/context/default.tgz',
      bytes: tarBall.length,
    })
  })

  it('is recorded once in a minute for a guest, and not for HEAD', async () => {
    const { ask } = await site()
    const recorder = sampleRecorder()
    const fetch = async (request: Parameters<typeof ask>[1]): Promise<void> =>
      settle(await ask('/context/default.tgz', request), recorder)
    await fetch({ method: 'HEAD' })
    assert.equal(recorder.events.length, 0)
    await fetch({})
    await fetch({ now: NOW + MINUTE_MS - 1 })
    assert.equal(recorder.events.length, 1)
    await fetch({ caller: BARE.guestId })
    await fetch({ now: NOW + MINUTE_MS })
    assert.equal(recorder.events.length, 3)
  })

  it('is nothing to whoever is not known, and takes no other methods', async () => {
    const { ask } = await site()
    for (const caller of [undefined, 'nobody'])
      assert.deepEqual(await ask('/context/default.tgz', { caller }), await ask('/nosuch', { caller }))
    const refused = await ask('/context/default.tgz', { method: 'POST' })
    assert.equal(refused.status, 405)
    assert.match(refused.head, /\r\nAllow: GET, HEAD\r\n/)
  })

  it('is not there where none is, none is configured, or it is no file', async () => {
    const { ask, folder, log } = await site()
    mkdirSync(join(folder, 'folder.tgz'))
    execFileSync('sh', ['-c', 'mkfifo pipe.tgz'], { cwd: folder })
    symlinkSync('/nowhere', join(folder, 'dangling.tgz'))
    const absent = [
      'other.tgz',
      'folder.tgz',
      'pipe.tgz',
      'dangling.tgz',
      'default.tar.gz',
      '',
      `${'x'.repeat(300)}.tgz`,
    ]
    for (const name of absent)
      for (const method of ['GET', 'HEAD', 'POST'])
        assert.equal((await ask(`/context/${name}`, { method })).status, 404, name)
    assert.deepEqual(log, [])
    const without = createMetadataHandler({ source: sampleSource(WEB), secret: SECRET })
    const asked = { caller: WEB.guestId, method: 'GET', path: '/context/default.tgz', headers: [] }
    assert.equal((await without.handle(asked, NOW)).status, 404)
  })

  it('never comes from outside its folder', async () => {
    const { ask } = await site()
    writeFileSync(join(root, 'secret.tgz'), 'a secret')
    const step = fc.constantFrom('..', '.', '%2e%2e', '%2F', '/', 'context', 'secret.tgz', 'default.tgz', root, '\\')
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
        const { body } = await ask(`/context/${steps.join('/')}`)
        assert.ok(!Buffer.from(body).includes('a secret'))
      }),
    )
  })

  it('is another once its file has changed, even where size and time of change are as they were', async () => {
    const { ask, folder, tarBall } = await site()
    const file = join(folder, 'default.tgz')
    utimesSync(file, 1, 1)
    assert.deepEqual(Buffer.from((await ask('/context/default.tgz')).body), tarBall)
    const changed = Buffer.alloc(tarBall.length, 'x')
    writeFileSync(`${file}.new`, changed)
    utimesSync(`${file}.new`, 1, 1)
    renameSync(`${file}.new`, file)
    assert.deepEqual(Buffer.from((await ask('/context/default.tgz')).body), changed)
    rmSync(file)
    assert.equal((await ask('/context/default.tgz')).status, 404)
  })

  it('is read once, however many ask', async () => {
    const { siteContexts } = await site()
    const all = await Promise.all(Array.from({ length: 20 }, () => siteContexts.find('default.tgz')))
    const later = await siteContexts.find('default.tgz')
    assert.equal(new Set([...all, later]).size, 1)
  })

  it('has at most 16 MiB: a larger one is not there, and the log tells so once', async () => {
    const { ask, folder, log } = await site()
    writeFileSync(join(folder, 'largest.tgz'), Buffer.alloc(MAX_BYTES))
    writeFileSync(join(folder, 'larger.tgz'), Buffer.alloc(MAX_BYTES + 1))
    assert.equal((await ask('/context/largest.tgz')).status, 200)
    for (let i = 0; i < 3; i++) assert.equal((await ask('/context/larger.tgz')).status, 404)
    assert.deepEqual(log, [
      `metadata: the site context larger.tgz is ${MAX_BYTES + 1} bytes; guests get at most ${MAX_BYTES}`,
    ])
  })

  it('that cannot be read is not there, and the log tells so once', async () => {
    const { ask, folder, log } = await site()
    // A file whose first bytes nobody can read, not even root.
    symlinkSync('/proc/self/mem', join(folder, 'broken.tgz'))
    for (let i = 0; i < 3; i++) assert.equal((await ask('/context/broken.tgz')).status, 404)
    assert.equal(log.length, 1)
    assert.match(log.join(), /^metadata: the site context broken\.tgz cannot be read: /)
  })
})

describe('the folder of site contexts', () => {
  it('must be one', async () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    for (const path of [join(root, 'nowhere'), file])
      await assert.rejects(
        siteContextsIn(path, () => {}),
        (error) =>
          isCloudError(error, 'invalid') &&
          error.message.startsWith(`configuration: metadata.siteContextsDir: ${path} `),
      )
  })
})

describe('on a listener', () => {
  const signed = {
    'X-Forwarded-For': '10.77.0.5',
    'X-Instance-ID': WEB.guestId,
    'X-Instance-ID-Signature': createHmac('sha256', 'shared').update(WEB.guestId).digest('hex'),
    'X-Tenant-ID': 'project',
  }
  const LISTENERS = {
    address: { identity: { by: 'address', find: () => WEB.guestId }, headers: {} },
    signature: {
      identity: {
        by: 'signature',
        sharedSecret: 'shared',
        find: async () => ({ instanceId: WEB.guestId, projectId: 'project' }),
      },
      headers: signed,
    },
  } as const satisfies Record<string, { readonly identity: Identity; readonly headers: RequestOptions['headers'] }>

  async function serverOf() {
    const { siteContexts, tarBall } = await site()
    const recorder = sampleRecorder()
    const socketsDir = join(root, `sockets-${folders}`)
    const options = { source: sampleSource(WEB), recorder, secret: SECRET, log: () => {}, socketsDir, siteContexts }
    const server = createMetadataServer(options)
    cleanUp.push(() => server.close())
    return { server, tarBall, events: recorder.events }
  }

  async function get(options: RequestOptions): Promise<{ readonly response: IncomingMessage; readonly body: Buffer }> {
    const asked = request({ agent: false, path: '/context/default.tgz', ...options }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return { response, body: await buffer(response) }
  }

  for (const by of ['address', 'signature'] as const)
    it(`by ${by} it comes whole, with a charset that keeps every byte where an agent makes text of it`, async () => {
      const { server, tarBall, events } = await serverOf()
      const { identity, headers } = LISTENERS[by]
      const { port } = await server.listen({ host: '127.0.0.1', port: 0, identity })
      const { response, body } = await get({ port, headers })
      assert.equal(response.statusCode, 200)
      assert.deepEqual(body, tarBall)
      if (by === 'signature') assert.match(response.headers['content-type'] ?? '', /charset=ISO-8859-1$/)
      assert.deepEqual(
        events.map(({ kind, path }) => [kind, path]),
        [['access', '/context/default.tgz']],
      )
    })

  it('of a socket it comes whole', async () => {
    const { server, tarBall } = await serverOf()
    const { socketPath } = await server.offer(WEB.guestId)
    assert.deepEqual((await get({ socketPath })).body, tarBall)
  })

  it('by token it is not: HEPiX knows no path with a token', async () => {
    const { server } = await serverOf()
    const { port } = await server.listen({ host: '127.0.0.1', port: 0, identity: { by: 'token' } })
    const token = metadataToken(SECRET, WEB.guestId)
    for (const path of ['/context/default.tgz', `/context/${token}/default.tgz`, `/seed/${token}/context/default.tgz`])
      assert.equal((await get({ port, path })).response.statusCode, 404, path)
  })
})

/** What amiconfig and uCernVM ask for, as they ask for it. */
describe('a guest with amiconfig or uCernVM', () => {
  const handler = createMetadataHandler({ source: sampleSource(WEB, BARE), secret: SECRET })
  const ask = async (path: string, caller = WEB.guestId): Promise<Reply> =>
    handler.handle({ caller, method: 'GET', path, headers: [] }, NOW)
  const text = ({ body }: Reply): string => Buffer.from(body).toString('utf8')

  it('finds its user data, whatever the date and the slashes', async () => {
    const paths = ['/2007-12-15//user-data', '/2007-12-15/user-data', '/latest//user-data', '/2016-04-19/user-data']
    for (const path of [...paths, '/openstack/2013-10-17/user_data', '/latest/user-data']) {
      const reply = await ask(path)
      assert.deepEqual(Buffer.from(reply.body), Buffer.from(WEB.userData ?? []), path)
      assert.equal(reply.event?.kind, 'fetched', path)
    }
  })

  it('sees in the listing of its version, without a slash, that there are user data and metadata', async () => {
    const names = text(await ask('/2007-12-15')).split('\n')
    assert.ok(names.some((name) => name.startsWith('user-data')))
    assert.ok(names.some((name) => name.startsWith('meta-data')))
  })

  it('finds in that version what it reads, and never HTML, nor a header Server', async () => {
    const leaves = [
      'ami-id',
      'ami-launch-index',
      'ami-manifest-path',
      'instance-id',
      'local-hostname',
      'public-hostname',
    ]
    const folders = [
      'public-ipv4',
      'reservation-id',
      'public-keys/',
      'public-keys/0/openssh-key',
      'block-device-mapping/',
    ]
    for (const name of [...leaves, ...folders]) {
      const { status, head } = await ask(`/2007-12-15//meta-data/${name}`)
      assert.equal(status, 200, name)
      assert.match(head, /\r\nContent-Type: text\/plain/, name)
      assert.doesNotMatch(head, /\r\nServer:/i, name)
    }
    assert.match(text(await ask('/2007-12-15//meta-data/public-keys/')), /^0=/)
  })

  it('is told without user data that there are none, and still who it is', async () => {
    assert.equal((await ask('/2016-04-19/user-data', BARE.guestId)).status, 404)
    const id = await ask('/2016-04-19/meta-data/ami-id', BARE.guestId)
    assert.equal(id.status, 200)
    assert.notEqual(text(id), '')
  })

  it('does not think itself at Google', async () => {
    const attributes = '/computeMetadata/v1/instance/attributes'
    for (const path of [`${attributes}/user-data`, `${attributes}/cvm-user-data`, '/computeMetadata/v1/instance/id'])
      assert.equal((await ask(path)).status, 404, path)
  })
})
