import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { openService, type OpenService } from '../../test/e2e/service.ts'
import { sha256 } from '../model/digest.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { MemoryProviderOptions } from '../providers/memory/index.ts'
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
    assert.equal((await service.replaceUserData(id, request, RED)).revision, 3)
    assert.equal((await service.delivery(id, RED)).state, 'offered')
  })
})
