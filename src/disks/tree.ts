import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import { isListing, type FileEntry, type Files } from '../model/files.ts'
import { IMAGE_MAX_BYTES, PATH_MAX_BYTES, quoted } from './disk.ts'

/** A file on a disk. */
export interface FileNode {
  readonly kind: 'file'
  readonly name: string
  readonly path: string
  readonly entry: FileEntry
}

/** A folder on a disk; the root's name and path are `''`. Children are sorted by name, so equal trees are equal disks. */
export interface FolderNode {
  readonly kind: 'folder'
  readonly name: string
  readonly path: string
  readonly children: readonly DiskNode[]
  /** How many of the children are folders. */
  readonly folders: number
}

/** What a folder holds. */
export type DiskNode = FileNode | FolderNode

interface GrowingFolder extends FolderNode {
  readonly children: DiskNode[]
  folders: number
}

// What ext4, Rock Ridge and VFAT all take.
const NAME_MAX_BYTES = 255

/**
 * The tree of folders that `files` stand in, listings left out.
 *
 * @throws {CloudError} invalid when a path is not a plain relative path, or a file stands where another needs a folder;
 *   too-large when the files are more than an image may hold
 */
export function toTree(files: Files): FolderNode {
  const root = newFolder('', '')
  const folders = new Map<string, GrowingFolder>([['', root]])
  let totalBytes = 0
  for (const [path, entry] of files) {
    if (isListing(path)) continue
    checkPath(path)
    totalBytes += entry.bytes.length
    if (totalBytes > IMAGE_MAX_BYTES)
      throw new CloudError(
        'too-large',
        `${quoted(path)} is ${entry.bytes.length} bytes; with it the disk has over ${IMAGE_MAX_BYTES}, which is the most`,
      )
    const slash = path.lastIndexOf('/')
    const parent = folderAt(folders, path.slice(0, Math.max(slash, 0)))
    parent.children.push({ kind: 'file', name: path.slice(slash + 1), path, entry })
  }
  for (const folder of folders.values()) sortChildren(folder)
  return root
}

function folderAt(folders: Map<string, GrowingFolder>, path: string): GrowingFolder {
  const known = folders.get(path)
  if (known) return known
  const slash = path.lastIndexOf('/')
  const folder = newFolder(path.slice(slash + 1), path)
  folders.set(path, folder)
  const parent = folderAt(folders, path.slice(0, Math.max(slash, 0)))
  parent.children.push(folder)
  parent.folders++
  return folder
}

function newFolder(name: string, path: string): GrowingFolder {
  return { kind: 'folder', name, path, children: [], folders: 0 }
}

function sortChildren(folder: GrowingFolder): void {
  const { children } = folder
  children.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (let i = 1; i < children.length; i++) {
    const child = children[i]
    if (child && child.name === children[i - 1]?.name)
      throw new CloudError(
        'invalid',
        `${quoted(child.path)} is a file, and a folder of other files: it can be only one`,
      )
  }
}

function checkPath(path: string): void {
  if (!path.isWellFormed()) throw badPath(path, 'has half a surrogate pair, which no encoding can write')
  if (path.includes('\0')) throw badPath(path, 'has a NUL')
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) throw badPath(path, `has more than ${PATH_MAX_BYTES} bytes`)
  for (const name of path.split('/')) {
    if (name === '') throw badPath(path, 'begins with "/" or has an empty segment; a relative path is expected')
    if (name === '.' || name === '..') throw badPath(path, `has the segment "${name}"`)
    // Three bytes for a code unit is the most that UTF-8 takes.
    if (name.length * 3 > NAME_MAX_BYTES && Buffer.byteLength(name) > NAME_MAX_BYTES)
      throw badPath(path, `has a name of ${Buffer.byteLength(name)} bytes; a name takes ${NAME_MAX_BYTES}`)
  }
}

function badPath(path: string, why: string): CloudError {
  return new CloudError('invalid', `the path ${quoted(path)} ${why}`)
}
