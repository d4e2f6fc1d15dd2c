import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import type { Evidence } from '../model/events.ts'
import type { Plan } from '../model/plan.ts'
import { vendorDataFor } from './vendor-data.ts'

function planned(evidence: readonly Evidence[], more: Partial<Plan> = {}): Plan {
  const deliveries = [{ method: 'metadata', layouts: ['openstack'], why: 'test', evidence } as const]
  return { provider: 'qemu', deliveries, warnings: [], ...more }
}

function told(plan: Plan, userData?: string): unknown {
  const text = vendorDataFor(plan, userData === undefined ? undefined : Buffer.from(userData))
  return text && parse(Buffer.from(text).toString())
}

describe('what a guest is told beside the data', () => {
  it('is to post its events, and its host keys, to the metadata server: with keys that every cloud-init takes', () => {
    const url = 'http://169.254.169.254/report'
    assert.deepEqual(told(planned(['access', 'report', 'console'])), {
      reporting: { bellhop: { type: 'webhook', endpoint: url, timeout: 2, retries: 1 } },
      phone_home: {
        url,
        post: ['instance_id', 'hostname', 'fqdn', 'pub_key_rsa', 'pub_key_ecdsa', 'pub_key_ed25519'],
        tries: 2,
      },
    })
  })

  it('is to print its events where only a console is read, which has no room for a phone call', () => {
    assert.deepEqual(told(planned(['console'])), { reporting: { bellhop: { type: 'print' } } })
  })

  it('leaves a phone call of the user’s own as he wrote it, wherever it may be in his data', () => {
    const keysBeside = (userData: string) => Object.keys(told(planned(['report']), userData) ?? {})
    for (const own of [
      '#cloud-config\nphone_home: {url: "http://x/"}\n',
      '#cloud-config-archive\n- "phone_home: {}"\n',
    ])
      assert.deepEqual(keysBeside(own), ['reporting'])
    for (const other of ['#cloud-config\nruncmd: [ls]\n', '#!/bin/sh\necho phone_home\n', ''])
      assert.deepEqual(keysBeside(other), ['reporting', 'phone_home'])
  })

  it('is nothing where nobody listens, or tracking is off', () => {
    assert.equal(told(planned([])), undefined)
    assert.equal(told(planned(['access', 'report', 'console'], { tracking: false })), undefined)
  })
})
