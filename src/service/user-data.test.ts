import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { openService, type OpenService } from '../../test/e2e/service.ts'
import { readContextDisk } from '../deliveries/disk.ts'
import { ec2 } from '../layouts/ec2.ts'
import { METADATA_LAYOUTS } from '../layouts/index.ts'
import type { Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import { memoryProvider, type MemoryProviderOptions } from '../providers/memory/index.ts'
import { contextSource } from './context.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const BEFORE = Buffer.from('#!/bin/sh\necho before\n')
const AFTER = Buffer.from([0, 255, 1, 254])
const DELIVERY = {
  method: 'metadata',
  by: 'provider',
  layouts: ['openstack'],
  userDataMaxBytes: 100,
  evidence: ['console'],
} as const

async function open(t: TestContext, cloud: MemoryProviderOptions = {}): Promise<OpenService & { readonly id: string }> {
  const capabilities = { update: 'rebuild', deliveries: [DELIVERY], ...cloud.capabilities } as const
  const opened = await openService({ cloud: { ...cloud, capabilities } })
  t.after(opened.close)
  const { id } = await opened.service.create({ spec: sampleSpec({ userData: BEFORE, userDataFormat: 'script' }) }, RED)
  await opened.service.get(id, RED)
  return { ...opened, id }
}

const rejects = (promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))

async function bytesAt({ provider, id }: { readonly provider: OpenService['provider']; readonly id: string }) {
  return (await provider.made(id))[0]?.request.spec.userData
}

describe('other user data for an instance that is there', () => {
  it('outlive a renaming that comes at the same moment, and it them', async (t) => {
    const opened = await open(t)
    const { service, id } = opened
    await Promise.all([
      service.rename(id, { name: 'other' }, RED),
      service.replaceUserData(id, { userData: AFTER, mayRebuild: true }, RED),
      service.rename(id, { labels: { a: 'b' } }, RED),
    ])
    const { spec } = await service.get(id, RED)
    assert.deepEqual([spec.name, spec.labels['a'], Buffer.from(spec.userData ?? [])], ['other', 'b', AFTER])
  })

  it('are a new revision, planned and offered anew, with their own digest', async (t) => {
    const opened = await open(t)
    const { service, id } = opened
    const changed = await service.replaceUserData(id, { userData: AFTER, mayRebuild: true }, RED)
    assert.deepEqual([changed.revision, changed.userDataSha256, changed.state], [2, sha256(AFTER), 'active'])
    assert.equal(changed.plan.userData?.sizeBytes, 4)
    assert.equal(changed.spec.userDataFormat, undefined)
    assert.deepEqual(Buffer.from((await bytesAt(opened)) ?? []), AFTER)
    const told = (await service.events(id, RED)).filter(({ kind, revision }) => kind !== 'state' && revision === 2)
    assert.deepEqual(
      told.map(({ kind, sha256: digest }) => [kind, digest]),
      [
        ['planned', sha256(AFTER)],
        ['offered', sha256(AFTER)],
      ],
    )
    assert.equal((await service.delivery(id, RED)).state, 'offered')
  })

  it('may be none', async (t) => {
    const opened = await open(t)
    const changed = await opened.service.replaceUserData(opened.id, { mayRebuild: true }, RED)
    assert.deepEqual([changed.spec.userData, changed.userDataSha256], [undefined, undefined])
    assert.equal(await bytesAt(opened), undefined)
  })

  it('are listened for: what the guest says next is of them', async (t) => {
    const { service, provider, id } = await open(t)
    const { remoteId = '' } = await service.replaceUserData(id, { userData: AFTER, mayRebuild: true }, RED)
    await provider.writeConsole(remoteId, `BELLHOP {"stage":"applied","exitCode":0,"sha256":"${sha256(AFTER)}"}\n`)
    for (const end = Date.now() + 20_000; (await service.delivery(id, RED)).state !== 'applied';)
      assert.ok(Date.now() < end, JSON.stringify(await service.events(id, RED)))
  })

  it('take no disk without being told that they may', async (t) => {
    const opened = await open(t)
    await rejects(
      opened.service.replaceUserData(opened.id, { userData: AFTER, mayRebuild: false }, RED),
      'conflict',
      /rebuild=true/,
    )
    assert.deepEqual(Buffer.from((await bytesAt(opened)) ?? []), BEFORE)
  })

  it('are for a guest that takes itself for a new one where that is asked for, and we tell it who it is', async (t) => {
    const ours = await open(t, { capabilities: { update: 'live', deliveries: [{ ...DELIVERY, by: 'bellhop' }] } })
    const told = async () => (await contextSource(ours.store).find(ours.id))?.context.guestId
    await ours.service.replaceUserData(ours.id, { userData: AFTER, mayRebuild: false }, RED)
    assert.equal(await told(), ours.id)
    await ours.service.replaceUserData(ours.id, { userData: BEFORE, mayRebuild: false, reapply: true }, RED)
    const anew = await told()
    assert.match(anew ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.notEqual(anew, ours.id)
    await ours.provider.setFaults({ updateContext: { before: 'conflict', times: 1 } })
    const refused = { userData: AFTER, mayRebuild: false, reapply: true }
    await rejects(ours.service.replaceUserData(ours.id, refused, RED), 'conflict')
    assert.equal(await told(), anew)
    const theirs = await open(t, { capabilities: { update: 'live' } })
    await rejects(theirs.service.replaceUserData(theirs.id, refused, RED), 'unsupported', /tells its guests their ids/)
    assert.equal((await theirs.service.get(theirs.id, RED)).revision, 1)
  })

  it('are refused before anything is done where they do not fit, or there is no way', async (t) => {
    const { service, id } = await open(t)
    const large = { userData: Buffer.alloc(101), mayRebuild: true }
    await rejects(service.replaceUserData(id, large, RED), 'too-large', /101 bytes; memory takes 100/)
    assert.equal((await service.get(id, RED)).revision, 1)
    await rejects(service.replaceUserData(id, large, { ...RED, role: 'reader' }), 'forbidden')
    await rejects(service.replaceUserData(id, large, { ...RED, project: 'test/blue' }), 'not-found')
    const never = await open(t, { capabilities: { update: false } })
    await rejects(never.service.replaceUserData(never.id, { mayRebuild: true }, RED), 'unsupported', /start another/)
  })

  it('leave everything as it was where the cloud refuses them, and are kept where nobody knows', async (t) => {
    const { service, provider, id } = await open(t)
    await provider.setFaults({ updateContext: { before: 'conflict', times: 1 } })
    const request = { userData: AFTER, mayRebuild: true }
    await rejects(service.replaceUserData(id, request, RED), 'conflict')
    const after = await service.get(id, RED)
    assert.deepEqual([after.revision, after.userDataSha256], [1, sha256(BEFORE)])
    assert.deepEqual(Buffer.from(after.spec.userData ?? []), BEFORE)
    assert.equal((await service.delivery(id, RED)).state, 'offered')
    await provider.setFaults({ updateContext: { after: 'timeout', times: 1 } })
    await rejects(service.replaceUserData(id, request, RED), 'timeout')
    assert.equal((await service.get(id, RED)).userDataSha256, sha256(AFTER))
    assert.equal((await service.delivery(id, RED)).state, 'planned')
    assert.equal((await service.replaceUserData(id, request, RED)).revision, 4)
    assert.equal((await service.delivery(id, RED)).state, 'offered')
  })
})

describe('other user data that our metadata server tells', () => {
  const request = { userData: AFTER, mayRebuild: false }
  const digestOf = ({ userData }: Partial<Context>) => userData && sha256(userData)
  const HELD = { userData: BEFORE, hostname: 'web' }

  /** A cloud that has no way of its own, with the memory provider's metadata server and disk of ours. */
  async function openOurs(t: TestContext, cloud: MemoryProviderOptions = {}) {
    const opened = await openService({ cloud, listenEveryMs: 10 })
    t.after(opened.close)
    const { id } = await opened.service.create({ spec: sampleSpec(HELD) }, RED)
    await opened.service.get(id, RED)
    const told = async () =>
      (await contextSource(opened.store).find(id)) ?? assert.fail('its guest is told nothing any more')
    const disk = async () => {
      const offer = (await opened.provider.made(id))[0]?.request.offers.find(({ method }) => method === 'disk')
      assert.ok(offer?.method === 'disk')
      return (await readContextDisk(offer.image)).contexts
    }
    return { ...opened, id, told, disk }
  }

  it('are there at once, also where its cloud has no way; a disk has them from the next start on', async (t) => {
    const { service, id, told, disk } = await openOurs(t)
    const changed = await service.replaceUserData(id, request, RED)
    assert.deepEqual([changed.revision, changed.userDataSha256], [2, sha256(AFTER)])
    const { context, revision } = await told()
    assert.deepEqual([revision, context.guestId, digestOf(context)], [2, id, sha256(AFTER)])
    assert.equal(digestOf((await disk())['openstack'] ?? {}), sha256(AFTER))
    assert.deepEqual(
      changed.plan.deliveries.map(({ method }) => method),
      ['metadata', 'disk'],
    )
    assert.deepEqual(
      changed.plan.warnings.filter(({ code }) => code === 'keeps-former').map(({ message }) => message),
      ['disk: a guest that runs finds the former data there until it is started or restarted through Bellhop'],
    )
    assert.deepEqual((await service.delivery(id, RED)).methods, { metadata: 'offered', disk: 'planned' })
    await service.act(id, 'suspend', RED)
    await service.act(id, 'resume', RED)
    assert.equal((await service.delivery(id, RED)).methods.disk, 'planned')
    await service.act(id, 'restart', RED)
    assert.equal((await service.delivery(id, RED)).methods.disk, 'offered')
    await service.act(id, 'stop', RED)
    await service.replaceUserData(id, request, RED)
    assert.deepEqual((await service.delivery(id, RED)).methods, { metadata: 'offered', disk: 'offered' })
  })

  it('are for a guest with another id in each layout, and on the disk, where they are to be applied anew', async (t) => {
    const { service, id, told, disk } = await openOurs(t)
    await service.replaceUserData(id, { ...request, reapply: true }, RED)
    const { context } = await told()
    assert.notEqual(context.guestId, id)
    const read = async ({ layout }: (typeof METADATA_LAYOUTS)[number]) => {
      const files = layout.render(context)
      return [layout.name, (await layout.read((path) => Promise.resolve(files.get(path)?.bytes)))?.guestId] as const
    }
    const ids = new Map(await Promise.all(METADATA_LAYOUTS.filter(({ layout }) => layout.name !== 'cimi').map(read)))
    const before = ec2.render({ ...context, guestId: id }).get('latest/meta-data/instance-id')
    const now = ec2.render(context).get('latest/meta-data/instance-id')
    assert.notDeepEqual(Buffer.from(now?.bytes ?? []), Buffer.from(before?.bytes ?? []))
    assert.deepEqual([ids.get('openstack'), ids.get('nocloud')], [context.guestId, context.guestId])
    for (const each of Object.values(await disk()))
      assert.deepEqual([each.guestId, digestOf(each)], [context.guestId, sha256(AFTER)])
    await service.replaceUserData(id, request, RED)
    assert.equal((await told()).context.guestId, context.guestId)
  })

  it('leave everything as it was where the disk is refused', async (t) => {
    const { service, provider, id, told } = await openOurs(t)
    await provider.setFaults({ renewDisk: { before: 'provider-failed', times: 1 } })
    await rejects(service.replaceUserData(id, { ...request, reapply: true }, RED), 'provider-failed')
    const { context, revision } = await told()
    assert.deepEqual([revision, context.guestId, digestOf(context)], [1, id, sha256(BEFORE)])
    await provider.setFaults({ renewDisk: { before: 'timeout', times: 1 } })
    await rejects(service.replaceUserData(id, request, RED), 'timeout')
    assert.equal((await told()).revision, 3, 'the number of what was refused is not used again')
    await service.act(id, 'restart', RED)
    assert.deepEqual((await service.delivery(id, RED)).methods, { metadata: 'planned', disk: 'planned' })
  })

  it('have no disk where it cannot be made anew, which is said each time; then nothing is applied anew', async (t) => {
    const { service, id } = await openOurs(t, { renewDisk: false })
    for (const revision of [2, 3]) {
      const { plan, ...changed } = await service.replaceUserData(id, request, RED)
      assert.deepEqual([changed.revision, plan.deliveries.map(({ method }) => method)], [revision, ['metadata']])
      assert.match(plan.warnings.map(({ message }) => message).join(), /keeps the former data/)
      await rejects(service.replaceUserData(id, { ...request, reapply: true }, RED), 'unsupported', /former id/)
    }
  })

  it('are refused where our server is none of the ways, does not run any more, or is asked last', async (t) => {
    const disk = { ...DELIVERY, method: 'disk', by: 'bellhop', disk: { format: 'iso', label: 'cidata' } } as const
    const inside = { ...DELIVERY, method: 'injection', by: 'bellhop', layouts: ['nocloud'] } as const
    const metadata = { ...DELIVERY, by: 'bellhop' } as const
    for (const [deliveries, message] of [
      [[disk], /does not serve; start another/],
      [[metadata, inside], /machine's own disk, where guests look first/],
    ] as const) {
      const { service, id } = await openOurs(t, { capabilities: { deliveries } })
      await rejects(service.replaceUserData(id, request, RED), 'unsupported', message)
    }
    const first = await openOurs(t)
    const rules = { servesMetadata: false, userDataMaxBytes: 100 }
    const { store, provider } = first
    await first.stop()
    const later = await openService({ store, provider, rules })
    await rejects(later.service.replaceUserData(first.id, request, RED), 'unsupported', /does not serve/)
    await later.stop()
  })

  it('are refused where the server takes less than the disk', async (t) => {
    const [metadata, disk] = memoryProvider().capabilities.deliveries
    assert.ok(metadata && disk)
    const deliveries = [{ ...metadata, userDataMaxBytes: 100 }, disk]
    const { service, id } = await openOurs(t, { capabilities: { deliveries } })
    const large = { ...request, userData: Buffer.alloc(101) }
    await rejects(service.replaceUserData(id, large, RED), 'too-large', /101 bytes, more than the metadata server/)
  })

  it('are what a guest speaks of behind the update, and nothing that it said before', async (t) => {
    const { service, provider, id } = await openOurs(t)
    const { remoteId = '' } = await service.get(id, RED)
    const applied = (bytes: Uint8Array) => `BELLHOP {"stage":"applied","exitCode":0,"sha256":"${sha256(bytes)}"}\n`
    const until = async (state: string) => {
      for (const end = Date.now() + 20_000; (await service.delivery(id, RED)).state !== state;)
        assert.ok(Date.now() < end, JSON.stringify(await service.events(id, RED)))
    }
    await provider.writeConsole(remoteId, applied(BEFORE))
    await until('applied')
    // The very same data: what was said of them is no word on these.
    await service.replaceUserData(id, { userData: BEFORE, mayRebuild: false, reapply: true }, RED)
    const fetched = { stage: 'fetched', method: 'metadata', sha256: sha256(BEFORE) }
    await provider.writeConsole(remoteId, `BELLHOP ${JSON.stringify(fetched)}\n`)
    await until('fetched')
    assert.deepEqual((await service.delivery(id, RED)).methods, { metadata: 'fetched', disk: 'planned' })
    await service.replaceUserData(id, request, RED)
    // It was at the former still.
    await provider.writeConsole(remoteId, applied(BEFORE) + applied(AFTER))
    await until('applied')
  })

  it('keep the new id, whatever a look that began before brings back', async (t) => {
    const { service, provider, store, id } = await openOurs(t)
    const { remoteId = '' } = await service.get(id, RED)
    await provider.act(remoteId, 'stop', { signal: AbortSignal.timeout(5000), deadline: Date.now() + 5000 })
    await provider.setFaults({ get: { slowMs: 400, times: 1 } })
    const look = service.get(id, RED)
    // It has read the instance, and waits for the cloud.
    await new Promise((resolve) => setTimeout(resolve, 100))
    await service.replaceUserData(id, { ...request, reapply: true }, RED)
    const guestId = (await store.getInstance(id))?.guestId
    await look
    const after = await store.getInstance(id)
    assert.deepEqual([after?.state, after?.guestId, after?.revision], ['inactive', guestId, 2])
    assert.notEqual(guestId, undefined)
  })
})
