import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Card, Disk } from './attachments.ts'
import { recordFolders, type RecordFolders } from './folders.ts'
import type { ImageSource } from './images.ts'

/** What a machine is made of: all that a start needs, now and again later. Kept as `machine.json` in its folder. */
export interface Machine {
  /** Ours, a UUID in lower case; the folder's name too. */
  readonly id: string
  readonly source: ImageSource
  readonly cores: number
  readonly memoryMiB: number
  /** The seed disk's format, where there is one. */
  readonly seed?: 'iso' | 'vfat'
  /** The seed disk is another than the one that the running process was started with. */
  readonly hasNewSeed?: true
  /** The Unix socket of the instance's own metadata server, where there is one. */
  readonly metadataSocketPath?: string
  /** The volumes that it has; nothing else says who has a volume. */
  readonly disks?: readonly Disk[]
  /** The network cards that it has beside its own first one, and the links to that. */
  readonly cards?: readonly Card[]
}

/** The files in a machine's folder. QEMU is started there and knows them by these names, so no path can be too long. */
export const FILES = {
  machine: 'machine.json',
  overlay: 'overlay.qcow2',
  seed: 'seed.img',
  /** QEMU makes it as it starts, after the pid file: where it is, the guest has been started. */
  console: 'console.log',
  control: 'qmp.sock',
  pid: 'pid',
} as const

/** The machines that stand in a folder, one folder each, closed to other users: what is in it may be secret. */
export interface MachineFolders extends RecordFolders<Machine> {
  /** The absolute path of a machine's file, or of its folder. */
  path(id: string, file?: keyof typeof FILES): string
  has(id: string, file: keyof typeof FILES): Promise<boolean>
}

export function machineFolders(stateDir: string): MachineFolders {
  const folders = recordFolders<Machine>(stateDir, FILES.machine)
  const path = (id: string, file?: keyof typeof FILES) =>
    file === undefined ? folders.path(id) : join(folders.path(id), FILES[file])
  return {
    ...folders,
    path,
    has: async (id, file) => {
      return stat(path(id, file)).then(
        () => true,
        () => false,
      )
    },
  }
}
