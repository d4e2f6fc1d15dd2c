import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import { sha256 } from '../model/digest.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
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
    assert.deepEqual(planned.deliveries[0]?.evidence, ['report', 'console'])
    assert.match(Buffer.from(userData).toString(), new RegExp(`endpoint: "https://reports.example.org/report/${ID}.x"`))
  })

  it('has its size, and no digest yet, where there is no instance', () => {
    assert.deepEqual(plan(WISH).wrapped, { sizeBytes: plan(WISH, { id: ID }).wrapped?.sizeBytes })
  })

  it('counts what the cloud is given against its limit', () => {
    const limit = plan(WISH).wrapped?.sizeBytes ?? 0
    assert.ok(limit > SCRIPT.length)
    assert.ok(plan(WISH, { delivery: { ...THEIRS, userDataMaxBytes: limit } }).wrapped)
    refused('too-large', new RegExp(`${limit} bytes`), WISH, { delivery: { ...THEIRS, userDataMaxBytes: limit - 1 } })
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
