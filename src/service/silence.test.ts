import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { sampleEvent, sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import type { Caller } from '../model/instance.ts'
import { memoryProvider } from '../providers/memory/index.ts'
import type { DeliveryCapability } from '../providers/provider.ts'
import { sqliteStore } from '../store/sqlite.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const SPEC = sampleSpec({ userData: Buffer.from('#!/bin/sh\n') })
const BOUND_MS = 120_000

async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
  const opened = await openService({ listenEveryMs: 10, ...options })
  t.after(opened.close)
  return opened
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 10)))
    assert.ok(Date.now() < end, what)
}

/** What is recorded of ways by which no guest was seen. */
async function silences({ service }: OpenService, id: string, caller = RED): Promise<readonly string[]> {
  return (await service.events(id, caller)).flatMap(({ kind, detail = '' }) => (kind === 'silent' ? [detail] : []))
}

const way = (method: 'metadata' | 'disk', more: Partial<DeliveryCapability> = {}): DeliveryCapability => {
  return { method, by: 'provider', layouts: ['openstack'], userDataMaxBytes: 1000, evidence: ['console'], ...more }
}

describe('a way by which no guest is seen in time', () => {
  it('is recorded once, and a late sign counts all the same', async (t) => {
    const opened = await open(t, { signWithinMs: 50 })
    const { service, provider } = opened
    const { id, remoteId = '' } = await service.create({ spec: SPEC }, RED)
    await until(async () => (await silences(opened, id)).length === 2, 'both are recorded')
    assert.deepEqual(await silences(opened, id), [
      'no sign of the guest by metadata within 0.05 s',
      'no sign of the guest by disk within 0.05 s',
    ])
    const before = await service.delivery(id, RED)
    assert.deepEqual([before.state, before.silent], ['offered', ['metadata', 'disk']])
    await provider.writeConsole(remoteId, 'BELLHOP {"stage":"applied","method":"disk","exitCode":0}\n')
    await until(async () => (await service.delivery(id, RED)).state === 'applied', 'it is heard')
    const { servedBy, silent } = await service.delivery(id, RED)
    assert.deepEqual([servedBy, silent], ['disk', ['metadata']])
    assert.equal((await silences(opened, id)).length, 2)
  })

  it('is found after a restart by when it was offered, once among nodes, with the way that served', async (t) => {
    const store = await sqliteStore(':memory:')
    const provider = memoryProvider()
    const first = await openService({ store, provider })
    const { id: planned, remoteId = '', plan } = await first.service.create({ spec: SPEC }, RED)
    await first.service.delete(planned, RED)
    await first.stop()
    // It was launched by a Bellhop that ended in the meantime.
    const instance = sampleInstance({ project: RED.project, remoteId, plan, state: 'active' })
    const at = Date.now() - BOUND_MS
    await store.insertInstance(instance, [
      ...plan.deliveries.map(({ method }) => sampleEvent(instance.id, { kind: 'offered', method, at })),
      sampleEvent(instance.id, { kind: 'fetched', method: 'metadata', source: 'metadata', at }),
    ])
    const node = { store, provider, reconcileEveryMs: 60_000 }
    const nodes = await Promise.all(['one', 'two'].map((name) => openService({ ...node, node: name })))
    t.after(async () => {
      await Promise.all(nodes.map(({ stop }) => stop()))
      await store.close()
    })
    const [one] = nodes
    assert.ok(one)
    await until(async () => (await silences(one, instance.id)).length > 0, 'it is recorded')
    nodes.push(await openService({ ...node, node: 'three' }))
    // The others look again, now that it is.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.deepEqual(await silences(one, instance.id), [
      'no sign of the guest by disk within 120 s; it was served by metadata',
    ])
  })

  it('has the time that its provider says, where that is longer', async (t) => {
    const opened = await open(t, { signWithinMs: 20, cloud: { capabilities: { signWithinMs: 60 } } })
    const { id } = await opened.service.create({ spec: SPEC }, RED)
    await until(async () => (await silences(opened, id)).length === 2, 'both are recorded')
    for (const detail of await silences(opened, id)) assert.match(detail, /within 0\.06 s$/)
  })

  it('is none by which nothing could be seen', async (t) => {
    const deliveries = [way('metadata', { evidence: [] }), way('disk')]
    const opened = await open(t, { signWithinMs: 20, cloud: { capabilities: { deliveries } } })
    const { id } = await opened.service.create({ spec: SPEC }, RED)
    await until(async () => (await silences(opened, id)).length > 0, 'the other is recorded')
    assert.deepEqual(await silences(opened, id), ['no sign of the guest by disk within 0.02 s'])
  })

  it('is none that nobody can listen to without its owner', async (t) => {
    const issuer = 'https://keystone.example.org'
    const alice = { subject: `${issuer}/alice`, project: `${issuer}/red`, role: 'member' } as const
    const deliveries = [way('metadata', { evidence: ['report'] }), way('disk')]
    const callers = { issuer, known: new Map([['token', alice]]) }
    const opened = await open(t, { signWithinMs: 20, cloud: { capabilities: { deliveries }, callers } })
    const caller = { ...alice, credential: { issuer, token: 'token' } }
    const { id } = await opened.service.create({ spec: SPEC }, caller)
    await until(async () => (await silences(opened, id, caller)).length > 0, 'the other is recorded')
    assert.deepEqual(await silences(opened, id, caller), ['no sign of the guest by metadata within 0.02 s'])
  })

  it('is looked for anew where the guest gets other data', async (t) => {
    const capabilities = { deliveries: [way('disk')], update: 'live' } as const
    const opened = await open(t, { signWithinMs: 20, cloud: { capabilities } })
    const { id } = await opened.service.create({ spec: SPEC }, RED)
    await until(async () => (await silences(opened, id)).length === 1, 'it is recorded')
    await opened.service.get(id, RED)
    await opened.service.replaceUserData(id, { userData: Buffer.from('x'), mayRebuild: false }, RED)
    await until(async () => (await silences(opened, id)).length === 2, 'and for the new data')
    assert.deepEqual((await opened.service.delivery(id, RED)).silent, ['disk'])
  })
})
