import { randomUUID } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { VolumeAction } from '../../model/volume.ts'
import type { Attached, RemoteVolume, VolumeAttachment, VolumeGroup } from '../provider.ts'
import { firstFree, known, livingVms, type MemoryDisk, type MemoryState, type MemoryVolume } from './state.ts'

export const VOLUME_ACTIONS: readonly VolumeAction[] = ['online', 'offline', 'backup', 'snapshot', 'resize']

/** The volumes and what can be done to them, at once and without fault. @param changed called after each change */
export function memoryVolumes(state: MemoryState, changed: () => void) {
  const change = (volume: MemoryVolume) => {
    state.volumes.set(volume.remoteId, volume)
    changed()
  }
  const knownVolume = (remoteId: string) => known(state.volumes, remoteId, 'volume')
  const withId = (ourId: string) =>
    [...state.volumes.values()].find(({ request, state }) => request.id === ourId && state !== 'deleted')
  const holderOf = (remoteId: string) =>
    livingVms(state).find(({ disks }) => disks.some(({ volumeRemoteId }) => volumeRemoteId === remoteId))
  const requireFree = (remoteId: string, what: string) => {
    const holder = holderOf(remoteId)
    if (holder) throw new CloudError('conflict', `${what}: volume ${remoteId} is attached to ${holder.remoteId}`)
  }
  /** @throws {CloudError} not-found, conflict */
  const toDisk = (attachment: VolumeAttachment, beside: readonly MemoryDisk[]): MemoryDisk => {
    const { volumeRemoteId } = attachment
    if (knownVolume(volumeRemoteId).state !== 'online')
      throw new CloudError('conflict', `volume ${volumeRemoteId} is offline; bring it online first`)
    requireFree(volumeRemoteId, 'attach')
    if (beside.some((disk) => disk.volumeRemoteId === volumeRemoteId))
      throw new CloudError('conflict', `volume ${volumeRemoteId} is asked for twice`)
    // The machine's own disk is the first.
    return { ...attachment, device: firstFree('bcdefghijklmnopqrstuvwxyz', 'vd', beside) }
  }

  return {
    create(request: Parameters<VolumeGroup['create']>[0]): RemoteVolume {
      const { id, sizeBytes } = request
      const earlier = withId(id)
      if (earlier) return toRemote(earlier)
      const volume: MemoryVolume = { remoteId: randomUUID(), request, state: 'online', sizeBytes, actions: [] }
      change(volume)
      return toRemote(volume)
    },
    find(ourId: string): RemoteVolume | undefined {
      const volume = withId(ourId)
      return volume && toRemote(volume)
    },
    get: (remoteId: string): RemoteVolume => toRemote(knownVolume(remoteId)),
    act(remoteId: string, action: VolumeAction, sizeBytes?: number): void {
      const volume = knownVolume(remoteId)
      const actions = [...volume.actions, { action, ...(sizeBytes === undefined ? {} : { sizeBytes }) }]
      if (action === 'offline') requireFree(remoteId, action)
      if (action === 'online' || action === 'offline') change({ ...volume, actions, state: action })
      else if (action === 'resize') change({ ...volume, actions, sizeBytes: grown(volume, sizeBytes) })
      else change({ ...volume, actions })
    },
    delete(remoteId: string): void {
      const volume = state.volumes.get(remoteId)
      if (!volume || volume.state === 'deleted') return
      requireFree(remoteId, 'delete')
      change({ ...volume, state: 'deleted' })
    },
    /** What a machine has from its first boot on. @throws {CloudError} not-found, conflict */
    toDisks: (attachments: readonly VolumeAttachment[]): readonly MemoryDisk[] =>
      attachments.reduce<readonly MemoryDisk[]>((disks, each) => [...disks, toDisk(each, disks)], []),
    attach(vmRemoteId: string, attachment: VolumeAttachment): Attached {
      const vm = known(state.vms, vmRemoteId, 'machine')
      const earlier = vm.disks.find(({ linkId }) => linkId === attachment.linkId)
      const disk = earlier ?? toDisk(attachment, vm.disks)
      if (!earlier) {
        state.vms.set(vmRemoteId, { ...vm, disks: [...vm.disks, disk] })
        changed()
      }
      return { linkId: disk.linkId, device: disk.device }
    },
    detach(vmRemoteId: string, { linkId }: VolumeAttachment): void {
      const vm = state.vms.get(vmRemoteId)
      if (!vm) return
      state.vms.set(vmRemoteId, { ...vm, disks: vm.disks.filter((disk) => disk.linkId !== linkId) })
      changed()
    },
    made: (ourId?: string): readonly MemoryVolume[] =>
      [...state.volumes.values()].filter(({ request }) => ourId === undefined || request.id === ourId),
  }
}

function toRemote({ remoteId, request, state, sizeBytes }: MemoryVolume): RemoteVolume {
  return { remoteId, ourId: request.id, state: state === 'deleted' ? 'unknown' : state, sizeBytes }
}

function grown({ remoteId, sizeBytes }: MemoryVolume, wish = 0): number {
  if (wish >= sizeBytes) return wish
  throw new CloudError('invalid', `resize: volume ${remoteId} has ${sizeBytes} bytes and only grows, not to ${wish}`)
}
