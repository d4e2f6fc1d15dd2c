import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { deliveryOf } from '../../src/model/events.ts'
import { hostKeysOf } from '../../src/model/host-keys.ts'
import { planDelivery } from '../../src/service/plan.ts'
import { vendorDataFor } from '../../src/service/vendor-data.ts'
import { sampleSpec } from '../conformance/store-samples.ts'
import { needCloudInit, runCloudInit, type Outcome } from './cloud-init/peer.ts'

const MARK = '/var/lib/ran'
const CONFIG = Buffer.from(`#cloud-config\nruncmd: ['echo ran >${MARK}']\n`)

/** What Bellhop adds for a guest that our metadata server serves. */
function beside(tracking: { readonly tracking?: false }): Uint8Array | undefined {
  const deliveries = [
    {
      method: 'metadata',
      by: 'bellhop',
      layouts: ['openstack'],
      userDataMaxBytes: 1000,
      evidence: ['access', 'report', 'console'],
    },
  ] as const
  const rules = { servesMetadata: true, userDataMaxBytes: 1000 }
  const spec = { ...sampleSpec(), userData: CONFIG, ...tracking }
  return vendorDataFor(planDelivery(spec, { name: 'qemu', capabilities: { deliveries } }, rules))
}

/** A first boot, in which cloud-init makes the machine's host keys. */
async function boot(
  t: TestContext,
  vendorData: Uint8Array | undefined,
  userData: Uint8Array = CONFIG,
): Promise<Outcome> {
  return await runCloudInit(t, {
    dmi: { product_name: 'OpenStack Nova' },
    stages: 'init config final',
    served: { userData, ...(vendorData ? { vendorData } : {}) },
  })
}

/** The keys that the machine has, best first. */
function keysIn(outcome: Outcome): readonly string[] {
  const files = ['ed25519', 'ecdsa', 'rsa'].map((type) => outcome.read(`/etc/ssh/ssh_host_${type}_key.pub`))
  const lines = files.filter(({ length }) => length > 0).map((bytes) => Buffer.from(bytes).toString())
  return lines.map((line) => line.split(' ').slice(0, 2).join(' '))
}

function ran(outcome: Outcome): string {
  return Buffer.from(outcome.read(MARK)).toString()
}

describe('a real cloud-init that our metadata server serves', () => {
  it('reports its boot and its host keys by itself, beside the user’s own cloud-config', async (t) => {
    if (!needCloudInit(t)) return
    const outcome = await boot(t, beside({}))
    const { events } = outcome
    assert.equal(ran(outcome), 'ran\n')
    assert.deepEqual(outcome.failedStages, [])
    const keys = keysIn(outcome)
    assert.match(keys.join(), /^ssh-ed25519 \S+/)
    const told = events.filter(({ hostKeys }) => hostKeys !== undefined)
    assert.deepEqual(
      told.map(({ kind, source, hostKeys }) => [kind, source, hostKeys]),
      [['finished', 'cloud-init', keys]],
      'once',
    )
    assert.deepEqual(hostKeysOf(events), { keys, verified: false })
    assert.ok(
      events.some(({ detail }) => detail?.startsWith('modules-final: ')),
      'the webhook comes too',
    )
    assert.equal(deliveryOf(events, 1).state, 'applied')
    const calledAt = events.findIndex(({ hostKeys }) => hostKeys !== undefined)
    assert.notEqual(deliveryOf(events.slice(0, calledAt + 1), 1).state, 'applied', 'the call alone proves no use')
  })

  it('tells nothing where tracking is off, and runs the data all the same', async (t) => {
    if (!needCloudInit(t)) return
    const vendorData = beside({ tracking: false })
    assert.equal(vendorData, undefined)
    const outcome = await boot(t, vendorData)
    assert.equal(ran(outcome), 'ran\n')
    assert.deepEqual(
      [...new Set(outcome.events.map(({ source }) => source))],
      ['metadata'],
      'it asked, and said nothing',
    )
  })

  it('lets the user phone home to where he wants', async (t) => {
    if (!needCloudInit(t)) return
    const own = 'phone_home: {url: "http://169.254.169.254/elsewhere", post: [hostname], tries: 1}\n'
    const { events, log } = await boot(t, beside({}), Buffer.concat([CONFIG, Buffer.from(own)]))
    assert.match(log, /169\.254\.169\.254\/elsewhere/)
    assert.equal(hostKeysOf(events), undefined)
  })
})
