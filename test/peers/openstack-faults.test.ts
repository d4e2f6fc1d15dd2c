import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import type { Caller, Instance, InstanceSpec } from '../../src/model/instance.ts'
import { startGateway } from '../e2e/gateway.ts'
import { sampleSpec } from '../conformance/store-samples.ts'
import type { Fault, Passed, ServiceType, Strike } from './openstack/faulty-proxy.ts'
import { openFaultyProxy } from './openstack/faulty-proxy.ts'
import { openFaultySite, type FaultySite } from './openstack/faulty-site.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { untilHolds } from './openstack/rest.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'
const PATIENCE_MS = 90_000
// Each look costs Nova and Neutron many of their own.
const LOOK_MS = 1000
const AT_ONCE = { concurrency: 4 }

type Where = Omit<Fault, 'strike'>

/** Every kind of request that a create makes, in its order. */
const CREATE = {
  login: { service: 'identity', method: 'POST', path: /\/auth\/tokens(?:\?|$)/ },
  version: { service: 'compute', method: 'GET', path: /^\/v2\.1\/?(?:\?|$)/ },
  images: { service: 'image', method: 'GET', path: /\/images(?:\?|$)/ },
  flavors: { service: 'compute', method: 'GET', path: /\/flavors\/detail(?:\?|$)/ },
  networks: { service: 'network', method: 'GET', path: /\/networks(?:\?|$)/ },
  find: { service: 'compute', method: 'GET', path: /\/servers\/detail\?tags=/ },
  key: { service: 'compute', method: 'POST', path: /\/os-keypairs(?:\?|$)/ },
  ports: { service: 'network', method: 'GET', path: /\/ports(?:\?|$)/ },
  port: { service: 'network', method: 'POST', path: /\/ports(?:\?|$)/ },
  server: { service: 'compute', method: 'POST', path: /\/servers(?:\?|$)/ },
  show: { service: 'compute', method: 'GET', path: /\/servers\/[0-9a-f-]{36}(?:\?|$)/ },
} as const satisfies Record<string, Where>

/** And a delete. */
const DELETE = {
  show: CREATE.show,
  ports: CREATE.ports,
  port: { service: 'network', method: 'DELETE', path: /\/ports\// },
  key: { service: 'compute', method: 'DELETE', path: /\/os-keypairs\// },
  server: { service: 'compute', method: 'DELETE', path: /\/servers\// },
} as const satisfies Record<string, Where>

const HTML = '<html><body>Bad Gateway</body></html>'
const wait = (seconds: string) => () => ({ 'Retry-After': seconds })

/** What may go wrong once, and pass unseen. */
const PASSING = {
  'cut off before': { kind: 'cut', at: 'before' },
  'cut off after it was done': { kind: 'cut', at: 'after' },
  'cut off in its head': { kind: 'cut', at: 'in-head' },
  'cut off in its body': { kind: 'cut', at: 'in-body' },
  'without any answer, not done': { kind: 'hang', at: 'before' },
  'without any answer, done': { kind: 'hang', at: 'after' },
  'with an answer that does not end': { kind: 'hang', at: 'in-body' },
  'answered 503': { kind: 'answer', status: 503, headers: wait('1') },
  'answered 502 with HTML': {
    kind: 'answer',
    status: 502,
    headers: () => ({ 'Content-Type': 'text/html' }),
    body: HTML,
  },
  'answered 429': { kind: 'answer', status: 429, headers: wait('1') },
  'answered 401': { kind: 'answer', status: 401, body: '{"error": {"code": 401, "message": "expired"}}' },
} as const satisfies Record<string, Strike>

type Passing = keyof typeof PASSING

const ALL = Object.keys(PASSING) as readonly Passing[]
// Doing it twice is as good as once: one piece of code tries it again.
const SAFE: readonly (readonly Passing[])[] = [
  ['cut off before', 'cut off in its body'],
  ['answered 503', 'answered 401'],
  ['without any answer, done', 'answered 502 with HTML'],
]

/** Each step with what may go wrong there: all where it matters whether it was done, else a part in turn. */
function casesOf(steps: Readonly<Record<string, Where>>): readonly (readonly [string, Fault])[] {
  return Object.entries(steps).flatMap(([step, where], at) => {
    const isSafe = where.method !== 'POST' || where === CREATE.login || where === CREATE.key
    return (isSafe ? (SAFE[at % SAFE.length] ?? []) : ALL).map(
      (how) => [`${step}, ${how}`, { ...where, strike: PASSING[how] }] as const,
    )
  })
}

describe('a fault between Bellhop and a real OpenStack', () => {
  it('that strikes once on the way of a create leaves one server, with what it was asked for', AT_ONCE, async (t) => {
    const site = await openSite(t)
    if (!site) return
    await allOf(t, casesOf(CREATE), async (fault) => {
      const { id, service, proxy, mine } = await site.open()
      const struck = proxy.set(fault)
      await service.create({ id, spec: site.spec }, ALICE)
      assert.deepEqual(struck(), [1])
      await untilActive(service, id)
      const { servers, ports, keys } = await mine()
      assert.deepEqual([servers.length, ports.length, keys], [1, 1, []])
      assert.equal(ports[0]?.device_id, servers[0]?.id)
      await service.delete(id, ALICE)
      assert.deepEqual(await mine(), NOTHING)
    })
    assert.deepEqual(await site.project.content(), NOTHING)
  })

  it('that strikes once on the way of a delete leaves nothing', AT_ONCE, async (t) => {
    const site = await openSite(t)
    if (!site) return
    await allOf(t, casesOf(DELETE), async (fault) => {
      const { id, service, proxy, mine } = await site.open()
      await service.create({ id, spec: site.spec }, ALICE)
      const struck = proxy.set(fault)
      await service.delete(id, ALICE).catch((error: unknown) => assert.ok(isCloudError(error), String(error)))
      assert.deepEqual(struck(), [1])
      await untilForgotten(service)
      assert.deepEqual(await mine(), NOTHING)
    })
    assert.deepEqual(await site.project.content(), NOTHING)
  })

  it(
    'that is a refusal is told with its reason, and leaves nothing, though cleaning up fails at first too',
    AT_ONCE,
    async (t) => {
      const site = await openSite(t)
      if (!site) return
      const refusal = (status: number, message: string): Strike => ({
        kind: 'answer',
        status,
        body: JSON.stringify({ fault: { code: status, message } }),
      })
      const broken = { strike: refusal(500, 'broken'), times: 2 }
      const REFUSALS: readonly (readonly [string, readonly Fault[], ErrorCode, RegExp])[] = [
        [
          'a quota of servers',
          [{ ...CREATE.server, strike: refusal(403, 'Quota exceeded for instances') }],
          'conflict',
          /answers 403: Quota exceeded for instances/,
        ],
        [
          'a quota of ports',
          [{ ...CREATE.port, strike: refusal(409, "Quota exceeded for resources: ['port'].") }],
          'conflict',
          /answers 409: Quota exceeded/,
        ],
        [
          'a bug in Nova, and then in all that cleans up',
          [
            { ...CREATE.server, strike: refusal(500, 'Unexpected API Error') },
            { ...DELETE.key, ...broken },
            { ...DELETE.port, ...broken },
          ],
          'provider-failed',
          /answers 500: Unexpected API Error/,
        ],
        [
          'a bug in Nova, which cannot tell its servers either',
          [
            { ...CREATE.server, strike: refusal(500, 'Unexpected API Error'), times: 2 },
            { ...CREATE.find, strike: refusal(500, 'broken'), skip: 1, times: 3 },
          ],
          'provider-failed',
          /answers 500: Unexpected API Error/,
        ],
      ]
      await allOf(
        t,
        REFUSALS.map(([what, faults, code, says]) => [what, { faults, code, says }] as const),
        async ({ faults, code, says }) => {
          const { id, service, proxy, mine } = await site.open()
          const struck = proxy.set(...faults)
          await rejects(service.create({ id, spec: site.spec }, ALICE), code, says)
          await untilForgotten(service)
          assert.ok(
            struck().every((times) => times > 0),
            struck().join(),
          )
          assert.deepEqual(await mine(), NOTHING)
        },
      )
      assert.deepEqual(await site.project.content(), NOTHING)
    },
  )

  it('that lets a request through long after everybody gave up ends with one server, or none', AT_ONCE, async (t) => {
    const site = await openSite(t)
    if (!site) return
    const late = { ...CREATE.server, strike: { kind: 'late', ms: 16_000 } } as const
    const cases = [
      ['one where it is wanted', false],
      ['none where it was deleted', true],
    ] as const
    await allOf(t, cases, async (isDeleted) => {
      const { id, service, proxy, mine } = await site.open({ timeoutS: 3, answerMs: 1000, straysEveryMs: 3000 })
      proxy.set(late)
      await service.create({ id, spec: site.alone }, ALICE)
      if (isDeleted) await service.delete(id, ALICE)
      else await untilActive(service, id)
      await proxy.idle()
      await untilHolds('what came late is gone', PATIENCE_MS, async () => {
        const { servers, keys } = await mine()
        return servers.length === (isDeleted ? 0 : 1) && keys.length === 0
      })
      if (isDeleted) return
      assert.equal((await service.get(id, ALICE)).remoteId, (await mine()).servers[0]?.id)
      await service.delete(id, ALICE)
    })
    assert.deepEqual(await site.project.content(), NOTHING)
  })

  it('that makes a second server for an instance, or one for a deleted one, is mended', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { id, service, mine } = await site.open({ straysEveryMs: 3000 })
    const { remoteId } = await service.create({ id, spec: site.alone }, ALICE)
    await untilActive(service, id)
    const another = `bellhop:${randomUUID()}`
    for (const tag of [another, `bellhop:${id}`]) await site.project.makeServer(tag, site.peer)
    const { ports } = await mine()
    await untilHolds('the second goes', PATIENCE_MS, async () => (await mine()).servers.length === 1)
    assert.equal((await mine()).servers[0]?.id, remoteId)
    assert.equal((await mine()).ports.length, ports.length)
    await service.delete(id, ALICE)
    await site.project.makeServer(`bellhop:${id}`, site.peer)
    await untilHolds('it goes too', PATIENCE_MS, async () => (await mine()).servers.length === 0)
    const { servers } = await site.project.content()
    assert.deepEqual(
      servers.map(({ tags }) => tags),
      [[another]],
      'what this Bellhop never made stays',
    )
  })
})

describe('Retry-After', () => {
  it('in seconds or as a date is waited for, by whatever is asked next', AT_ONCE, async (t) => {
    const site = await openSite(t)
    if (!site) return
    const WAIT_MS = 4000
    const date = () => ({ 'Retry-After': new Date(Math.ceil((Date.now() + WAIT_MS) / 1000) * 1000).toUTCString() })
    const CASES: readonly (readonly [string, Fault])[] = [
      ['503 to a list', { ...CREATE.flavors, strike: { kind: 'answer', status: 503, headers: wait('4') } }],
      ['429 to a list, with a date', { ...CREATE.flavors, strike: { kind: 'answer', status: 429, headers: date } }],
      ['503 to a POST', { ...CREATE.server, strike: { kind: 'answer', status: 503, headers: wait('4') } }],
      ['429 to a POST, with a date', { ...CREATE.server, strike: { kind: 'answer', status: 429, headers: date } }],
    ]
    await allOf(t, CASES, async (fault) => {
      const { id, service, proxy, mine } = await site.open()
      proxy.set(fault)
      await service.create({ id, spec: site.spec }, ALICE)
      const at = proxy.log.findIndex(({ strike }) => strike !== undefined)
      const [struck, next] = [proxy.log[at], proxy.log.slice(at + 1).find(({ service: of }) => of === 'compute')]
      assert.ok(struck && next)
      assert.ok(next.at - struck.at >= WAIT_MS, `${next.method} ${next.path} after ${next.at - struck.at} ms`)
      assert.equal((await mine()).servers.length, 1)
      await service.delete(id, ALICE)
    })
  })
})

describe('a token that ends on the way', () => {
  it('is replaced, whether Nova says so or Keystone has revoked it', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { id, service, proxy, mine } = await site.open()
    // Glance has seen it, and believes in it for minutes; Nova and Neutron ask Keystone.
    await service.images(ALICE)
    const { token = '' } = proxy.log.find(isAsked('image', /images/)) ?? {}
    const url = `${site.peer.authUrl}/auth/tokens`
    const revoked = await fetch(url, { method: 'DELETE', headers: { 'X-Auth-Token': token, 'X-Subject-Token': token } })
    assert.equal(revoked.status, 204)
    await service.create({ id, spec: site.spec }, ALICE)
    assert.equal(proxy.log.filter(isAsked('identity', /tokens/)).length, 2)
    assert.equal((await mine()).servers.length, 1)
    await service.delete(id, ALICE)
  })

  it('of a credential that was deleted is told as such, and what is there is neither lost nor doubled', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { id: credentialId, secret, url } = await site.project.applicationCredential()
    const { id, service, proxy, mine } = await site.open({
      timeoutS: 4,
      answerMs: 1500,
      cloud: {
        auth_type: 'v3applicationcredential',
        auth: { application_credential_id: credentialId, application_credential_secret: secret },
      },
    })
    // The server is made, but its answer never comes; and from then on nobody lets us in.
    proxy.set(
      { ...CREATE.server, strike: { kind: 'hang', at: 'after' } },
      { ...CREATE.find, strike: PASSING['answered 401'], skip: 1, times: 1000 },
    )
    const { state } = await service.create({ id, spec: site.alone }, ALICE)
    assert.equal(state, 'creating')
    await site.project.ask('DELETE', url)
    await untilHolds(
      'Keystone has refused it',
      PATIENCE_MS,
      async () => proxy.log.filter(isAsked('identity', /tokens/)).length > 1,
    )
    assert.equal((await service.get(id, ALICE)).state, 'creating')
    await rejects(service.create({ spec: site.alone }, ALICE), 'unavailable', /site does not answer now/)
    assert.equal((await mine()).servers.length, 1)
  })
})

describe('a service that is down while others live', () => {
  it('keeps nothing from other providers, and what waits for it is finished once it is back', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { id, service, proxy, mine } = await site.open({ answerMs: 1000 })
    const before = await service.create({ id, spec: site.alone }, ALICE)
    await untilActive(service, id)
    // Nova goes down in the middle of a create: after its flavors were told.
    const hung = proxy.set({ ...CREATE.find, strike: { kind: 'hang', at: 'before' } })
    const waiting = await service.create({ spec: site.alone }, ALICE)
    assert.deepEqual([waiting.state, hung()], ['creating', [1]])
    await proxy.stop('compute')
    proxy.set()
    assert.deepEqual(new Set((await service.sizes(ALICE)).map(({ provider }) => provider)), new Set(['memory']))
    assert.deepEqual(
      new Set((await service.images(ALICE)).map(({ provider }) => provider)),
      new Set(['memory', 'site']),
    )
    assert.equal((await service.create({ spec: sampleSpec({ image: 'memory-debian' }) }, ALICE)).provider, 'memory')
    await rejects(service.create({ spec: site.alone }, ALICE), 'unavailable', /site does not answer now; try again/)
    await rejects(service.act(id, 'stop', ALICE), 'unavailable', /cannot be reached \(ECONNREFUSED\)/)
    assert.equal((await service.get(id, ALICE)).state, 'active')
    await rejects(service.delete(id, ALICE), 'unavailable', /cannot be reached/)
    assert.equal((await service.get(id, ALICE)).state, 'deleting')
    await proxy.start('compute')
    await untilActive(service, waiting.id)
    await untilHolds('the other is deleted', PATIENCE_MS, async () => (await mine()).servers.length === 0)
    assert.notEqual((await service.get(waiting.id, ALICE)).remoteId, before.remoteId)
    await service.delete(waiting.id, ALICE)
    assert.deepEqual(await site.project.content(), NOTHING)
  })

  it('is told to HTTP clients as 503, with Retry-After and who does not answer', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const proxy = await openFaultyProxy(site.project.targets)
    t.after(proxy.close)
    process.env['OS_CLIENT_CONFIG_FILE'] = await site.project.cloudsYaml(proxy.authUrl)
    t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
    const gateway = await startGateway(t, { config: GATEWAY })
    t.after(() => gateway.stop())
    await proxy.stop('compute')
    const create = (name: string, resource: object): Promise<Response> =>
      gateway.ask('/cimi/machineCollection', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name, machineTemplate: resource }),
      })
    const refused = await create('waits', {
      machineImage: { href: site.peer.imageId },
      machineConfig: { href: site.peer.flavorId },
    })
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5'])
    assert.match(await refused.text(), /site does not answer now; try again/)
    const lives = { machineImage: { href: 'memory-debian' }, machineConfig: { href: 'memory-small' } }
    assert.equal((await create('lives', lives)).status, 201)
  })
})

const GATEWAY = `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[providers.site]
driver = "openstack"
cloud = "own"
[providers.memory]
driver = "memory"
`

const NOTHING = { servers: [], ports: [], keys: [] }

interface Opened extends FaultySite {
  /** Of the one instance that the case is about. */
  readonly id: string
  /** What the project has with its id. */
  readonly mine: OwnProject['content']
}

interface Site {
  readonly peer: OpenStackPeer
  readonly project: OwnProject
  /** With all that can be left behind: a key and a port. */
  readonly spec: InstanceSpec
  /** With nothing of it. */
  readonly alone: InstanceSpec
  /** A service with a proxy of its own. */
  readonly open: (options?: Parameters<typeof openFaultySite>[1]) => Promise<Opened>
}

async function openSite(t: TestContext): Promise<Site | undefined> {
  const peer = await openStackPeer(t)
  if (peer === undefined) return undefined
  const project = await openOwnProject(t, peer)
  const alone = sampleSpec({ image: peer.imageId, size: peer.flavorId, userData: Buffer.from('#!/bin/sh\n') })
  return {
    peer,
    project,
    alone,
    spec: {
      ...alone,
      publicKeys: [{ name: 'alice', text: KEY }],
      links: [{ kind: 'network', networkId: 'site-shared' }],
    },
    open: async (options) => {
      const opened = await openFaultySite(project, options)
      t.after(opened.close)
      const id = randomUUID()
      return {
        ...opened,
        id,
        mine: async () => {
          const { servers, ports, keys } = await project.content()
          return {
            servers: servers.filter(({ tags }) => tags.includes(`bellhop:${id}`)),
            ports: ports.filter(({ description }) => description === `bellhop:${id}`),
            keys: keys.filter((key) => key === `bellhop-${id}`),
          }
        },
      }
    },
  }
}

/** Several cases, each as a test of its own; as many at once as the test lets. */
async function allOf<T>(
  t: TestContext,
  cases: readonly (readonly [what: string, given: T])[],
  task: (given: T) => Promise<void>,
): Promise<void> {
  await Promise.all(cases.map(([what, given]) => t.test(what, () => task(given))))
}

async function untilActive(service: FaultySite['service'], id: string): Promise<Instance> {
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(LOOK_MS)) {
    const instance = await service.get(id, ALICE)
    const { state, reason } = instance
    assert.notEqual(state, 'error', reason ?? 'no reason is given')
    if (state === 'active') return instance
    assert.ok(Date.now() < until, `${id} is ${state}`)
  }
}

async function untilForgotten(service: FaultySite['service']): Promise<void> {
  await untilHolds('nothing is known of it', PATIENCE_MS, async () => (await service.list(ALICE)).length === 0)
}

const isAsked =
  (of: ServiceType, path: RegExp) =>
  ({ service, path: asked }: Passed): boolean =>
    service === of && path.test(asked)

function rejects(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(isCloudError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  })
}
