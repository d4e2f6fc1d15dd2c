import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import type { Instance } from '../model/instance.ts'
import type { Evidence } from '../model/plan.ts'
import { toContext } from './context.ts'

const CLOUDS = { method: 'metadata', by: 'provider', layouts: ['openstack'], why: '' } as const

/** An instance whose cloud carries its data, so that this evidence is expected. */
function atCloud(...evidence: readonly Evidence[]): Instance {
  return sampleInstance({
    id: 'ours',
    remoteId: 'theirs',
    spec: sampleSpec({ userData: Buffer.from('#!/bin/sh\n') }),
    plan: { provider: 'site', deliveries: [{ ...CLOUDS, evidence }], warnings: [] },
  })
}

describe('what a guest is told beside its cloud', () => {
  it('is of the same machine, with the very bytes', () => {
    const { guestId, userData } = toContext(atCloud('console'))
    assert.equal(guestId, 'theirs')
    assert.deepEqual(userData, Buffer.from('#!/bin/sh\n'))
  })

  it('is how to report to us where its requests come to us, else how to speak on the console', () => {
    const vendorData = (...evidence: readonly Evidence[]) =>
      Buffer.from(toContext(atCloud(...evidence)).vendorData ?? []).toString()
    assert.match(vendorData('access', 'report', 'console'), /endpoint: "http:\/\/169\.254\.169\.254\/report"/)
    assert.match(vendorData('console'), /type: print/)
    assert.equal(vendorData(), '')
  })
})
