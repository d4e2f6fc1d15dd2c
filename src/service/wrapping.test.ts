import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import { parseMime } from '../formats/mime.ts'
import { sha256 } from '../model/digest.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller, Instance, InstanceSpec } from '../model/instance.ts'
import type { Capabilities } from '../providers/provider.ts'
import { planDelivery, type PlanRules } from './plan.ts'
import { carriedSpec } from './wrapping.ts'

const ID = '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11'
const SCRIPT = Buffer.from('#!/bin/sh\necho hello\n')
const WISH = sampleSpec({ userData: SCRIPT, wrap: true })
const THEIRS = {
  method: 'metadata',
  by: 'provider',
  layouts: ['openstack'],
  userDataMaxBytes: 2000,
  evidence: ['console'],
} as const
const RULES: PlanRules = {
  servesMetadata: true,
  userDataMaxBytes: 10_000,
  reportUrl: (id) => `https://reports.example.org/report/${id}.x`,
}

function plan(
  spec: InstanceSpec,
  {
    rules = RULES,
    delivery = THEIRS,
    id,
  }: { rules?: PlanRules; delivery?: Capabilities['deliveries'][number]; id?: string } = {},
) {
  return planDelivery(spec, { name: 'there', capabilities: { deliveries: [delivery] } }, rules, id)
}

function refused(code: ErrorCode, words: RegExp, ...given: Parameters<typeof plan>): void {
  assert.throws(
    () => plan(...given),
    (error) => isCloudError(error, code) && words.test(error.message),
  )
}

describe('wrapping', () => {
  it('is planned with both digests, and with the report that it is for', () => {
    const planned = plan(WISH, { id: ID })
    const { userData } = carriedSpec(sampleInstance({ id: ID, spec: WISH, plan: planned }), RULES.reportUrl)
    assert.ok(userData)
    assert.deepEqual(planned.wrapped, { sizeBytes: userData.byteLength, sha256: sha256(userData) })
    assert.deepEqual([planned.userData?.sha256, planned.userData?.sizeBytes], [sha256(SCRIPT), SCRIPT.length])
    assert.ok(planned.deliveries[0]?.evidence.includes('report'))
    assert.match(Buffer.from(userData).toString(), new RegExp(`endpoint: "https://reports.example.org/report/${ID}.x"`))
  })

  it('has its size, and no digest yet, where there is no instance', () => {
    assert.deepEqual(plan(WISH).wrapped, { sizeBytes: plan(WISH, { id: ID }).wrapped?.sizeBytes })
  })

  it('leaves a phone call of the user’s as he wrote it', () => {
    const told = (userData: Buffer): string => {
      const spec = sampleSpec({ userData, wrap: true })
      const carried = carriedSpec(sampleInstance({ id: ID, spec, plan: plan(spec, { id: ID }) }), RULES.reportUrl)
      return Buffer.from(carried.userData ?? []).toString()
    }
    const own = '#cloud-config\nphone_home: {url: "https://example.org/"}\n'
    for (const userData of [own, gzipSync(own)]) {
      assert.match(told(Buffer.from(userData)), /^reporting:/m)
      assert.doesNotMatch(told(Buffer.from(userData)), /^phone_home:/m)
    }
    assert.match(told(Buffer.from('#!/bin/sh\n# no phone_home here\n')), /^phone_home:/m)
  })

  it('is of the very bytes that the plan shows, or of none', () => {
    const instance = sampleInstance({ id: ID, spec: WISH, plan: plan(WISH, { id: ID }) })
    assert.throws(
      () => carriedSpec(instance, (id) => `https://elsewhere.example.org/report/${id}.x`),
      (error) => isCloudError(error, 'unsupported') && /report\.url is another/.test(error.message),
    )
  })

  it('counts what the cloud is given against its limit', () => {
    const limit = plan(WISH).wrapped?.sizeBytes ?? 0
    assert.ok(limit > SCRIPT.length)
    assert.ok(plan(WISH, { delivery: { ...THEIRS, userDataMaxBytes: limit } }).wrapped)
    const both = new RegExp(`${SCRIPT.length} bytes, and ${limit} bytes wrapped; there takes ${limit - 1}$`)
    refused('too-large', both, WISH, { delivery: { ...THEIRS, userDataMaxBytes: limit - 1 } })
  })

  it('is done where the user asks for it, and nothing of ours can stand beside his data', () => {
    const { wrap: _, ...unasked } = WISH
    assert.equal(plan(unasked).wrapped, undefined)
    assert.deepEqual(plan(unasked).deliveries[0]?.evidence, ['console'])
    assert.equal(plan(WISH, { rules: { ...RULES, hearsFrom: new Set(['there']) } }).wrapped, undefined)
    assert.equal(plan(WISH, { delivery: { ...THEIRS, by: 'bellhop' } }).wrapped, undefined)
    const instance = sampleInstance({ spec: unasked, plan: plan(unasked) })
    assert.equal(carriedSpec(instance, RULES.reportUrl), unasked)
  })

  it('is refused where it can be of no use', () => {
    const { reportUrl: _, ...nowhere } = RULES
    refused('unsupported', /report\.url/, WISH, { rules: nowhere })
    refused('invalid', /tracking is off/, { ...WISH, tracking: false })
    refused('invalid', /tracking is off/, WISH, { rules: { ...RULES, tracks: false } })
    refused('invalid', /no userData/, sampleSpec({ wrap: true }))
    refused('unsupported', /JSON/, { ...WISH, userData: Buffer.from('{"a": 1}') })
  })
})

describe('an instance whose data are wrapped', () => {
  const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
  const OTHER = Buffer.from('#cloud-config\nruncmd: [ls]\n')
  const capabilities = { update: 'live', deliveries: [THEIRS] } as const

  async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
    const opened = await openService({ cloud: { capabilities }, rules: RULES, ...options })
    t.after(opened.close)
    return opened
  }

  /** What its cloud has in the place of its data is what its plan shows, and holds them. */
  async function assertCarried({ provider }: OpenService, { id, plan }: Instance, userData: Uint8Array): Promise<void> {
    const [machine, ...more] = await provider.made(id)
    assert.equal(more.length, 0)
    const carried = machine?.request.spec.userData ?? assert.fail('it has user data')
    assert.deepEqual(plan.wrapped, { sizeBytes: carried.byteLength, sha256: sha256(carried) })
    assert.deepEqual(Buffer.from(parseMime(Buffer.from(carried).toString('latin1'))[0]?.bytes ?? []), userData)
  }

  it('has them so at its cloud, and others that come in their place, until there are none', async (t) => {
    const opened = await open(t)
    const { service, provider } = opened
    const { id } = await service.create({ spec: WISH }, ALICE)
    const made = await service.get(id, ALICE)
    await assertCarried(opened, made, SCRIPT)
    const changed = await service.replaceUserData(made.id, { userData: OTHER, mayRebuild: false }, ALICE)
    await assertCarried(opened, changed, OTHER)
    assert.notEqual(changed.plan.wrapped?.sha256, made.plan.wrapped?.sha256)
    const emptied = await service.replaceUserData(made.id, { mayRebuild: false }, ALICE)
    assert.deepEqual(
      [emptied.plan.wrapped, (await provider.made(made.id))[0]?.request.spec.userData],
      [undefined, undefined],
    )
    await assertCarried(
      opened,
      await service.replaceUserData(made.id, { userData: SCRIPT, mayRebuild: false }, ALICE),
      SCRIPT,
    )
  })

  it('has others as they are where that is asked for, and keeps to it', async (t) => {
    const { service, provider } = await open(t)
    const { id } = await service.create({ spec: WISH }, ALICE)
    await service.get(id, ALICE)
    const replace = async (userData: Buffer, wrap?: boolean) => {
      const said = wrap === undefined ? {} : { wrap }
      const { plan } = await service.replaceUserData(id, { userData, mayRebuild: false, ...said }, ALICE)
      const carried = (await provider.made(id))[0]?.request.spec.userData
      return [plan.wrapped !== undefined, userData.equals(carried ?? Buffer.of())]
    }
    const json = Buffer.from('{"a": 1}')
    await assert.rejects(replace(json), /leave it unwrapped/)
    assert.deepEqual(await replace(json, false), [false, true])
    assert.deepEqual(await replace(OTHER), [false, true])
    assert.deepEqual(await replace(OTHER, true), [true, false])
  })

  it('can have none any more where nothing of it had to be wrapped, either', async (t) => {
    const { service } = await open(t, { cloud: {} })
    const { id, plan } = await service.create({ spec: WISH }, ALICE)
    assert.equal(plan.wrapped, undefined)
    await service.get(id, ALICE)
    assert.equal((await service.replaceUserData(id, { mayRebuild: false }, ALICE)).userDataSha256, undefined)
  })

  it('keeps its former data where others cannot be wrapped', async (t) => {
    const opened = await open(t)
    const { service } = opened
    const { id } = await service.create({ spec: WISH }, ALICE)
    const made = await service.get(id, ALICE)
    const replaced = service.replaceUserData(made.id, { userData: Buffer.from('{}'), mayRebuild: false }, ALICE)
    await assert.rejects(
      replaced,
      (error) => isCloudError(error, 'unsupported') && /leave it unwrapped/.test(error.message),
    )
    await assertCarried(opened, await service.get(made.id, ALICE), SCRIPT)
  })

  it('is launched with the very bytes of its plan by whoever mends it after a crash', async (t) => {
    const opened = await open(t, { cloud: { capabilities, faults: { create: { before: 'hang' } } }, answerMs: 20 })
    const { service, provider, store, stop } = opened
    const { id, plan: planned } = await service.create({ spec: WISH }, ALICE)
    await stop()
    assert.deepEqual(await provider.made(id), [])
    await provider.setFaults({})
    const later = await openService({ store, provider, rules: RULES, reconcileEveryMs: 10 })
    t.after(later.stop)
    for (const end = Date.now() + 20_000; (await provider.made(id)).length === 0; await sleep(10))
      assert.ok(Date.now() < end, 'it is mended')
    await assertCarried(later, { ...(await later.service.get(id, ALICE)), plan: planned }, SCRIPT)
  })
})
