import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { writeContextDisk } from '../../src/deliveries/disk.ts'
import { parseConsoleLine, toEvent } from '../../src/formats/guest-report.ts'
import { sha256 } from '../../src/model/digest.ts'
import { deliveryOf, type ContextEvent, type Delivery } from '../../src/model/events.ts'
import type { PlannedDelivery } from '../../src/model/plan.ts'
import { vendorDataFor } from '../../src/service/vendor-data.ts'
import { CONTEXT } from './cloud-init/context.ts'
import { needCloudInit, runCloudInit, type Outcome } from './cloud-init/peer.ts'

const MARK = '/var/lib/ran'

/** User data, and what there must be to see of them; `ran` is what really happened, which only some sources can show. */
const CASES: Readonly<
  Record<string, { readonly userData: Uint8Array; readonly ran: boolean; readonly proven?: 'applied' | 'failed' }>
> = {
  'a good script': { userData: Buffer.from(`#!/bin/sh\necho ran >${MARK}\n`), ran: true, proven: 'applied' },
  'a failing script': { userData: Buffer.from(`#!/bin/sh\necho ran >${MARK}\nexit 3\n`), ran: true, proven: 'failed' },
  'a good cloud-config': {
    userData: Buffer.from(`#cloud-config\nruncmd: ['echo ran >${MARK}']\n`),
    ran: true,
    proven: 'applied',
  },
  'broken YAML': { userData: Buffer.from(`#cloud-config\nruncmd: ['echo ran >${MARK}'\nx: ]\n`), ran: false },
  'a bare JSON document': { userData: Buffer.from(`{"runcmd": ["echo ran >${MARK}"]}\n`), ran: false },
  'a script that is not UTF-8': {
    userData: Buffer.from(`#!/bin/sh\n# \xff\necho ran >${MARK}\n`, 'latin1'),
    ran: false,
  },
}

/** What Bellhop gives guests beside the user's bytes where it plans this. */
function beside(delivery: Pick<PlannedDelivery, 'method' | 'evidence'>): Uint8Array {
  const plan = { provider: 'qemu', deliveries: [{ layouts: ['openstack'], why: 'test', ...delivery }], warnings: [] }
  return vendorDataFor(plan) ?? assert.fail('there is something to add')
}

const BY_SERVER = beside({ method: 'metadata', evidence: ['access', 'report'] })
const BY_CONSOLE = beside({ method: 'disk', evidence: ['console'] })

/** What is known where these events were recorded. */
function deliveryBy(method: 'metadata' | 'disk', events: readonly ContextEvent[]): Delivery {
  const about = { instanceId: CONTEXT.guestId, revision: 1, at: 0 }
  return deliveryOf([{ ...about, kind: 'offered', source: 'service', method }, ...events], 1)
}

/** What the console says, as a gateway that listens to it records it. */
function heardOn({ console }: Outcome, userData: Uint8Array): readonly ContextEvent[] {
  const about = { instanceId: CONTEXT.guestId, revision: 1, at: 0, evidence: 'console' } as const
  return console.split('\n').flatMap((line) => {
    const word = parseConsoleLine(line, userData)
    return word ? [toEvent(word, { ...about, userDataSha256: sha256(userData) })] : []
  })
}

describe('a real cloud-init', () => {
  for (const [name, { userData, ran, proven }] of Object.entries(CASES)) {
    const ends = proven ?? 'fetched: finished, use not proven'

    it(`with ${name}, by our metadata server and its reports: ${ends}`, async (t) => {
      if (!needCloudInit(t)) return
      const outcome = await runCloudInit(t, {
        dmi: { product_name: 'OpenStack Nova' },
        stages: 'init config final',
        served: { userData, vendorData: BY_SERVER },
      })
      const { events } = outcome
      assertKeysAccepted(outcome)
      assertRan(outcome, ran)
      const fetched = events.filter(({ kind }) => kind === 'fetched')
      assert.deepEqual(
        fetched.map(({ sha256, bytes, source }) => [sha256, bytes, source]),
        [[sha256(userData), userData.length, 'metadata']],
        'once, and these very bytes',
      )
      assertEndsAs(deliveryBy('metadata', events), proven)
      assert.equal(deliveryBy('metadata', events).servedBy, 'metadata')
      const ofServer = events.filter(({ source }) => source === 'metadata')
      assert.equal(deliveryBy('metadata', ofServer).state, 'fetched', 'accesses alone prove no use')
      assertEndsAs(deliveryBy('metadata', heardOn(outcome, userData)), undefined)
    })

    it(`with ${name}, by our disk, without a network, by its console: ${ends}`, async (t) => {
      if (!needCloudInit(t)) return
      const disk = writeContextDisk(
        { ...CONTEXT, userData, vendorData: BY_CONSOLE },
        { layouts: ['openstack'], format: 'iso' },
      )
      const outcome = await runCloudInit(t, { disk })
      assertKeysAccepted(outcome)
      assertRan(outcome, ran)
      const delivery = deliveryBy('disk', heardOn(outcome, userData))
      assertEndsAs(delivery, proven)
      assert.equal(delivery.servedBy, 'disk')
    })
  }

  for (const name of ['a good script', 'a failing script'] as const)
    it(`with ${name}, whose reports reach nobody: it is known to have read its disk, and nothing more`, async (t) => {
      if (!needCloudInit(t)) return
      const { userData } = CASES[name] ?? assert.fail()
      const disk = writeContextDisk(
        { ...CONTEXT, userData, vendorData: BY_SERVER },
        { layouts: ['openstack'], format: 'iso' },
      )
      const outcome = await runCloudInit(t, { disk })
      assertRan(outcome, true)
      assert.deepEqual(outcome.events, [])
      assertEndsAs(deliveryBy('disk', heardOn(outcome, userData)), undefined)
    })

  it('that is told by its user to phone home to us has finished, and has proven no use by that', async (t) => {
    if (!needCloudInit(t)) return
    const userData = Buffer.from(
      '#cloud-config\nphone_home: {url: "http://169.254.169.254/report", post: all, tries: 2}\n',
    )
    const { events } = await runCloudInit(t, {
      dmi: { product_name: 'OpenStack Nova' },
      stages: 'init config final',
      served: { userData },
    })
    const told = events.filter(({ source }) => source === 'cloud-init')
    assert.deepEqual(
      told.map(({ kind, detail }) => [kind, detail]),
      [['finished', 'cloud-init phoned home']],
    )
    assertEndsAs(deliveryBy('metadata', events), undefined)
  })
})

function assertRan(outcome: Outcome, ran: boolean): void {
  assert.equal(Buffer.from(outcome.read(MARK)).toString(), ran ? 'ran\n' : '', 'what really happened')
}

/** cloud-init ends each stage with an error where `reporting` has a key that it does not know. */
function assertKeysAccepted({ failedStages, log }: Outcome): void {
  assert.deepEqual(
    failedStages.filter((stage) => !stage.startsWith('final ')),
    [],
  )
  assert.doesNotMatch(log, /Invalid cloud-config provided|bellhop.*(?:unexpected|invalid)/i)
}

function assertEndsAs({ state, finishedUnproven }: Delivery, proven: 'applied' | 'failed' | undefined): void {
  assert.equal(state, proven ?? 'fetched')
  assert.equal(finishedUnproven, proven === undefined)
}
