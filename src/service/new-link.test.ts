import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { missingNetworks } from './new-link.ts'
import type { Shared } from './networks.ts'

const sharedOf = (id: string, change: Partial<Shared> = {}): Shared => ({
  network: { id, provider: 'site', remoteId: id, state: 'active', spec: { labels: {} }, createdAt: 0, updatedAt: 0 },
  isFixed: false,
  onlyAsked: false,
  ...change,
})
const OUTSIDE = sharedOf('outside', { onlyAsked: true })
const ids = (...given: Parameters<typeof missingNetworks>) =>
  missingNetworks(...given).map((spec) => spec.kind === 'network' && spec.networkId)

describe('the networks that a new machine is on without being asked for', () => {
  it('are those that are fixed, whatever else is asked for', () => {
    const all = [sharedOf('a'), sharedOf('b', { isFixed: true })]
    assert.deepEqual(ids(all, []), ['b'])
    assert.deepEqual(ids(all, [{ kind: 'network', networkId: 'a' }]), ['b'])
    assert.deepEqual(ids(all, [{ kind: 'network', networkId: 'b' }]), [])
  })

  it('are one at least, and never one that is for those who ask', () => {
    assert.deepEqual(ids([OUTSIDE, sharedOf('a'), sharedOf('b')], []), ['a'])
    assert.deepEqual(ids([OUTSIDE], []), [])
    assert.deepEqual(ids([sharedOf('a'), OUTSIDE], [{ kind: 'network', networkId: 'outside' }]), [])
  })
})
