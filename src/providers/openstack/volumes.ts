import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Call, RemoteVolume, VolumeGroup } from '../provider.ts'
import { cinderVolumes, type Cinder } from './cinder.ts'
import type { Opened } from './networks.ts'
import { pollUntil } from '../polling.ts'
import {
  novaAttachments,
  requireAvailable,
  stateConflicts,
  toAttachedVolume,
  type NovaAttachments,
} from './volume-attachments.ts'
import { lastLinkOf, linkMark, sizeBytesOf, stateOf, toGib, toRemoteVolume, type Volume } from './volume-state.ts'

/** Most volumes are there sooner; whoever waits for one that is not is told that it is still being made. */
const CREATE_PATIENCE_MS = 10_000

/**
 * Volumes of Cinder's, attached by Nova. Their sizes are whole GiB: what is asked for is rounded up. Where a cloud has no
 * Cinder, which only its catalogue tells, everything is refused as unsupported.
 *
 * @see Cinder, Block Storage API v3: Volumes, Snapshots; Nova, Compute API: Servers with volume attachments
 */
export function cinderGroup(open: (call: Call) => Promise<Opened>, provider: string): VolumeGroup {
  const cinderFor = async (call: Call): Promise<Cinder> => cinderVolumes((await open(call)).session, provider)

  async function openBoth(call: Call): Promise<Opened & { readonly cinder: Cinder; readonly nova: NovaAttachments }> {
    const opened = await open(call)
    const { session } = opened
    return { ...opened, cinder: cinderVolumes(session, provider), nova: novaAttachments(session, provider) }
  }

  async function toRemote(cinder: Cinder, volume: Volume): Promise<RemoteVolume> {
    return toRemoteVolume(volume, stateOf(volume) === 'error' ? await cinder.reason(volume) : undefined)
  }

  /** Looks until it is no longer being made, for a while. */
  async function settled(cinder: Cinder, first: Volume, call: Call): Promise<Volume> {
    let last = first
    const patience = { ...call, deadline: Math.min(call.deadline, Date.now() + CREATE_PATIENCE_MS) }
    try {
      return await pollUntil(patience, `${provider}: create volume ${first.id}`, async () => {
        if (stateOf(last) !== 'creating') return last
        last = await cinder.get(first.id)
        return stateOf(last) === 'creating' ? undefined : last
      })
    } catch (error) {
      if (!isCloudError(error, 'timeout') || call.signal.aborted) throw error
      return last
    }
  }

  async function failed(cinder: Cinder, volume: Volume, what: string): Promise<CloudError> {
    return new CloudError('provider-failed', `${provider}: ${what} failed: ${await cinder.reason(volume)}`)
  }

  async function resize(cinder: Cinder, volume: Volume, sizeBytes: number | undefined, call: Call): Promise<void> {
    const { id } = volume
    const before = sizeBytesOf(volume)
    if (sizeBytes === undefined || sizeBytes < before)
      throw new CloudError(
        'invalid',
        `resize: volume ${id} has ${before} bytes and only grows, not to ${sizeBytes ?? 0}; sizes are whole GiB`,
      )
    const wanted = toGib(sizeBytes)
    if (wanted === volume.size) return
    requireAtRest(volume, 'resize')
    await cinder.extend(volume, wanted)
    await pollUntil(call, `${provider}: resize volume ${id}`, async () => {
      const now = await cinder.get(id)
      if (now.status === 'extending') return undefined
      if (now.size < wanted || stateOf(now) === 'error') throw await failed(cinder, now, `resize of volume ${id}`)
      return true
    })
  }

  async function snapshot(cinder: Cinder, volume: Volume, call: Call): Promise<void> {
    requireAtRest(volume, 'snapshot')
    const made = await stateConflicts(cinder.snapshot(volume.id))
    await pollUntil(call, `${provider}: snapshot of volume ${volume.id}`, async () => {
      const status = await cinder.snapshotStatus(made)
      if (status.startsWith('error'))
        throw new CloudError('provider-failed', `${provider}: the snapshot of volume ${volume.id} failed`)
      return status === 'available' ? true : undefined
    })
  }

  /** Those of ours: a volume that has any stays. Others are the user's, and so is the volume then. */
  async function deleteSnapshots(cinder: Cinder, { id }: Volume, call: Call): Promise<void> {
    const own = await cinder.ownSnapshots(id)
    for (const each of own) await stateConflicts(cinder.deleteSnapshot(each))
    if (own.length === 0) return
    await pollUntil(call, `${provider}: snapshots of volume ${id}`, async () =>
      (await cinder.ownSnapshots(id)).length === 0 ? true : undefined,
    )
  }

  async function deleteThere(cinder: Cinder, id: string, call: Call): Promise<void> {
    const volume = await cinder.get(id)
    if (volume.status !== 'deleting') {
      if (volume.attachments?.length) requireAvailable(volume)
      await deleteSnapshots(cinder, volume, call)
      await stateConflicts(cinder.delete(id))
    }
    await pollUntil(call, `${provider}: delete volume ${id}`, async () => {
      const now = await cinder.get(id)
      if (stateOf(now) === 'error') throw await failed(cinder, now, `deletion of volume ${id}`)
      return undefined
    })
  }

  return {
    actions: ['snapshot', 'resize'],
    create: async ({ id, name, sizeBytes }, call) => {
      const cinder = await cinderFor(call)
      // Cinder would make another: it takes no id of the client's.
      const earlier = await cinder.find(id)
      const volume = earlier ?? (await cinder.create(id, name ?? `bellhop-${id.slice(0, 8)}`, toGib(sizeBytes)))
      return await toRemote(cinder, await settled(cinder, volume, call))
    },
    find: async (ourId, call) => {
      const cinder = await cinderFor(call)
      const volume = await cinder.find(ourId)
      return volume && (await toRemote(cinder, volume))
    },
    get: async (remoteId, call) => {
      const cinder = await cinderFor(call)
      return await toRemote(cinder, await cinder.get(remoteId))
    },
    act: async (remoteId, action, call, sizeBytes) => {
      const cinder = await cinderFor(call)
      const volume = await cinder.get(remoteId)
      if (action === 'resize') await resize(cinder, volume, sizeBytes, call)
      else if (action === 'snapshot') await snapshot(cinder, volume, call)
      else throw new CloudError('unsupported', `${provider}: Cinder's volumes have no ${action} for users`)
    },
    delete: async (remoteId, call) => {
      const cinder = await cinderFor(call)
      try {
        await deleteThere(cinder, remoteId, call)
      } catch (error) {
        if (!isCloudError(error, 'not-found')) throw error
      }
    },
    attach: async (instanceRemoteId, { linkId, volumeRemoteId }, call) => {
      const { servers, cinder, nova } = await openBoth(call)
      const server = await servers.get(instanceRemoteId)
      const volume = await cinder.get(volumeRemoteId)
      const isThere = (await nova.of(instanceRemoteId)).has(volumeRemoteId)
      if (isThere && lastLinkOf(volume) !== linkId)
        throw new CloudError('conflict', `server ${instanceRemoteId} has volume ${volumeRemoteId} by another link`)
      if (!isThere) {
        // Until the scheduler has placed a server, Nova answers with 404.
        if (server.status === 'BUILD')
          throw new CloudError('conflict', `server ${instanceRemoteId} is still being made; try again in a moment`)
        requireAvailable(volume)
        await cinder.mark(volumeRemoteId, linkMark(linkId))
        await nova.attach(instanceRemoteId, volumeRemoteId)
      }
      const what = `${provider}: attach volume ${volumeRemoteId} to ${instanceRemoteId}`
      const attached = await pollUntil(call, what, async () => {
        const now = await cinder.get(volumeRemoteId)
        if (now.status === 'in-use') return now
        // Nova has reserved it before it answered: it is free again only where that came to nothing.
        if (now.status === 'available' || stateOf(now) === 'error')
          throw new CloudError(
            'provider-failed',
            `${what}: Nova could not do it; Cinder calls the volume ${now.status}`,
          )
        return undefined
      })
      // Somebody who tried the same and came second may have marked it.
      if (lastLinkOf(attached) !== linkId) await cinder.mark(volumeRemoteId, linkMark(linkId))
      return toAttachedVolume(linkId, (await nova.of(instanceRemoteId)).get(volumeRemoteId))
    },
    detach: async (instanceRemoteId, { volumeRemoteId }, call) => {
      const { cinder, nova } = await openBoth(call)
      const isThere = async (): Promise<boolean> => (await nova.of(instanceRemoteId)).has(volumeRemoteId)
      if (!(await isThere())) return
      if ((await cinder.get(volumeRemoteId)).status !== 'detaching') await nova.detach(instanceRemoteId, volumeRemoteId)
      await pollUntil(call, `${provider}: detach volume ${volumeRemoteId}`, async () => {
        const { status } = await cinder.get(volumeRemoteId)
        if (!(await isThere())) return true
        // It was `detaching` when Nova answered: it is in use again only where Nova gave up.
        if (status === 'in-use')
          throw new CloudError(
            'conflict',
            `server ${instanceRemoteId} does not let go of volume ${volumeRemoteId}; unmount it there, or stop the server`,
          )
        return undefined
      })
    },
  }
}

/** @throws {CloudError} conflict when something else is being done to it */
function requireAtRest({ id, status }: Volume, what: string): void {
  if (status === 'available' || status === 'in-use') return
  throw new CloudError('conflict', `${what}: volume ${id} is ${status}; try again once it is at rest`)
}
