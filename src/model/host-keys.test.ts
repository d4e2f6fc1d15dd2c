import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContextEvent } from './events.ts'
import { hostKeysOf } from './host-keys.ts'

function told(key: string, revision: number, isVerified = false): ContextEvent {
  const event = { at: 0, instanceId: 'i', revision, kind: 'finished', source: 'cloud-init', hostKeys: [key] } as const
  return isVerified ? { ...event, hostKeysVerified: true } : event
}

const OTHER: ContextEvent = { at: 0, instanceId: 'i', revision: 9, kind: 'finished', source: 'cloud-init' }

describe('the host keys of an instance', () => {
  it('are none until its guest tells them', () => {
    assert.equal(hostKeysOf([]), undefined)
    assert.equal(hostKeysOf([OTHER]), undefined)
  })

  it('are what the guest told first of its newest revision that has some', () => {
    const events = [told('a', 1), told('b', 2), told('c', 2), OTHER]
    assert.deepEqual(hostKeysOf(events), { keys: ['b'], verified: false })
  })

  it('are those that are verified, where others came before', () => {
    assert.deepEqual(hostKeysOf([told('a', 1), told('b', 1, true), told('c', 1, true)]), {
      keys: ['b'],
      verified: true,
    })
  })
})
