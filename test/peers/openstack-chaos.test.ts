import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { sampleSpec } from '../conformance/store-samples.ts'
import { isCloudError } from '../../src/model/errors.ts'
import type { Caller, InstanceSpec } from '../../src/model/instance.ts'
import type { Fault, Strike } from './openstack/faulty-proxy.ts'
import { openFaultySite, type FaultySite } from './openstack/faulty-site.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer } from './openstack/peer.ts'
import { untilHolds } from './openstack/rest.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'
const SITES = 3
/** How long things go wrong; longer with `BELLHOP_CHAOS_MS`. */
const CHAOS_MS = Number(process.env['BELLHOP_CHAOS_MS'] ?? 20_000)
const PATIENCE_MS = 120_000

const strikes: fc.Arbitrary<Strike> = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: fc.constantFrom('before', 'after', 'in-head', 'in-body') }),
  fc.record({ kind: fc.constant('hang' as const), at: fc.constantFrom('before', 'after', 'in-body') }),
  fc.record({ kind: fc.constant('garble' as const), body: fc.constantFrom('', '{}', '{"half":', '<html>', '[]') }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constantFrom(400, 401, 403, 409, 429, 500, 502, 503, 504),
    headers: fc.constantFrom(
      () => ({}),
      () => ({ 'Retry-After': '1' }),
    ),
    body: fc.constantFrom('', '{"fault":{"message":"no"}}', '<html>'),
  }),
)

const faults: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      service: fc.constantFrom('identity', 'compute', 'compute', 'compute', 'network'),
      method: fc.constantFrom('GET', 'POST', 'POST', 'DELETE'),
      skip: fc.integer({ min: 0, max: 2 }),
      times: fc.integer({ min: 1, max: 4 }),
      strike: strikes,
    }),
  },
  // Ports and keys that come so late are taken away too, but only after an hour.
  {
    weight: 1,
    arbitrary: fc.record({
      service: fc.constant('compute'),
      method: fc.constant('POST'),
      path: fc.constant(/\/servers$/),
      strike: fc.record({ kind: fc.constant('late'), ms: fc.integer({ min: 100, max: 12_000 }) }),
    }),
  },
)

const steps = fc.record({
  what: fc.constantFrom('create', 'create', 'create', 'delete', 'delete', 'stop', 'start', 'look'),
  /** Of those that are there. */
  which: fc.nat(),
  hasExtras: fc.boolean(),
  isAwaited: fc.boolean(),
  faults: fc.array(faults, { maxLength: 4 }),
})

type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

describe('creates, deletes and actions while everything may go wrong', () => {
  it('end in the servers that Bellhop knows, each once, and nothing else', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const seed = Number(process.env['BELLHOP_CHAOS_SEED'] ?? randomInt(2 ** 31))
    t.diagnostic(`again with BELLHOP_CHAOS_SEED=${seed}`)
    const project = await openOwnProject(t, peer)
    const alone = sampleSpec({ image: peer.imageId, size: peer.flavorId })
    const full = {
      ...alone,
      publicKeys: [{ name: 'alice', text: KEY }],
      links: [{ kind: 'network', networkId: 'site-shared' }],
    } as const
    const sites = await Promise.all(
      Array.from({ length: SITES }, () =>
        openFaultySite(project, { timeoutS: 3, answerMs: 2000, straysEveryMs: 3000 }),
      ),
    )
    t.after(() => Promise.all(sites.map(({ close }) => close())))
    const until = Date.now() + CHAOS_MS
    const done = await Promise.all(
      sites.map(async (site, at) => {
        let count = 0
        const running: Promise<void>[] = []
        for (const step of fc.sample(steps, { seed: seed + at, numRuns: 500 })) {
          if (Date.now() >= until) break
          count++
          site.proxy.set(...step.faults)
          const doing = take(site, step, step.hasExtras ? full : alone)
          running.push(doing)
          if (step.isAwaited) await doing
        }
        await Promise.all(running)
        site.proxy.set()
        return count
      }),
    )
    t.diagnostic(`${done.join(' + ')} steps`)
    for (const site of sites) await settled(site)
    await assertSame(project, sites)
    for (const { service } of sites) for (const { id } of await service.list(ALICE)) await service.delete(id, ALICE)
    await untilHolds('the project is empty', PATIENCE_MS, async () => {
      const { servers, ports, keys } = await project.content()
      return servers.length + ports.length + keys.length === 0
    })
  })
})

/** What goes wrong must be said as such. */
async function take({ service }: FaultySite, step: Step, spec: InstanceSpec): Promise<void> {
  const all = await service.list(ALICE)
  const { id } = all[step.which % all.length] ?? {}
  try {
    if (step.what === 'create' || id === undefined) await service.create({ id: randomUUID(), spec }, ALICE)
    else if (step.what === 'delete') await service.delete(id, ALICE)
    else if (step.what === 'look') await service.get(id, ALICE)
    else await service.act(id, step.what, ALICE)
  } catch (error) {
    assert.ok(isCloudError(error), String(error))
  }
}

/** Nothing is on its way any more, also not what comes late. */
async function settled({ service, proxy, said }: FaultySite): Promise<void> {
  await proxy.idle()
  const isOnItsWay = async ({ id }: { readonly id: string }): Promise<boolean> =>
    await service.get(id, ALICE).then(
      ({ state }) => state === 'creating' || state === 'deleting',
      () => false,
    )
  await untilHolds(`all is settled; ${said.slice(-5).join('\n')}`, PATIENCE_MS, async () =>
    (await Promise.all((await service.list(ALICE)).map(isOnItsWay))).every((is) => !is),
  )
}

async function assertSame(project: OwnProject, sites: readonly FaultySite[]): Promise<void> {
  const isSame = async (): Promise<readonly [unknown, unknown]> => {
    const known = (await Promise.all(sites.map(({ service }) => service.list(ALICE)))).flat()
    for (const { service } of sites)
      for (const { id } of await service.list(ALICE)) await service.get(id, ALICE).catch(() => {})
    const { servers, ports, keys } = await project.content()
    const there = known.filter(({ remoteId }) => remoteId !== undefined)
    const ids = new Set(known.map(({ id }) => `bellhop:${id}`))
    return [
      {
        servers: servers.map(({ id, tags }) => `${id} ${tags.join()}`).toSorted(),
        strayPorts: ports.filter(({ description }) => !ids.has(description)).map(({ id }) => id),
        keys,
      },
      { servers: there.map(({ id, remoteId }) => `${remoteId} bellhop:${id}`).toSorted(), strayPorts: [], keys: [] },
    ]
  }
  const isEqual = async (): Promise<boolean> => {
    const [seen, known] = await isSame()
    return JSON.stringify(seen) === JSON.stringify(known)
  }
  // What came late is swept within seconds.
  await untilHolds('the servers are those that are known', 30_000, isEqual).catch(() => {})
  assert.deepEqual(...(await isSame()))
}
