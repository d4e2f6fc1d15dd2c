import type { Buffer } from 'node:buffer'
import { quoted } from '../disks/disk.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { FileEntry } from '../model/files.ts'
import type { Inode } from './injection-debugfs.ts'
import type { ExistingRule, WrittenFile } from './injection-outcome.ts'
import { parentOf, pathsTo, type Known } from './injection-paths.ts'

/** A file that is wanted, and what is known of its place. */
export interface Found {
  readonly entry: FileEntry
  /** The bytes that are there are the same. */
  readonly isSame?: boolean
  /** The SELinux label that it must have, as its bytes. */
  readonly label?: Buffer
}

/** A file as it is to be. */
export interface FileWrite extends WrittenFile {
  readonly bytes: Uint8Array
  readonly label?: Buffer
  /** What has its name now. */
  readonly before?: Inode
}

/** What is to be done, in order: folders from the root down, then files. */
export interface Writes {
  readonly folders: readonly { readonly path: string; readonly label?: Buffer }[]
  readonly files: readonly FileWrite[]
}

const MODE = 0o644
const ID_MAX = 0xffff_fffe
/** Names in such folders are no plain bytes to debugfs. */
const FOLDER_FLAGS = { encrypted: 0x800, 'without upper and lower case': 0x4000_0000 } as const

/**
 * What must be done so that an image has the files that are wanted.
 *
 * @param known all that stands on the files' paths
 * @throws {CloudError} conflict when something has a file's name; invalid for modes and owners that no file can have; unsupported
 */
export function toWrites(known: Known, wanted: ReadonlyMap<string, Found>, existing: ExistingRule): Writes {
  const folders = new Map<string, Buffer | undefined>()
  const files = [...wanted].map(([path, found]) => {
    for (const folder of pathsTo(parentOf(path))) {
      const inode = known.get(folder)
      if (wanted.has(folder))
        throw new CloudError('conflict', `${quoted(folder)} is a file, and a folder of other files: it can be only one`)
      if (inode) checkFolder(folder, inode)
      else folders.set(folder, found.label)
    }
    return toFile(path, found, known, existing)
  })
  return {
    folders: [...folders].map(([path, label]) => ({ path, ...(label ? { label } : {}) })),
    files,
  }
}

function checkFolder(path: string, { flags }: Inode): void {
  for (const [what, flag] of Object.entries(FOLDER_FLAGS))
    if ((flags & flag) !== 0)
      throw new CloudError('unsupported', `the folder ${quoted(path)} is ${what}; nothing can be written there`)
}

function toFile(
  path: string,
  { entry, isSame = false, label }: Found,
  known: Known,
  existing: ExistingRule,
): FileWrite {
  const { bytes, mode = MODE, uid = 0, gid = 0, role } = entry
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777)
    throw new CloudError('invalid', `${quoted(path)}: its mode is ${mode}; 0 to 07777 is expected`)
  for (const id of [uid, gid])
    if (!Number.isInteger(id) || id < 0 || id > ID_MAX)
      throw new CloudError('invalid', `${quoted(path)}: its owner is ${id}; 0 to ${ID_MAX} is expected`)
  const file = {
    path,
    bytes,
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    mode,
    uid,
    gid,
    ...(role ? { role } : {}),
  }
  const labelled = label ? { ...file, label } : file
  const before = known.get(path)
  if (!before) return { ...labelled, was: 'new' }
  if (before.type === 'symlink')
    throw new CloudError(
      'conflict',
      `${quoted(path)} is a symbolic link${before.target === undefined ? '' : ` to ${quoted(before.target)}`}: name the file that it leads to`,
    )
  if (before.type !== 'regular')
    throw new CloudError('conflict', `${quoted(path)} is there already, and is a ${before.type}`)
  if (isSame && before.mode === mode && before.uid === uid && before.gid === gid)
    return { ...labelled, was: 'unchanged', before }
  if (existing === 'refuse')
    throw new CloudError(
      'conflict',
      `${quoted(path)} is there already, with other content or rights (${before.sizeBytes} bytes); keep it under another name, or replace it`,
    )
  if (existing === 'replace') return { ...labelled, was: 'replaced', before }
  const keptAs = keptNames(path).find((name) => known.has(name) && known.get(name) === undefined)
  if (keptAs === undefined)
    throw new CloudError(
      'conflict',
      `${quoted(path)}: all names to keep it under are taken, up to ${quoted(keptNames(path).at(-1) ?? '')}`,
    )
  return { ...labelled, was: 'kept', before, keptAs }
}

const KEPT_MAX = 9

/** What a file can be called that another took the name of, in the order in which the names are tried. */
export function keptNames(path: string): readonly string[] {
  return Array.from({ length: KEPT_MAX }, (_, index) => `${path}.bellhop-old${index === 0 ? '' : `-${index + 1}`}`)
}
