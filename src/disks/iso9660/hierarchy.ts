import type { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { DiskNode, FileNode, FolderNode } from '../tree.ts'
import { SECTOR_BYTES, sectorsOf, withinSector } from './fields.ts'
import type { Identifiers } from './identifiers.ts'
import { DIRECTORY_RECORD, PARENT, pathRecordBytes, recordBytes, SELF } from './records.ts'
import type { RockRidge } from './rock-ridge.ts'

/** A folder as one hierarchy writes it. */
export interface Directory {
  readonly kind: 'directory'
  readonly folder: FolderNode
  /** The root has none. */
  readonly parent: Directory | undefined
  readonly identifier: string
  readonly identifierBytes: number
  /** Its place in the path table, from 1. */
  readonly number: number
  readonly records: PlannedRecord[]
  /** Whole sectors. */
  sizeBytes: number
  /** Where it begins; 0 until the hierarchy is placed. */
  sector: number
}

/** A directory record with its place, but not yet the places that it points to. */
export interface PlannedRecord {
  readonly target: Directory | FileNode
  readonly identifier: string
  readonly identifierBytes: number
  /** From the start of its directory. */
  readonly offset: number
  readonly sizeBytes: number
  readonly systemUse: Buffer | undefined
}

/** All folders of an image as the primary descriptor or Joliet's sees them, in path-table order: the root first. */
export interface Hierarchy {
  readonly identifiers: Identifiers
  readonly root: Directory
  readonly directories: readonly Directory[]
  readonly pathTableBytes: number
}

// A directory's number has 16 bits in a path table.
const DIRECTORIES_MAX = 0xffff

/**
 * Names, sorts and sizes everything, breadth first: that is the path table's order (ECMA-119 6.9.1).
 *
 * Folders may stand deeper than the eight levels of ECMA-119 6.8.2.1, as with `genisoimage -D`: Linux, the BSDs and, by
 * Joliet, Windows read them, and the way by the book moves deep folders into one that nobody made.
 *
 * @throws {CloudError} too-large when there are more folders than a path table can number
 */
export function planHierarchy(rootFolder: FolderNode, identifiers: Identifiers, rockRidge?: RockRidge): Hierarchy {
  const root = newDirectory(rootFolder, undefined, SELF, SELF.length, 1)
  const directories = [root]
  let pathTableBytes = 0
  for (const directory of directories) {
    pathTableBytes += pathRecordBytes(directory.identifierBytes)
    const parent = directory.parent ?? directory
    addRecord(directory, directory, SELF, SELF.length, rockRidge?.forFolder(directory.folder, directory === root))
    addRecord(directory, parent, PARENT, PARENT.length, rockRidge?.forFolder(parent.folder, false))
    for (const { node, identifier } of sortedChildren(directory.folder, identifiers)) {
      const bytes = identifier.length * identifiers.bytesPerChar
      const target =
        node.kind === 'file' ? node : newDirectory(node, directory, identifier, bytes, directories.length + 1)
      if (target.kind === 'directory') directories.push(target)
      const roomBytes = DIRECTORY_RECORD.maxBytes - recordBytes(bytes, 0)
      addRecord(directory, target, identifier, bytes, rockRidge?.forChild(node, roomBytes))
    }
    directory.sizeBytes = sectorsOf(directory.sizeBytes) * SECTOR_BYTES
  }
  if (directories.length > DIRECTORIES_MAX)
    throw new CloudError('too-large', `the disk has ${directories.length} folders; ISO 9660 takes ${DIRECTORIES_MAX}`)
  return { identifiers, root, directories, pathTableBytes }
}

/** Puts the hierarchy's folders one after the other from `sector` on; returns the sector behind them. */
export function placeDirectories(hierarchy: Hierarchy, sector: number): number {
  let next = sector
  for (const directory of hierarchy.directories) {
    directory.sector = next
    next += directory.sizeBytes / SECTOR_BYTES
  }
  return next
}

function newDirectory(
  folder: FolderNode,
  parent: Directory | undefined,
  identifier: string,
  identifierBytes: number,
  number: number,
): Directory {
  return {
    kind: 'directory',
    folder,
    parent,
    identifier,
    identifierBytes,
    number,
    records: [],
    sizeBytes: 0,
    sector: 0,
  }
}

function addRecord(
  directory: Directory,
  target: Directory | FileNode,
  identifier: string,
  identifierBytes: number,
  systemUse: Buffer | undefined,
): void {
  const sizeBytes = recordBytes(identifierBytes, systemUse?.length ?? 0)
  const offset = withinSector(directory.sizeBytes, sizeBytes)
  directory.sizeBytes = offset + sizeBytes
  directory.records.push({ target, identifier, identifierBytes, offset, sizeBytes, systemUse })
}

interface NamedChild {
  readonly node: DiskNode
  readonly identifier: string
  readonly order: string
}

function sortedChildren({ children }: FolderNode, identifiers: Identifiers): readonly NamedChild[] {
  const names = identifiers.of(children)
  return children
    .map((node, i): NamedChild => {
      const identifier = names[i] ?? ''
      return { node, identifier, order: orderOf(identifier) }
    })
    .toSorted((a, b) => (a.order < b.order ? -1 : 1))
}

// ECMA-119 9.3: by name, then by extension, the shorter first.
function orderOf(identifier: string): string {
  const name = identifier.endsWith(';1') ? identifier.slice(0, -2) : identifier
  const dot = name.lastIndexOf('.')
  return dot === -1 ? name : `${name.slice(0, dot)}\0${name.slice(dot + 1)}`
}
