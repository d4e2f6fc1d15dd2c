import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { openService } from '../../test/e2e/service.ts'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { nocloud } from '../layouts/nocloud.ts'
import { isCloudError } from '../model/errors.ts'
import type { Caller, InstanceSpec } from '../model/instance.ts'
import { capabilitiesOf } from '../providers/qemu/capabilities.ts'
import { injectedFiles } from './injected-files.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const SEED = 'var/lib/cloud/seed/nocloud-net'
const SCRIPT = Buffer.from('#!/bin/sh\n')

/** What the provider is given to write into the machine's disk. */
async function offered(spec: Partial<InstanceSpec>) {
  const { deliveries } = capabilitiesOf('always', () => undefined)
  const { service, provider, close } = await openService({ cloud: { capabilities: { deliveries } } })
  try {
    const { id } = await service.create({ spec: sampleSpec(spec) }, RED)
    const [machine] = await provider.made(id)
    const offers = machine?.request.offers ?? []
    const injection = offers.find((offer) => offer.method === 'injection')
    assert.ok(injection)
    return {
      id,
      files: injection.files,
      ways: offers.map(({ method }) => method),
      delivery: await service.delivery(id, RED),
    }
  } finally {
    await close()
  }
}

describe('what is written into a machine’s own disk', () => {
  it('is ready before the boot, as the last of the ways, and is a seed that cloud-init reads as ours', async () => {
    const { id, files, ways, delivery } = await offered({ userData: SCRIPT, hostname: 'web-1', variables: { a: 'b' } })
    assert.deepEqual(ways, ['metadata', 'disk', 'injection'])
    assert.equal(delivery.methods.injection, 'offered')
    const told = await nocloud.read(async (path) => files.get(`${SEED}/${path}`)?.bytes)
    assert.equal(told?.guestId, id)
    assert.equal(told.hostname, 'web-1')
    assert.deepEqual(told.variables, { a: 'b' })
    assert.deepEqual(Buffer.from(told.userData ?? []), SCRIPT)
    assert.match(Buffer.from(told.vendorData ?? []).toString(), /^#cloud-config/)
    for (const [path, { mode, uid, gid }] of files) {
      assert.ok(path.startsWith(`${SEED}/`), path)
      assert.deepEqual([mode, uid, gid], [0o600, 0, 0])
    }
  })

  it('has both files that make it a seed, also where there are no user data', async () => {
    const { files } = await offered({})
    assert.equal(files.get(`${SEED}/user-data`)?.bytes.length, 0)
    assert.ok(files.has(`${SEED}/meta-data`))
    assert.ok(!files.has(`${SEED}/network-config`), 'an empty one would say that there is no network')
  })

  it('has the user’s own files where they belong, with their modes; whom nobody knows has no right to one', async () => {
    const bytes = Buffer.from('x')
    const { files } = await offered({
      files: [
        { path: '/etc/motd', bytes },
        { path: '//root/.netrc', bytes, mode: 0o600, owner: 'root', group: 'root' },
        { path: '/srv/a', bytes, mode: 0o640, owner: '1000', group: 'www-data' },
      ],
    })
    assert.deepEqual(files.get('etc/motd'), { bytes, mode: 0o644, uid: 0, gid: 0 })
    assert.deepEqual(files.get('root/.netrc'), { bytes, mode: 0o600, uid: 0, gid: 0 })
    assert.deepEqual(files.get('srv/a'), { bytes, mode: 0o640, uid: 1000, gid: 0 })
  })

  it('is of no layout that guests look for elsewhere alone', () => {
    const context = { guestId: 'i', facts: { launchIndex: 0 }, publicKeys: [], variables: {}, files: [] }
    assert.throws(
      () => injectedFiles(context, ['openstack']),
      (error) => isCloudError(error, 'unsupported'),
    )
  })
})
