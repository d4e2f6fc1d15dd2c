import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { VolumeAction } from '../../model/volume.ts'
import { checkCall } from '../call.ts'
import type { Call, RemoteVolume, VolumeAttachment, VolumeGroup } from '../provider.ts'
import { diskNode, diskPart, toAttachedDisk, withDisk } from './attachments.ts'
import { isFolderId, recordFolders } from './folders.ts'
import type { Holdings } from './holdings.ts'
import type { Machine } from './machine.ts'
import { qemuImg } from './qemu-img.ts'

/** What is kept of a volume beside its disk, as `volume.json`; who has it stands with the machines. */
interface VolumeRecord {
  readonly id: string
  readonly name?: string
  readonly isOffline?: true
}

const DISK = 'disk.qcow2'
/** Where qcow2's header has the size, in bytes, as a big-endian number of 8 bytes. */
const QCOW2_SIZE_AT = 24

/** The folders of volumes below a state folder. */
export function volumeFolders(stateDir: string) {
  const folders = recordFolders<VolumeRecord>(join(stateDir, 'volumes'), 'volume.json')
  return { ...folders, disk: (id: string) => join(folders.path(id), DISK) }
}

/** Volumes that are qcow2 files. */
export interface QemuVolumes {
  readonly group: VolumeGroup
  /** Whether a new machine can have these. @throws {CloudError} not-found, conflict */
  readonly check: (attachments: readonly VolumeAttachment[], machineId: string) => Promise<void>
}

export function qemuVolumes(volumes: ReturnType<typeof volumeFolders>, machines: Holdings): QemuVolumes {
  const known = async (id: string): Promise<VolumeRecord> => {
    const volume = await volumes.read(id)
    if (volume) return volume
    throw new CloudError('not-found', `there is no volume ${id}`)
  }
  const holderOf = (id: string) => machines.holder((machine) => linkTo(machine, id) !== undefined)
  const describe = async ({ id, isOffline }: VolumeRecord): Promise<RemoteVolume> => {
    const sizeBytes = await readSize(volumes.disk(id))
    return { remoteId: id, ourId: id, state: isOffline ? 'offline' : 'online', sizeBytes }
  }
  const requireFree = async (id: string, what: string): Promise<void> => {
    const holder = await holderOf(id)
    if (holder)
      throw new CloudError('conflict', `${what}: instance ${holder.id} has volume ${id}; take it away from there first`)
  }
  /** @throws {CloudError} not-found; conflict when it is offline or somebody else has it */
  const requireAttachable = async (id: string, machineId?: string): Promise<void> => {
    const { isOffline } = await known(id)
    if (isOffline) throw new CloudError('conflict', `volume ${id} is offline; bring it online first`)
    if ((await holderOf(id))?.id !== machineId) await requireFree(id, 'attach')
  }
  const partIn = (machine: Machine, { linkId }: VolumeAttachment) => {
    const disk = machine.disks?.find((each) => each.linkId === linkId)
    return disk && diskPart(disk, volumes.disk(disk.volumeRemoteId))
  }

  const resize = async (id: string, sizeBytes: number | undefined, call: Call): Promise<void> => {
    const before = await readSize(volumes.disk(id))
    if (sizeBytes === undefined || sizeBytes < before)
      throw new CloudError(
        'invalid',
        `resize: volume ${id} has ${before} bytes and only grows, not to ${sizeBytes ?? 0}`,
      )
    const holder = await holderOf(id)
    const linkId = holder && linkTo(holder, id)
    if (holder && linkId !== undefined && (await machines.isRunning(holder.id, call)))
      await machines.ask(holder.id, 'block_resize', call, { 'node-name': diskNode(linkId), size: toSectors(sizeBytes) })
    else await qemuImg(['resize', '-q', '-f', 'qcow2', volumes.disk(id), `${sizeBytes}`])
  }

  const actions: Readonly<
    Partial<Record<VolumeAction, (volume: VolumeRecord, call: Call, sizeBytes?: number) => Promise<void>>>
  > = {
    online: ({ isOffline: _, ...volume }) => volumes.replace(volume),
    offline: async (volume) => {
      await requireFree(volume.id, 'offline')
      await volumes.replace({ ...volume, isOffline: true })
    },
    snapshot: async ({ id }) => {
      await requireFree(id, 'snapshot')
      await qemuImg(['snapshot', '-q', '-c', new Date().toISOString(), volumes.disk(id)])
    },
    resize: ({ id }, call, sizeBytes) => resize(id, sizeBytes, call),
  }

  const check: QemuVolumes['check'] = async (attachments, machineId) => {
    const ids = attachments.map(({ volumeRemoteId }) => volumeRemoteId)
    for (const id of ids) await requireAttachable(id, machineId)
    const twice = ids.find((id, index) => ids.indexOf(id) !== index)
    if (twice !== undefined) throw new CloudError('conflict', `volume ${twice} is asked for twice`)
  }

  const group: VolumeGroup = {
    actions: ['online', 'offline', 'snapshot', 'resize'],

    async create({ id, name, sizeBytes }, call) {
      checkCall(call, `creating volume ${id}`)
      if (!isFolderId(id)) throw new CloudError('invalid', `QEMU volumes need a UUID in lower case as id, not ${id}`)
      const record = { id, ...(name === undefined ? {} : { name }) }
      if ((await volumes.read(id)) === undefined)
        await volumes.add(record, async (folder) => {
          await qemuImg(['create', '-q', '-f', 'qcow2', '--', join(folder, DISK), `${sizeBytes}`])
        })
      return await describe(await known(id))
    },
    async find(ourId, call) {
      checkCall(call, `finding volume ${ourId}`)
      const volume = await volumes.read(ourId)
      return volume && (await describe(volume))
    },
    async get(remoteId, call) {
      checkCall(call, `volume ${remoteId}`)
      return await describe(await known(remoteId))
    },
    act: (remoteId, action, call, sizeBytes) =>
      machines.alone(async () => {
        checkCall(call, `${action} of volume ${remoteId}`)
        const volume = await known(remoteId)
        const perform = actions[action]
        if (!perform) throw new CloudError('unsupported', `QEMU volumes have no ${action}`)
        await perform(volume, call, sizeBytes)
      }),
    delete: (remoteId, call) =>
      machines.alone(async () => {
        checkCall(call, `deleting volume ${remoteId}`)
        await requireFree(remoteId, 'delete')
        await volumes.remove(remoteId)
      }),
    async attach(instanceRemoteId, attachment, call) {
      checkCall(call, `attaching volume ${attachment.volumeRemoteId}`)
      const isMine = ({ linkId }: VolumeAttachment) => linkId === attachment.linkId
      const machine = await machines.give(
        instanceRemoteId,
        async (before) => {
          if (before.disks?.some(isMine)) return before
          await requireAttachable(attachment.volumeRemoteId)
          return withDisk(before, attachment)
        },
        (after) => partIn(after, attachment),
        call,
      )
      const disk = machine.disks?.find(isMine)
      return disk ? toAttachedDisk(disk) : { linkId: attachment.linkId }
    },
    async detach(instanceRemoteId, attachment, call) {
      checkCall(call, `detaching volume ${attachment.volumeRemoteId}`)
      const drop = ({ disks = [], ...rest }: Machine): Machine => ({
        ...rest,
        disks: disks.filter(({ linkId }) => linkId !== attachment.linkId),
      })
      await machines.take(instanceRemoteId, drop, (before) => partIn(before, attachment), call)
    },
  }
  return { group, check }
}

function linkTo({ disks = [] }: Machine, volumeId: string): string | undefined {
  return disks.find(({ volumeRemoteId }) => volumeRemoteId === volumeId)?.linkId
}

/** QEMU counts a disk in sectors of 512 bytes. */
function toSectors(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 512) * 512
}

async function readSize(path: string): Promise<number> {
  try {
    await using file = await open(path)
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, QCOW2_SIZE_AT)
    return Number(buffer.readBigUInt64BE())
  } catch (cause) {
    throw new CloudError('provider-failed', `${path} cannot be read`, { cause })
  }
}
