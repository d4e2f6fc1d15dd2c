import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { isCloudError } from '../../src/model/errors.ts'
import type { RemoteInstance, RemoteVolume, VolumeAttachment, VolumeGroup } from '../../src/providers/provider.ts'
import { call, eventually, rejects, type Bench } from './provider-calls.ts'
import type { Test } from './provider.ts'

const MIB = 1024 ** 2

/** What every provider with volumes promises of them; where it has none, or its cloud, each is skipped. */
export function testVolumes(bench: Bench, test: Test): void {
  const testGroup = (what: string, body: (volumes: VolumeGroup) => Promise<void>) =>
    test(`volumes: ${what}`, async (t) => {
      const { volumes } = bench.provider
      const why = volumes ? await whyNone(volumes) : 'it has no volumes'
      if (volumes && why === undefined) await body(volumes)
      else t.skip(why)
    })

  const newVolume = async (volumes: VolumeGroup, id: string = randomUUID()): Promise<RemoteVolume> => {
    const { remoteId } = await volumes.create({ id, name: 'conformance', sizeBytes: 16 * MIB }, call())
    await eventually(`volume ${remoteId} is online`, bench.patienceMs, async () => {
      assert.equal((await volumes.get(remoteId, call())).state, 'online')
    })
    return await volumes.get(remoteId, call())
  }
  const attachmentOf = ({ remoteId }: RemoteVolume): VolumeAttachment => ({
    linkId: randomUUID(),
    volumeRemoteId: remoteId,
  })
  const linkIdsOf = ({ attached = [] }: RemoteInstance) => attached.map(({ linkId }) => linkId)
  const has = async (machine: string, { linkId }: VolumeAttachment): Promise<boolean> =>
    linkIdsOf(await bench.provider.get(machine, call())).includes(linkId)
  const stop = async (machine: string) => {
    await bench.provider.act(machine, 'stop', call())
    await bench.reach(machine, 'inactive')
  }
  const canStop = () => bench.provider.capabilities.actions.includes('stop')

  testGroup('are found and got once they are created, as large as was asked, until they are deleted', async (group) => {
    const id = randomUUID()
    const { remoteId, sizeBytes } = await newVolume(group, id)
    assert.ok(sizeBytes >= 16 * MIB)
    assert.equal((await group.find(id, call()))?.remoteId, remoteId)
    assert.equal((await group.create({ id, sizeBytes: 16 * MIB }, call())).remoteId, remoteId)
    for (const _ of ['once', 'and again']) await group.delete(remoteId, call())
    await eventually('the volume is gone', bench.patienceMs, async () => {
      await rejects(group.get(remoteId, call()), 'not-found')
      assert.equal(await group.find(id, call()), undefined)
    })
  })

  testGroup('with unknown ids are not found, and deleting or detaching them is no error', async (group) => {
    const unknown = randomUUID()
    const attachment = { linkId: randomUUID(), volumeRemoteId: unknown }
    assert.equal(await group.find(unknown, call()), undefined)
    await rejects(group.get(unknown, call()), 'not-found')
    for (const action of group.actions) await rejects(group.act(unknown, action, call(), 32 * MIB), 'not-found')
    await group.delete(unknown, call())

    const [volume, machine] = [await newVolume(group), await bench.running()]
    await rejects(group.attach(machine, attachment, call()), 'not-found')
    await rejects(group.attach(unknown, attachmentOf(volume), call()), 'not-found')
    await group.detach(machine, attachment, call())
    await group.detach(unknown, attachmentOf(volume), call())
    await bench.provider.delete(machine, call())
    await group.delete(volume.remoteId, call())
  })

  testGroup('grow and never shrink', async (group) => {
    if (!group.actions.includes('resize')) return
    // Some clouds have sizes in whole steps: twice a size that they have is one that they have.
    const { remoteId, sizeBytes } = await newVolume(group)
    await group.act(remoteId, 'resize', call(), 2 * sizeBytes)
    await eventually('it has grown', bench.patienceMs, async () => {
      assert.equal((await group.get(remoteId, call())).sizeBytes, 2 * sizeBytes)
    })
    await rejects(group.act(remoteId, 'resize', call(), sizeBytes), 'invalid')
    assert.equal((await group.get(remoteId, call())).sizeBytes, 2 * sizeBytes)
    await group.delete(remoteId, call())
  })

  testGroup('that are offline are attached nowhere until they are brought online', async (group) => {
    if (!group.actions.includes('offline') || !group.actions.includes('online')) return
    const [volume, machine] = [await newVolume(group), await bench.running()]
    const attachment = attachmentOf(volume)
    await group.act(volume.remoteId, 'offline', call())
    assert.equal((await group.get(volume.remoteId, call())).state, 'offline')
    await rejects(group.attach(machine, attachment, call()), 'conflict')
    await rejects(bench.provider.create(bench.requestFor(randomUUID(), { volumes: [attachment] }), call()), 'conflict')
    await group.act(volume.remoteId, 'online', call())
    assert.equal((await group.get(volume.remoteId, call())).state, 'online')
    await group.attach(machine, attachment, call())
    await rejects(group.act(volume.remoteId, 'offline', call()), 'conflict')
    await bench.provider.delete(machine, call())
    await group.delete(volume.remoteId, call())
  })

  testGroup('are kept apart: one machine has a volume, and nobody deletes it meanwhile', async (group) => {
    const volume = await newVolume(group)
    const attachment = attachmentOf(volume)
    const machine = await bench.running({ volumes: [attachment] })
    const other = await bench.running()
    assert.ok(await has(machine, attachment))
    await rejects(group.attach(other, attachmentOf(volume), call()), 'conflict')
    await rejects(group.delete(volume.remoteId, call()), 'conflict')
    const asked = bench.requestFor(randomUUID(), { volumes: [attachmentOf(volume)] })
    await rejects(bench.provider.create(asked, call()), 'conflict')
    assert.equal(await bench.provider.find(asked.id, call()), undefined)
    assert.ok(await has(machine, attachment), 'what was refused changed nothing')
    await bench.provider.delete(other, call())
    await bench.provider.delete(machine, call())
    await group.delete(volume.remoteId, call())
  })

  testGroup('outlive the machine, and then are free for another', async (group) => {
    const volume = await newVolume(group)
    const machine = await bench.running({ volumes: [attachmentOf(volume)] })
    await bench.provider.delete(machine, call())
    assert.equal((await group.get(volume.remoteId, call())).state, 'online')
    const next = attachmentOf(volume)
    const other = await bench.running({ volumes: [next] })
    assert.ok(await has(other, next))
    await bench.provider.delete(other, call())
    await group.delete(volume.remoteId, call())
  })

  testGroup('come and go with a machine that is stopped, once however often it is asked', async (group) => {
    if (!canStop()) return
    const [volume, machine] = [await newVolume(group), await bench.running()]
    const attachment = attachmentOf(volume)
    await stop(machine)
    for (const _ of ['once', 'and again'])
      assert.equal((await group.attach(machine, attachment, call())).linkId, attachment.linkId)
    assert.deepEqual(
      linkIdsOf(await bench.provider.get(machine, call())).filter((linkId) => linkId === attachment.linkId),
      [attachment.linkId],
    )
    for (const _ of ['once', 'and again']) await group.detach(machine, attachment, call())
    assert.ok(!(await has(machine, attachment)))
    await group.delete(volume.remoteId, call())
    await bench.provider.delete(machine, call())
  })

  testGroup('stay over a stop and a start', async (group) => {
    if (!canStop() || !bench.provider.capabilities.actions.includes('start')) return
    const volume = await newVolume(group)
    const attachment = attachmentOf(volume)
    const machine = await bench.running({ volumes: [attachment] })
    await stop(machine)
    assert.ok(await has(machine, attachment))
    await bench.provider.act(machine, 'start', call())
    await bench.reach(machine, 'active')
    assert.ok(await has(machine, attachment))
    await bench.provider.delete(machine, call())
    await group.delete(volume.remoteId, call())
  })

  testGroup('come to a machine that runs and go again, once however often it is asked', async (group) => {
    const [volume, machine] = [await newVolume(group), await bench.running()]
    const attachment = attachmentOf(volume)
    const first = await group.attach(machine, attachment, call())
    assert.deepEqual(await group.attach(machine, attachment, call()), first)
    assert.ok(await has(machine, attachment))
    // A guest that is still booting does not let go.
    await eventually('the guest lets go of it', bench.patienceMs, () => group.detach(machine, attachment, call()))
    await group.detach(machine, attachment, call())
    assert.ok(!(await has(machine, attachment)))
    await group.attach(machine, attachment, call())
    await bench.provider.delete(machine, call())
    await group.delete(volume.remoteId, call())
  })
}

/** A provider may learn only from its cloud that it has none. */
async function whyNone(volumes: VolumeGroup): Promise<string | undefined> {
  try {
    await volumes.find(randomUUID(), call())
    return undefined
  } catch (error) {
    if (isCloudError(error, 'unsupported')) return error.message
    throw error
  }
}
