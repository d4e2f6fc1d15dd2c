import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { sampleEvent, sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import type { Instance } from '../model/instance.ts'
import type { Evidence } from '../model/events.ts'
import { sqliteStore } from '../store/sqlite.ts'
import { contextSource, toContext } from './context.ts'

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

describe('what the metadata server learns of a guest', () => {
  it('is which revision it is on record to have fetched, of those that there are', async (t) => {
    const store = await sqliteStore(':memory:')
    t.after(() => store.close())
    const source = contextSource(store)
    const { id } = await store.insertInstance(atCloud('access'), [])
    const revisions = async () => {
      const { revision, fetchedRevision } = (await source.find(id)) ?? assert.fail('it is not found')
      return [revision, fetchedRevision]
    }
    assert.deepEqual(await revisions(), [1, undefined])
    await store.appendEvents([sampleEvent(id, { kind: 'fetched', source: 'metadata' })])
    assert.deepEqual(await revisions(), [1, 1])
    await store.updateInstance(id, { revision: 2 })
    assert.deepEqual(await revisions(), [2, 1])
    assert.equal(await source.find('unknown'), undefined)
  })
})
