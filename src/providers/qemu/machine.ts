import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CloudError } from '../../model/errors.ts'
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
  /** The Unix socket of the instance's own metadata server, where there is one. */
  readonly metadataSocketPath?: string
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

/** The machines that stand in a folder, one folder each. */
export interface MachineFolders {
  /** The absolute path of a machine's file, or of its folder. */
  path(id: string, file?: keyof typeof FILES): string
  /**
   * Makes a machine's folder, whole or not at all, and closed to other users: what is in it may be secret. Where there is
   * one already (of somebody who makes the same machine at the same time, or died just after he did), that one stays.
   *
   * @param fill writes the further files, into the folder that it is given
   */
  add(machine: Machine, fill: (folder: string) => Promise<void>): Promise<void>
  /** `undefined` where there is no such machine. @throws {CloudError} provider-failed when its file cannot be read */
  read(id: string): Promise<Machine | undefined>
  has(id: string, file: keyof typeof FILES): Promise<boolean>
  ids(): Promise<readonly string[]>
  /** No error when it is gone. */
  remove(id: string): Promise<void>
}

// Between a machine's id and what tells unfinished folders apart.
const UNFINISHED = '.new.'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether `id` can be a machine's: nothing else may become part of a path. */
export function isMachineId(id: string): boolean {
  return UUID.test(id)
}

export function machineFolders(stateDir: string): MachineFolders {
  const root = resolve(stateDir)
  const path = (id: string, file?: keyof typeof FILES) => join(root, id, ...(file === undefined ? [] : [FILES[file]]))
  return {
    path,
    add: async (machine, fill) => {
      await mkdir(root, { recursive: true, mode: 0o700 })
      const unfinished = await mkdtemp(`${path(machine.id)}${UNFINISHED}`)
      try {
        await fill(unfinished)
        await writeDurably(join(unfinished, FILES.machine), `${JSON.stringify(machine, undefined, 2)}\n`)
        await rename(unfinished, path(machine.id)).catch((error: unknown) => {
          if (!isCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
        })
      } finally {
        await rm(unfinished, { recursive: true, force: true })
      }
    },
    read: async (id) => {
      if (!isMachineId(id)) return undefined
      try {
        return JSON.parse(await readFile(path(id, 'machine'), 'utf8')) as Machine
      } catch (cause) {
        if (isCode(cause, 'ENOENT')) return undefined
        throw new CloudError('provider-failed', `${path(id, 'machine')} cannot be read`, { cause })
      }
    },
    has: async (id, file) => {
      return stat(path(id, file)).then(
        () => true,
        () => false,
      )
    },
    ids: async () => (await namesIn(root)).filter(isMachineId),
    remove: async (id) => {
      const unfinished = (await namesIn(root)).filter((name) => name.startsWith(`${id}${UNFINISHED}`))
      for (const name of [id, ...unfinished]) await rm(join(root, name), { recursive: true, force: true })
    },
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT')) return []
    throw new CloudError('provider-failed', `${folder} cannot be read`, { cause })
  })
}

/** What is written is on the disk when this resolves. */
async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  await file.writeFile(text)
  await file.sync()
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
