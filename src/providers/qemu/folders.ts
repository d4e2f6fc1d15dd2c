import { mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CloudError } from '../../model/errors.ts'

/** Folders that stand in a folder, one for each thing, each with a record of what it is. */
export interface RecordFolders<T extends { readonly id: string }> {
  /** The absolute path of a folder. */
  path(id: string): string
  /**
   * Makes a folder, whole or not at all, and closed to other users. Where there is one already (of somebody who makes the
   * same at the same time, or died just after he did), that one stays.
   *
   * @param fill writes the further files, into the folder that it is given
   */
  add(record: T, fill: (folder: string) => Promise<void>): Promise<void>
  /** `undefined` where there is none. @throws {CloudError} provider-failed when its file cannot be read */
  read(id: string): Promise<T | undefined>
  /** Puts another record in the place of the old one: after a crash there is one of the two. */
  replace(record: T): Promise<void>
  ids(): Promise<readonly string[]>
  /** All records. @throws {CloudError} provider-failed when one cannot be read */
  all(): Promise<readonly T[]>
  /** No error when it is gone. */
  remove(id: string): Promise<void>
}

// Between an id and what tells unfinished folders apart.
const UNFINISHED = '.new.'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether `id` can be a folder's name: nothing else may become part of a path. */
export function isFolderId(id: string): boolean {
  return UUID.test(id)
}

/** @param root the folder that they stand in @param fileName of the record in each */
export function recordFolders<T extends { readonly id: string }>(root: string, fileName: string): RecordFolders<T> {
  const base = resolve(root)
  const path = (id: string) => join(base, id)
  const ids = async () => (await namesIn(base)).filter(isFolderId)
  const read = async (id: string): Promise<T | undefined> => {
    if (!isFolderId(id)) return undefined
    const file = join(path(id), fileName)
    try {
      return JSON.parse(await readFile(file, 'utf8')) as T
    } catch (cause) {
      if (isCode(cause, 'ENOENT')) return undefined
      throw new CloudError('provider-failed', `${file} cannot be read`, { cause })
    }
  }
  return {
    path,
    read,
    ids,
    add: async (record, fill) => {
      await mkdir(base, { recursive: true, mode: 0o700 })
      const unfinished = await mkdtemp(`${path(record.id)}${UNFINISHED}`)
      try {
        await fill(unfinished)
        await writeDurably(join(unfinished, fileName), toText(record))
        await rename(unfinished, path(record.id)).catch((error: unknown) => {
          if (!isCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
        })
      } finally {
        await rm(unfinished, { recursive: true, force: true })
      }
    },
    replace: async (record) => {
      const file = join(path(record.id), fileName)
      await writeDurably(`${file}.new`, toText(record))
      await rename(`${file}.new`, file)
    },
    all: async () => (await Promise.all((await ids()).map(read))).filter((record) => record !== undefined),
    remove: async (id) => {
      if (!isFolderId(id)) return
      const unfinished = (await namesIn(base)).filter((name) => name.startsWith(`${id}${UNFINISHED}`))
      for (const name of [id, ...unfinished]) await rm(path(name), { recursive: true, force: true })
    },
  }
}

function toText(record: object): string {
  return `${JSON.stringify(record, undefined, 2)}\n`
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
