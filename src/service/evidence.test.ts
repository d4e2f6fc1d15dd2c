import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { openService, type OpenService } from '../../test/e2e/service.ts'
import { sha256 } from '../model/digest.ts'
import type { ContextEvent, EventKind } from '../model/events.ts'
import type { Caller, Instance } from '../model/instance.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const [BEFORE, AFTER] = ['before', 'after'].map((word) => Buffer.from(`#!/bin/sh\necho ${word}\n`))
const DELIVERY = {
  method: 'metadata',
  by: 'provider',
  layouts: ['openstack'],
  userDataMaxBytes: 10_000,
  evidence: ['console'],
} as const
const PATIENCE_MS = 20_000

/** A machine of a cloud that shows consoles, whose data are wrapped. */
async function open(t: TestContext): Promise<OpenService & { readonly made: Instance }> {
  const opened = await openService({
    cloud: { capabilities: { update: 'live', deliveries: [DELIVERY] } },
    rules: { servesMetadata: true, userDataMaxBytes: 10_000, reportUrl: (id) => `https://192.0.2.1/report/${id}.x` },
    listenEveryMs: 5,
  })
  t.after(opened.close)
  const spec = sampleSpec({ wrap: true, ...(BEFORE ? { userData: BEFORE } : {}) })
  const { id } = await opened.service.create({ spec }, ALICE)
  return { ...opened, made: await opened.service.get(id, ALICE) }
}

/** As the agent says it of what it found. */
async function say({ provider, made }: Pick<OpenService, 'provider'> & { made: Instance }, digest: string | undefined) {
  const word = { agent: 'agent', stage: 'applied', exitCode: 0, bytes: 1, sha256: digest, detail: 'all was done' }
  await provider.writeConsole(made.remoteId ?? '', `BELLHOP ${JSON.stringify(word)}\n`)
}

async function seen(
  { service, made }: Pick<OpenService, 'service'> & { made: Instance },
  ...kinds: readonly EventKind[]
) {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(5)) {
    const found = (await service.events(made.id, ALICE)).find(
      ({ source, kind }) => source === 'agent' && kinds.includes(kind),
    )
    if (found) return found
    assert.ok(Date.now() < end, 'it is heard')
  }
}

/** Of a machine that our metadata server serves. */
const OURS = { ...DELIVERY, by: 'bellhop', evidence: ['access', 'console'] } as const

const told = ({ kind, sha256: digest, bytes, detail }: ContextEvent) => [kind, digest, bytes, detail]

describe('a guest that says on its console what it read', () => {
  it('speaks of the user’s data where it read the message that holds them', async (t) => {
    const opened = await open(t)
    await say(opened, opened.made.plan.wrapped?.sha256)
    assert.deepEqual(told(await seen(opened, 'applied', 'failed')), [
      'applied',
      opened.made.userDataSha256,
      undefined,
      'all was done; the data came wrapped',
    ])
    assert.equal((await opened.service.delivery(opened.made.id, ALICE)).state, 'applied')
  })

  it('has failed where it read anything else', async (t) => {
    const opened = await open(t)
    await say(opened, sha256(Buffer.of(1)))
    assert.equal((await seen(opened, 'applied', 'failed')).kind, 'failed')
  })

  it('says nothing of new data by the message of the former ones, and all by that of the new', async (t) => {
    const opened = await open(t)
    const { service, made } = opened
    const changed = await service.replaceUserData(
      made.id,
      { mayRebuild: false, ...(AFTER ? { userData: AFTER } : {}) },
      ALICE,
    )
    assert.notEqual(changed.plan.wrapped?.sha256, made.plan.wrapped?.sha256)
    await say(opened, made.plan.wrapped?.sha256)
    assert.equal((await seen(opened, 'failed')).revision, 2)
    assert.equal((await service.delivery(made.id, ALICE)).state, 'offered')
    await say(opened, changed.plan.wrapped?.sha256)
    assert.equal((await seen(opened, 'applied')).sha256, changed.userDataSha256)
    assert.equal((await service.delivery(made.id, ALICE)).state, 'applied')
  })

  it('says nothing of new data before it has asked for them, also where we begin anew meanwhile', async (t) => {
    const first = await openService({ cloud: { capabilities: { deliveries: [OURS] } }, listenEveryMs: 5 })
    const { store, provider } = first
    t.after(first.close)
    const { id } = await first.service.create({ spec: sampleSpec(BEFORE ? { userData: BEFORE } : {}) }, ALICE)
    const made = await first.service.get(id, ALICE)
    const write = (stage: string) =>
      provider.writeConsole(made.remoteId ?? '', `BELLHOP ${JSON.stringify({ agent: 'agent', stage, exitCode: 0 })}\n`)
    await first.service.replaceUserData(id, { mayRebuild: false, ...(AFTER ? { userData: AFTER } : {}) }, ALICE)
    await write('applied')
    assert.equal((await seen({ service: first.service, made }, 'state', 'applied')).kind, 'state')
    assert.equal((await first.service.delivery(id, ALICE)).state, 'offered')
    await first.stop()

    const fetched = { at: Date.now(), instanceId: id, revision: 2, kind: 'fetched', source: 'metadata' } as const
    await store.appendEvents([{ ...fetched, method: 'metadata' }])
    const { service, stop } = await openService({ store, provider, listenEveryMs: 5 })
    t.after(stop)
    await write('finished')
    await seen({ service, made }, 'finished')
    assert.equal((await service.delivery(id, ALICE)).state, 'fetched', 'the first word is not heard again')
    await write('applied')
    await seen({ service, made }, 'applied')
    assert.equal((await service.delivery(id, ALICE)).state, 'applied')
  })
})
