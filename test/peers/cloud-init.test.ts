import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { writeContextDisk } from '../../src/deliveries/disk.ts'
import { DISKS, type DiskFormat } from '../../src/disks/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import { vendorDataFor } from '../../src/service/vendor-data.ts'
import { CONTEXT, SCRIPT } from './cloud-init/context.ts'
import { needCloudInit, runCloudInit, type Delivery, type Outcome } from './cloud-init/peer.ts'

/** What makes a machine one of a certain cloud, to ds-identify and to the data sources. */
const MACHINES = {
  openstack: { product_name: 'OpenStack Nova' },
  // 22.4.2 takes a machine for one of AWS, which needs session tokens, only where both say so.
  aws: {
    product_uuid: 'ec2e1916-9099-7caf-fd21-012345abcdef',
    product_serial: 'ec2e1916-9099-7caf-fd21-012345abcdef',
  },
  nocloud: { product_serial: 'ds=nocloud;s=http://169.254.169.254/seed/;dsmode=net' },
} as const

const AFTER_LOCAL = 'init config final'

/** Warnings that say nothing of the delivery, and why. */
const HARMLESS: readonly { readonly line: RegExp; readonly because: string }[] = [
  {
    line: /DataSourceEc2\.py\[WARNING\]: Metadata 'network' key not valid: None\.$/,
    because:
      'as with Nova, there is no network/ below EC2 metadata: cloud-init then asks DHCP, as it would have anyway',
  },
  {
    line: /warnings\.py\[WARNING\]: \*+$/,
    because:
      'the machine has no DMI data of AWS, which this way is about; the banner says that another cloud answers like EC2',
  },
]

/** Each of cloud-init's ways to our metadata server, and what it must then call its source. */
const SERVED: Readonly<Record<string, Omit<Delivery, 'served'> & { readonly found: RegExp }>> = {
  'EC2, without session tokens': { sources: 'Ec2, None', found: /^DataSourceEc2/ },
  'EC2, with session tokens': { dmi: MACHINES.aws, stages: AFTER_LOCAL, found: /^DataSourceEc2/ },
  'OpenStack, which ds-identify finds': { dmi: MACHINES.openstack, stages: AFTER_LOCAL, found: /^DataSourceOpenStack/ },
  'OpenStack, as the only source': {
    sources: 'OpenStack, None',
    dmi: MACHINES.openstack,
    stages: AFTER_LOCAL,
    found: /^DataSourceOpenStack/,
  },
  'NoCloud over HTTP': { dmi: MACHINES.nocloud, found: /^DataSourceNoCloudNet/ },
}

const DRIVES = [
  { layouts: ['nocloud'], found: /^DataSourceNoCloud / },
  { layouts: ['openstack'], found: /^DataSourceConfigDrive / },
  { layouts: ['openstack', 'nocloud', 'ec2'], found: /^DataSourceConfigDrive / },
] as const

/** Text, and bytes that are none. */
const USER_DATA = { script: SCRIPT, 'compressed script': gzipSync(SCRIPT) } as const

/** What the service adds beside the user's bytes, so that cloud-init's webhook comes to the metadata server. */
const VENDOR_DATA =
  vendorDataFor({
    provider: 'qemu',
    deliveries: [{ method: 'metadata', layouts: ['openstack'], why: 'test', evidence: ['access', 'report'] }],
    warnings: [],
  }) ?? assert.fail('there is something to add')

/** User data, by the event that must come of it. */
const ENDINGS = { applied: SCRIPT, failed: Buffer.from('#!/bin/sh\nexit 3\n') } as const

describe('cloud-init', () => {
  for (const [way, { found, ...machine }] of Object.entries(SERVED))
    for (const [kind, userData] of Object.entries(USER_DATA))
      it(`gets a ${kind} from our metadata server: ${way}`, async (t) => {
        if (!needCloudInit(t)) return
        const outcome = await runCloudInit(t, { ...machine, served: { userData } })
        assertApplied(t, outcome, userData, found)
        assertRecorded(outcome, userData)
      })

  it('speaks IMDSv2 to our metadata server where the machine says that it is of AWS', async (t) => {
    if (!needCloudInit(t)) return
    const { log } = await runCloudInit(t, { dmi: MACHINES.aws, stages: 'init', served: { userData: SCRIPT } })
    assert.match(log, /\/latest\/api\/token' with .*'PUT'/)
    assert.match(log, /\/meta-data\/' with .*'X-aws-ec2-metadata-token'/)
    assert.doesNotMatch(log, /IMDSv1|401 Client Error/)
  })

  for (const way of ['OpenStack, which ds-identify finds', 'NoCloud over HTTP'])
    for (const [kind, userData] of Object.entries(ENDINGS))
      it(`reports to us, by itself, that user data ${kind === 'failed' ? 'failed' : 'was applied'}: ${way}`, async (t) => {
        if (!needCloudInit(t)) return
        const { events } = await runCloudInit(t, { ...SERVED[way], served: { userData, vendorData: VENDOR_DATA } })
        const ended = events.filter(({ source, kind }) => source === 'cloud-init' && kind !== 'state')
        // Its phone call may overtake its reports, which a thread of its own posts.
        assert.deepEqual(new Set(ended.map(({ kind }) => kind)), new Set([kind, 'finished']))
        assert.ok(ended.some(({ detail }) => detail === 'cloud-init phoned home'))
      })

  for (const format of Object.keys(DISKS) as DiskFormat[])
    for (const { layouts, found } of DRIVES)
      for (const [kind, userData] of Object.entries(USER_DATA))
        it(`gets a ${kind} from our disk: ${layouts.join(', ')} on ${format}`, async (t) => {
          if (!needCloudInit(t)) return
          const disk = writeContextDisk({ ...CONTEXT, userData }, { layouts, format })
          const outcome = await runCloudInit(t, { disk })
          assertApplied(t, outcome, userData, found)
          if (layouts.some((layout) => layout === 'openstack')) assertFilesWritten(outcome)
        })
})

/** The machine took its name, the key and the very bytes of the user data, and ran them. */
function assertApplied(t: TestContext, outcome: Outcome, userData: Uint8Array, found: RegExp): void {
  assert.match(outcome.dataSource, found)
  assert.deepEqual(outcome.failedStages, [])
  assert.deepEqual(outcome.errors, [])
  assert.deepEqual(unexpected(outcome.warnings), [])
  const instance = textOf(outcome.read('/var/lib/cloud/data/instance-id'))
  const kept = outcome.read(`/var/lib/cloud/instances/${instance}/user-data.txt`)
  assert.equal(sha256(kept), sha256(userData), 'cloud-init has the bytes that were given')
  assert.equal(textOf(outcome.read('/var/lib/delivered')), `root ${sha256(SCRIPT)}`, 'the script ran, unchanged')
  assert.equal(textOf(outcome.read('/etc/hostname')), CONTEXT.hostname)
  const keys = textOf(outcome.read('/home/debian/.ssh/authorized_keys')).split('\n')
  assert.deepEqual(
    keys,
    CONTEXT.publicKeys.map(({ text }) => text),
  )
  t.diagnostic(outcome.dataSource)
}

function unexpected(warnings: readonly string[]): readonly string[] {
  return warnings.filter((warning) => !HARMLESS.some(({ line }) => line.test(warning)))
}

/** Our server knows that these bytes were fetched. */
function assertRecorded({ events }: Outcome, userData: Uint8Array): void {
  const fetched = events.filter(({ kind }) => kind === 'fetched')
  assert.ok(fetched.length > 0, 'the user data is seen to be fetched')
  for (const event of fetched) {
    assert.equal(event.sha256, sha256(userData))
    assert.equal(event.instanceId, CONTEXT.guestId)
    assert.equal(event.method, 'metadata')
  }
}

function assertFilesWritten(outcome: Outcome): void {
  for (const { path, bytes } of CONTEXT.files)
    assert.deepEqual(Buffer.from(outcome.read(path)), Buffer.from(bytes), path)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim()
}
