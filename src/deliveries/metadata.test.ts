import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import type { Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import type { ContextSource } from './delivery.ts'
import { settle, type Reply } from './metadata-reply.ts'
import { BODY_MAX_BYTES, createMetadataHandler, type MetadataHandlerOptions, type MetadataRequest } from './metadata.ts'

const NOW = 1_700_000_000_000
const MINUTE_MS = 60_000
const TTL = 'x-aws-ec2-metadata-token-ttl-seconds'
const TOKEN = 'x-aws-ec2-metadata-token'

type Ask = (path: string, request?: Partial<MetadataRequest>, now?: number) => Promise<Reply>

/** A handler that knows {@link WEB} and {@link BARE}; asked by WEB unless it is told otherwise. */
function handlerWith(options: Partial<MetadataHandlerOptions> = {}) {
  const source = sampleSource(WEB, BARE)
  const handler = createMetadataHandler({ source, secret: SECRET, ...options })
  const ask: Ask = async (path, request = {}, now = NOW) =>
    handler.handle({ caller: WEB.guestId, method: 'GET', path, headers: [], ...request }, now)
  return { source, handler, ask }
}

const { ask } = handlerWith()

function text({ body }: Reply): string {
  return Buffer.from(body).toString('utf8')
}

function header({ head }: Reply, name: string): string | undefined {
  return new RegExp(`\\r\\n${name}: (.*)\\r\\n`, 'i').exec(head)?.[1]
}

const USER_DATA = text({ body: WEB.userData ?? Buffer.alloc(0) } as Reply)
const TEXT = 'text/plain; charset=UTF-8'

describe('what a guest is told', () => {
  const ANSWERS: Readonly<Record<string, readonly [body: string | RegExp, type: string]>> = {
    '/': [/^1\.0\n2007-01-19\n[^]*\nlatest$/, TEXT],
    '/ec2': [/\nlatest$/, TEXT],
    '/latest': ['dynamic/\nmeta-data/\nuser-data', TEXT],
    '/latest/user-data': [USER_DATA, TEXT],
    '/1.0/user-data': [USER_DATA, TEXT],
    '/2009-04-04/user-data': [USER_DATA, TEXT],
    '/2031-12-31/user-data': [USER_DATA, TEXT],
    '/ec2/2009-04-04/user-data': [USER_DATA, TEXT],
    '/latest/meta-data/hostname': ['web-1.example.org', TEXT],
    '/latest/meta-data/public-keys': ['0=jane', TEXT],
    '/latest/meta-data/public-keys/0': ['openssh-key', TEXT],
    '/latest/meta-data/public-keys/0/openssh-key': [/^ssh-ed25519 \S+ jane$/, TEXT],
    '/latest/dynamic/instance-identity': ['document', TEXT],
    '/openstack': [/^2012-08-10\n[^]*\nlatest$/, TEXT],
    '/openstack/latest': [/^meta_data\.json\nuser_data\npassword\n/, TEXT],
    '/openstack/2012-08-10': ['meta_data.json\nuser_data', TEXT],
    '/openstack/latest/user_data': [USER_DATA, TEXT],
    '/openstack/2013-10-17/user_data': [USER_DATA, TEXT],
    '/openstack/latest/meta_data.json': [/^\{"uuid": "4f8c2b9e/, 'application/json'],
    '/openstack/latest/vendor_data.json': [/^\{"cloud-init": "#cloud-config/, 'application/json'],
    '/openstack/latest/network_data.json': [/^\{"links": /, TEXT],
    '/openstack/latest/password': ['', 'text/html; charset=UTF-8'],
    '/openstack/content/0000': ['good evening\n', TEXT],
    '/seed': ['meta-data\nnetwork-config\nuser-data\nvendor-data', TEXT],
    '/seed/user-data': [USER_DATA, TEXT],
    '/seed/meta-data': [/^\{"instance-id": "4f8c2b9e/, TEXT],
    '/cimi/latest/user-data': [Buffer.from(USER_DATA).toString('base64'), TEXT],
  }

  for (const [path, [body, type]] of Object.entries(ANSWERS))
    it(`stands at ${path}`, async () => {
      const reply = await ask(path)
      assert.equal(reply.status, 200)
      if (typeof body === 'string') assert.equal(text(reply), body)
      else assert.match(text(reply), body)
      assert.equal(header(reply, 'Content-Type'), type)
      assert.equal(header(reply, 'Content-Length'), String(reply.body.length))
    })

  it('is the same at the second request, which asks the source no more', async () => {
    const { ask, source } = handlerWith()
    for (const path of Object.keys(ANSWERS)) {
      const first = await ask(path)
      const second = await ask(path)
      assert.deepEqual([second.status, second.head, text(second)], [200, first.head, text(first)])
    }
    assert.equal(source.asked, 1)
  })

  it('is the same without any memory for what is rendered', async () => {
    const { ask } = handlerWith({ cacheMaxBytes: 0 })
    for (const path of Object.keys(ANSWERS)) assert.equal(text(await ask(path)), text(await ask(path)), path)
  })

  it('is what NoCloud needs, even where there is nothing: four files', async () => {
    for (const name of ['meta-data', 'user-data', 'vendor-data', 'network-config'])
      assert.equal((await ask(`/seed/${name}`, { caller: BARE.guestId })).status, 200, name)
    assert.equal(text(await ask('/seed/user-data', { caller: BARE.guestId })), '')
  })

  it('may be empty, which is not the same as nothing', async () => {
    const source = sampleSource({ ...BARE, userData: Buffer.alloc(0) })
    const { ask } = handlerWith({ source })
    for (const path of ['/latest/user-data', '/openstack/latest/user_data'])
      assert.deepEqual(await statusAndText(ask(path, { caller: BARE.guestId })), [200, ''])
  })

  it('is nothing at all other paths', async () => {
    for (const path of NOWHERE) assert.equal((await ask(path)).status, 404, path)
    for (const path of ['/latest/user-data', '/openstack/latest/user_data', '/cimi/latest/user-data', '/cimi'])
      assert.equal((await ask(path, { caller: BARE.guestId })).status, 404, path)
  })
})

const NOWHERE = [
  '/computeMetadata/v1/instance/attributes/user-data',
  '/metadata/v1/id',
  '/meta-data/',
  '/user-data',
  '/user_data',
  '/2009-4-4/user-data',
  '/latest/user-data/x',
  '/latest/meta-data/hostname/x',
  '/latest/meta-data/public-keys/1',
  '/latest/meta-data/public-keys/0=jane',
  '/openstack/1999-01-01',
  '/openstack/1999-01-01/password',
  '/openstack/2012-08-10/password',
  '/openstack/latest/content',
  '/openstack/content',
  '/openstack/content/0001',
  '/seed/user-data/x',
  '/seed/latest/user-data',
  '/report/x',
  '/LATEST/user-data',
  '/latest/user-data%00',
  '/%ff',
  '/%',
  '*',
  '',
]

async function statusAndText(reply: Promise<Reply>): Promise<readonly [number, string]> {
  const { status, body } = await reply
  return [status, Buffer.from(body).toString('utf8')]
}

describe('a path', () => {
  it('is taken as Nova takes it', async () => {
    const same = [
      '/latest/user-data/',
      '//latest///user-data//',
      '/latest/./user-data',
      '/latest/meta-data/../user-data',
      '/../../latest/user-data',
      '/latest%2Fuser-data',
      '/%2e%2e/latest/user-data',
      '/latest/user-data?raw=1',
      '/latest/user-data#x',
      'http://169.254.169.254/latest/user-data',
    ]
    for (const path of same) assert.deepEqual(await statusAndText(ask(path)), [200, USER_DATA], path)
  })

  it('never leads to a redirect, an error of ours, or to what is of another', async () => {
    const others = text({ body: WEB.userData ?? Buffer.alloc(0) } as Reply)
    const word = fc.oneof(
      fc.constantFrom('latest', 'ec2', 'openstack', 'seed', 'cimi', 'meta-data', 'user-data', 'user_data', 'password'),
      fc.constantFrom('content', '0000', '2013-04-04', 'public-keys', 'report', 'api', 'token', WEB.guestId),
      fc.constantFrom('..', '.', '', '%2e', '%2F', '?', '__proto__'),
    )
    const path = fc.oneof(
      fc.array(word, { maxLength: 6 }).map((words) => `/${words.join('/')}`),
      fc.string({ unit: 'binary', maxLength: 40 }),
    )
    const method = fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'x')
    await fc.assert(
      fc.asyncProperty(path, method, fc.uint8Array({ maxLength: 40 }), async (path, method, body) => {
        const reply = await ask(path, { caller: BARE.guestId, method, body })
        assert.ok([200, 400, 401, 403, 404, 405, 409].includes(reply.status), String(reply.status))
        assert.ok(!text(reply).includes(others))
        assert.ok(!text(reply).includes(WEB.guestId))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a caller', () => {
  it('that is not known learns nothing', async () => {
    for (const path of ['/', '/openstack', '/latest/user-data', '/latest/api/token', '/report', '/nosuch'])
      for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
        for (const caller of [undefined, 'nobody']) {
          const reply = await ask(path, { caller, method, headers: [TTL, '60'] })
          assert.deepEqual(reply, await ask('/nosuch'), `${method} ${path}`)
        }
  })

  it('that is gone is not known any more', async () => {
    const { ask, source, handler } = handlerWith()
    assert.equal((await ask('/latest/user-data')).status, 200)
    source.delete(WEB.guestId)
    await handler.forget(WEB.guestId)
    assert.equal((await ask('/latest/user-data')).status, 404)
  })
})

describe('a new revision', () => {
  const ORDERS = { first: <T>(all: T[]) => all, last: <T>(all: T[]) => all.toReversed() }
  const next: Context = { ...WEB, userData: Buffer.from('next') }

  it('is told after a refresh', async () => {
    const { ask, source, handler } = handlerWith()
    assert.equal(text(await ask('/latest/user-data')), USER_DATA)
    source.set(next, 2)
    handler.refresh(WEB.guestId)
    const reply = await ask('/latest/user-data')
    assert.equal(text(reply), 'next')
    assert.equal(reply.event?.revision, 2)
  })

  for (const [order, toOrder] of Object.entries(ORDERS))
    it(`is told to all that ask after the refresh, also where the old one is found ${order}`, async () => {
      const source = sampleSource(WEB)
      const gates: (() => void)[] = []
      const slow = {
        find: async (id: string) => {
          const found = await source.find(id)
          await new Promise<void>((resolve) => gates.push(resolve))
          return found
        },
      }
      const { ask, handler } = handlerWith({ source: slow })
      const before = ask('/latest/user-data')
      await turn()
      source.set(next, 2)
      handler.refresh(WEB.guestId)
      const after = ask('/latest/user-data')
      await turn()
      for (const open of toOrder(gates)) {
        open()
        await turn()
      }
      assert.ok([USER_DATA, 'next'].includes(text(await before)))
      assert.equal(text(await after), 'next')
      assert.equal(text(await ask('/latest/user-data')), 'next')
    })

  it('is looked up once, however many ask', async () => {
    const { ask, source } = handlerWith()
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask('/latest/user-data')))
    assert.equal(source.asked, 1)
    assert.equal(new Set(replies.map(({ mark }) => mark)).size, 1, 'and it is one thing to record')
  })
})

async function turn(): Promise<void> {
  await new Promise(setImmediate)
}

describe('what is recorded', () => {
  it('is that the user data was fetched, by whatever path', async () => {
    const { ask } = handlerWith()
    const paths = {
      '/2009-04-04/user-data': '/latest/user-data',
      '/openstack/latest/user_data': '/openstack/latest/user_data',
      '/seed/user-data': '/seed/user-data',
      '/cimi/latest/user-data': '/cimi/latest/user-data',
    }
    for (const [path, canonical] of Object.entries(paths))
      assert.deepEqual((await ask(path)).event, {
        at: NOW,
        instanceId: WEB.guestId,
        revision: 1,
        kind: 'fetched',
        source: 'metadata',
        evidence: 'access',
        method: 'metadata',
        path: canonical,
        bytes: WEB.userData?.length,
        sha256: sha256(WEB.userData ?? Buffer.alloc(0)),
      })
  })

  it('is an access to any other file', async () => {
    const { event } = await ask('/2009-04-04/meta-data/hostname')
    assert.deepEqual([event?.kind, event?.path, event?.bytes], ['access', '/latest/meta-data/hostname', 17])
    assert.equal(event?.sha256, undefined)
  })

  it('is not that NoCloud was told that there is no user data', async () => {
    const { event } = await ask('/seed/user-data', { caller: BARE.guestId })
    assert.equal(event?.kind, 'access')
    assert.equal(event?.isServed, undefined)
  })

  it('says of a guest without user data that it was served once it has its id, and of no other', async () => {
    for (const path of ['/latest/meta-data/instance-id', '/openstack/2012-08-10/meta_data.json', '/seed/meta-data']) {
      const bare = await ask(path, { caller: BARE.guestId })
      assert.deepEqual([bare.event?.kind, bare.event?.isServed], ['access', true], path)
      assert.equal((await ask(path)).event?.isServed, undefined, path)
    }
    for (const path of ['/latest/meta-data/ami-id', '/openstack/latest/vendor_data.json', '/seed/network-config'])
      assert.equal((await ask(path, { caller: BARE.guestId })).event?.isServed, undefined, path)
  })

  it('is nothing for listings, HEAD, and what there is not', async () => {
    const { ask } = handlerWith()
    for (const path of ['/', '/latest', '/openstack', '/openstack/latest/password', '/nosuch'])
      assert.equal((await ask(path)).event, undefined, path)
    for (const path of ['/latest/user-data', '/latest/user-data', '/latest/meta-data/hostname'])
      assert.equal((await ask(path, { method: 'HEAD' })).event, undefined)
  })

  it('is the same thing once in a minute, and at once where the first was cut off', async () => {
    const { ask } = handlerWith()
    const recorder = sampleRecorder()
    assert.ok((await ask('/latest/user-data')).event, 'never sent to its end')
    settle(await ask('/latest/user-data'), recorder)
    assert.equal(recorder.events.length, 1)
    assert.equal((await ask('/2009-04-04/user-data', {}, NOW + MINUTE_MS - 1)).event, undefined)
    assert.ok((await ask('/latest/meta-data/hostname')).event, 'another file')
    assert.ok((await ask('/latest/user-data', {}, NOW + MINUTE_MS)).event, 'a minute later')
  })

  it('is that the user data were fetched once in a revision, by whatever path, and of every later time that it was an access', async () => {
    const { ask, source, handler } = handlerWith()
    const recorder = sampleRecorder()
    const kinds = (): readonly string[] => recorder.events.map(({ kind, path }) => `${kind} ${path}`)
    const several = await Promise.all(
      ['/latest/user-data', '/seed/user-data', '/latest/user-data'].map((path) => ask(path)),
    )
    for (const reply of several) settle(reply, recorder)
    assert.deepEqual(kinds(), ['fetched /latest/user-data', 'access /seed/user-data'], 'of three on their way at once')
    settle(await ask('/latest/user-data', {}, NOW + MINUTE_MS), recorder)
    assert.equal(kinds().at(-1), 'access /latest/user-data')
    assert.equal(recorder.events.at(-1)?.sha256, sha256(WEB.userData ?? Buffer.alloc(0)), 'of these bytes all the same')
    source.set(WEB, 2)
    handler.refresh(WEB.guestId)
    settle(await ask('/latest/user-data', {}, NOW + MINUTE_MS), recorder)
    assert.deepEqual([kinds().at(-1), recorder.events.at(-1)?.revision], ['fetched /latest/user-data', 2])
  })

  it('is an access of what the guest had fetched before this server began, or from another', async () => {
    const recorder = sampleRecorder()
    const known = sampleSource(WEB)
    const fetched = new Map([[WEB.guestId, 1]])
    const source: ContextSource = {
      find: async (id) => {
        const found = await known.find(id)
        const fetchedRevision = fetched.get(id)
        return found && { ...found, ...(fetchedRevision === undefined ? {} : { fetchedRevision }) }
      },
    }
    const { ask, handler } = handlerWith({ source })
    const fetchRevision = async (revision: number): Promise<void> => {
      known.set(WEB, revision)
      handler.refresh(WEB.guestId)
      settle(await ask('/latest/user-data'), recorder)
    }
    await fetchRevision(1)
    await fetchRevision(2)
    // What we saw ourselves may be on its way to the store yet.
    await fetchRevision(2)
    fetched.set(WEB.guestId, 3)
    await fetchRevision(3)
    await fetchRevision(4)
    assert.deepEqual(
      recorder.events.map(({ kind, revision }) => [kind, revision]),
      [
        ['access', 1],
        ['fetched', 2],
        ['access', 2],
        ['access', 3],
        ['fetched', 4],
      ],
    )
  })

  it('is so also where nothing that was served is kept', async () => {
    const recorder = sampleRecorder()
    const forgetful = createMetadataHandler({ source: sampleSource(WEB), secret: SECRET, cacheMaxBytes: 0 })
    for (let minute = 0; minute < 3; minute++)
      settle(
        await forgetful.handle({ caller: WEB.guestId, method: 'GET', path: '/latest/user-data', headers: [] }, NOW),
        recorder,
      )
    assert.deepEqual(
      recorder.events.map(({ kind }) => kind),
      ['fetched', 'access', 'access'],
    )
  })

  it('is ever rarer of a guest that asks on and on, but at least once an hour', async () => {
    const { ask } = handlerWith()
    const recorder = sampleRecorder()
    for (let minute = 0; minute < 600; minute++)
      settle(await ask('/latest/user-data', {}, NOW + minute * MINUTE_MS), recorder)
    const minutes = recorder.events.map(({ at }) => (at - NOW) / MINUTE_MS)
    assert.deepEqual(minutes, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 423, 483, 543])
    settle(await ask('/latest/user-data', {}, NOW + 2000 * MINUTE_MS), recorder)
    const again = await ask('/latest/user-data', {}, NOW + 2001 * MINUTE_MS)
    assert.ok(again.event, 'after a long while it is as new')
  })
})

describe('a session token', () => {
  const open = async (seconds: string, request: Partial<MetadataRequest> = {}) =>
    await ask('/latest/api/token', { method: 'PUT', headers: [TTL, seconds], ...request })

  it('is a line without newline that lets its instance in until it expires', async () => {
    const reply = await open('60')
    assert.equal(reply.status, 200)
    assert.equal(header(reply, TTL), '60')
    assert.match(text(reply), /^[\w.-]+$/)
    const headers = [TOKEN, text(reply)]
    assert.equal((await ask('/latest/user-data', { headers }, NOW + 59_000)).status, 200)
    assert.equal((await ask('/latest/user-data', { headers }, NOW + 60_000)).status, 401)
  })

  it('of another instance is refused, and so is one that is none', async () => {
    const others = text(await open('60', { caller: BARE.guestId }))
    const own = text(await open('60'))
    for (const token of [others, '', 'x', `${own}x`, own.slice(1), own.replace(/^./, 'z')])
      for (const path of ['/latest/user-data', '/openstack/latest/password', '/nosuch'])
        assert.equal((await ask(path, { headers: [TOKEN, token] })).status, 401, token)
  })

  it('need not be there', async () => {
    assert.equal((await ask('/latest/user-data')).status, 200)
  })

  it('is good on all nodes that have the secret, and on no others', async () => {
    const headers = [TOKEN, text(await open('60'))]
    assert.equal((await handlerWith().ask('/latest/user-data', { headers })).status, 200)
    const stranger = handlerWith({ secret: Buffer.alloc(32, 8) })
    assert.equal((await stranger.ask('/latest/user-data', { headers })).status, 401)
  })

  it('lives between one second and six hours', async () => {
    for (const seconds of ['1', '21600']) assert.equal((await open(seconds)).status, 200, seconds)
    for (const seconds of ['0', '21601', '-1', '1.5', '', 'x', '99999999999'])
      assert.equal((await open(seconds)).status, 400, seconds)
    assert.equal((await open('', { headers: [] })).status, 400)
  })

  it('is not given to what was forwarded, but by a proxy of ours', async () => {
    const headers = [TTL, '60', 'x-forwarded-for', '10.0.0.5']
    assert.equal((await open('60', { headers })).status, 403)
    assert.equal((await open('60', { headers, throughProxy: true })).status, 200)
  })
})

describe('the password', () => {
  it('is left once, and then stands', async () => {
    const { ask } = handlerWith()
    const leave = (body: string) => ask('/openstack/2013-04-04/password', { method: 'POST', body: Buffer.from(body) })
    assert.deepEqual(await statusAndText(leave('first==')), [200, ''])
    assert.equal((await leave('second')).status, 409)
    assert.deepEqual(await statusAndText(ask('/openstack/latest/password')), [200, 'first=='])
    assert.equal(text(await ask('/openstack/latest/password', { caller: BARE.guestId })), '')
  })

  it('is neither empty nor larger than Nova takes', async () => {
    const { ask } = handlerWith()
    const leave = async (body?: Uint8Array) =>
      (await ask('/openstack/latest/password', { method: 'POST', ...(body ? { body } : {}) })).status
    assert.equal(await leave(), 400)
    assert.equal(await leave(Buffer.alloc(1021)), 400)
    assert.equal(await leave(Buffer.alloc(BODY_MAX_BYTES + 1)), 413)
    assert.equal(await leave(Buffer.alloc(1020, 'x')), 200)
  })
})

describe('a report', () => {
  const report = (body: string | Uint8Array, { ask }: { ask: Ask } = handlerWith(), request = {}) =>
    ask('/report', { method: 'POST', body: Buffer.from(body), ...request })

  it('of a program of ours is recorded', async () => {
    const said = { agent: 'demo-guest', stage: 'applied', method: 'metadata', exitCode: 0 }
    const reply = await report(JSON.stringify({ ...said, sha256: sha256(WEB.userData ?? Buffer.alloc(0)) }))
    assert.deepEqual([reply.status, text(reply), header(reply, 'Content-Type')], [200, '', TEXT])
    assert.equal(reply.heard?.kind, 'applied')
    assert.equal(reply.heard.source, 'demo-guest')
    assert.equal(reply.heard.instanceId, WEB.guestId)
    assert.equal(reply.heard.at, NOW)
    assert.equal(reply.heard.revision, 1)
  })

  it('of other bytes than were sent is a failure', async () => {
    const reply = await report(
      JSON.stringify({ agent: 'agent', stage: 'applied', exitCode: 0, sha256: sha256(Buffer.from('other')) }),
    )
    assert.equal(reply.heard?.kind, 'failed')
  })

  it('of cloud-init is recorded where it says something of the user data', async () => {
    const event = { origin: 'cloudinit', event_type: 'finish', result: 'SUCCESS', timestamp: 1 }
    const scripts = 'config-scripts-user ran successfully'
    const ran = await report(
      JSON.stringify({ ...event, name: 'modules-final/config-scripts-user', description: scripts }),
    )
    assert.deepEqual([ran.status, ran.heard?.kind, ran.heard?.source], [200, 'applied', 'cloud-init'])
    const other = await report(
      JSON.stringify({ ...event, name: 'modules-config/config-locale', description: 'config-locale ran' }),
    )
    assert.deepEqual([other.status, other.heard], [200, undefined])
  })

  it('that is none is refused', async () => {
    for (const body of ['', '{', '[]', '{}', 'null', '"x"', '{"stage":"applied"}', Buffer.from([0xff, 0xfe])]) {
      const reply = await report(body)
      assert.deepEqual([reply.status, reply.heard], [400, undefined])
    }
    assert.equal((await report(Buffer.alloc(BODY_MAX_BYTES + 1, ' '))).status, 413)
  })
})

describe('a method', () => {
  it('that a path does not know is named with those that it knows', async () => {
    const allowed = {
      '/latest/user-data': 'GET, HEAD',
      '/': 'GET, HEAD',
      '/openstack/latest/password': 'GET, HEAD, POST',
      '/latest/api/token': 'PUT',
      '/report': 'POST',
    }
    for (const [path, methods] of Object.entries(allowed))
      for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'get']) {
        if (methods.split(', ').includes(method)) continue
        const reply = await ask(path, { method })
        assert.deepEqual([reply.status, header(reply, 'Allow')], [405, methods], `${method} ${path}`)
      }
  })

  it('means nothing where there is nothing', async () => {
    for (const method of ['PUT', 'POST', 'DELETE']) assert.equal((await ask('/nosuch', { method })).status, 404)
  })
})

describe("a recorded Nova's answer", () => {
  interface Recorded {
    readonly server: 'full' | 'bare'
    readonly method: string
    readonly path: string
    readonly status: number
    readonly contentType: string
    readonly body?: string
  }
  const full: Context = {
    guestId: 'f1b09edf-b441-40d6-b24c-ec1e9206ea13',
    hostname: 'occi-test.novalocal',
    facts: {
      name: 'occi-test',
      launchIndex: 0,
      sizeName: 'm1.tiny',
      zone: 'nova',
      localIpv4: '10.77.1.6',
      publicIpv4: '192.0.2.167',
      securityGroups: ['default'],
      rootDevice: '/dev/vda',
      ec2: { instanceId: 'i-00000001' },
    },
    userData: Buffer.from('#!/bin/sh\necho this is just a test > /etc/ctx\n'),
    publicKeys: [
      {
        name: 'alice',
        text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJiBSS8/74+yCfTzLxilH3hhVMN/cPlWoNYyJ1HJk9Q alice@example.org',
      },
    ],
    variables: { role: 'web' },
    files: [],
    network: { nics: [] },
  }
  const { ask } = handlerWith({ source: sampleSource(full, { ...BARE, network: { nics: [] } }) })
  const recorded = JSON.parse(
    readFileSync(new URL('testdata/nova-answers.json', import.meta.url), 'utf8'),
  ) as readonly Recorded[]
  /** Ours is one tree for all versions, and more than Nova's. */
  const OTHER_BODY = new Set(['/latest', '/1.0/meta-data/'])

  for (const { server, method, path, status, contentType, body } of recorded)
    it(`is ours too: ${method} ${path}, ${server}`, async () => {
      const caller = server === 'full' ? full.guestId : BARE.guestId
      if (method === 'POST') await ask(path, { caller, method, body: Buffer.from('FIRST==') })
      const reply = await ask(path, { caller, method, body: Buffer.from('THIRD==') })
      assert.equal(reply.status, status)
      if (status === 200) assert.equal(header(reply, 'Content-Type'), contentType)
      if (body !== undefined && !OTHER_BODY.has(path)) assert.equal(text(reply), body)
    })
})
