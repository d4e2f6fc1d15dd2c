import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { Files } from '../../model/files.ts'
import { DEFAULT_DATE, quoted, type DiskOptions } from '../disk.ts'
import { toTree, type FileNode, type FolderNode } from '../tree.ts'
import { writeBootSector } from './boot-sector.ts'
import { ATTRIBUTE, ENTRY, partsOf, toFatTime, writeLongName, writeShortEntry, type FatTime } from './entries.ts'
import { FIRST_CLUSTER, writeFats, type FatType, type Run } from './fat.ts'
import { chooseGeometry, type Geometry } from './geometry.ts'
import { aliasesOf, checkNames, paddedLabel } from './names.ts'

/** How a VFAT disk is made. */
export interface VfatOptions extends DiskOptions {
  /** For readers that take one type only; the image is made large enough to be of it. Default: by size. */
  readonly type?: FatType
}

interface PlannedFolder {
  readonly kind: 'folder'
  readonly folder: FolderNode
  /** The root has none. */
  readonly parent: PlannedFolder | undefined
  readonly children: { readonly name: string; readonly alias: string; readonly target: PlannedFolder | PlannedFile }[]
  /** Entries of 32 bytes. */
  entries: number
  /** 0 until it has a place, and for the root of FAT12 and FAT16. */
  cluster: number
}

interface PlannedFile {
  readonly kind: 'file'
  readonly node: FileNode
  cluster: number
}

// Linux reads 2 MiB of a folder, the specification as much.
const FOLDER_ENTRIES_MAX = 65536
const DOT = '.'.padEnd(ENTRY.nameBytes)
const DOT_DOT = '..'.padEnd(ENTRY.nameBytes)

/**
 * A FAT file system with long names, as small as the files allow. Modes and owners are not carried. The same files and options
 * give the same bytes, in whatever order the files come.
 *
 * | sectors | what                                                                   |
 * |---------|------------------------------------------------------------------------|
 * | 0       | boot sector; FAT32: 32 sectors with FSInfo and the backups of both     |
 * |         | two copies of the FAT                                                  |
 * |         | FAT12 and FAT16: root directory                                        |
 * |         | folders, files                                                         |
 *
 * @throws {CloudError} invalid when a path, date or the label cannot be written; too-large when the image would be over 1 GiB,
 *   a folder over 65536 entries, or all of it more than the type that was asked for can hold
 * @see FAT32 File System Specification 1.03
 */
export function writeVfat(files: Files, options: VfatOptions): Uint8Array {
  const { date = DEFAULT_DATE } = options
  const label = paddedLabel(options.label)
  const fatTime = toFatTime(date)
  const folders = planFolders(toTree(files))
  const contents = folders.flatMap(({ children }) =>
    children.flatMap(({ target }) => (target.kind === 'file' ? [target] : [])),
  )
  const [root, ...inner] = folders
  const sizesBytes = [
    ...inner.map(({ entries }) => entries * ENTRY.sizeBytes),
    ...contents.map(({ node }) => node.entry.bytes.length),
  ]
  const geometry = chooseGeometry({ rootEntries: root.entries, sizesBytes }, options.type)
  const runs = placeAll(folders, contents, geometry)

  const image = Buffer.alloc(geometry.totalSectors * geometry.sectorBytes)
  const used = runs.reduce((clusters, run) => clusters + run.count, 0)
  // Like mkfs.fat's, the serial number is the time of making.
  writeBootSector(image, geometry, label, Math.floor(date.getTime() / 1000) >>> 0, used)
  writeFats(image, geometry, runs)
  for (const folder of folders) writeFolder(image, geometry, folder, label, fatTime)
  for (const { node, cluster } of contents) if (cluster !== 0) image.set(node.entry.bytes, offsetOf(geometry, cluster))
  return image
}

function planFolders(rootFolder: FolderNode): readonly [PlannedFolder, ...PlannedFolder[]] {
  const folders: [PlannedFolder, ...PlannedFolder[]] = [newFolder(rootFolder, undefined)]
  for (const planned of folders) {
    const { folder } = planned
    checkNames(folder)
    const aliases = aliasesOf(folder.children)
    folder.children.forEach((node, i) => {
      const target = node.kind === 'file' ? { kind: node.kind, node, cluster: 0 } : newFolder(node, planned)
      if (target.kind === 'folder') folders.push(target)
      planned.children.push({ name: node.name, alias: aliases[i] ?? '', target })
      // Names that are 8.3 already get their long name too: some systems show those without in lower case.
      planned.entries += partsOf(node.name) + 1
    })
    if (planned.entries > FOLDER_ENTRIES_MAX)
      throw new CloudError(
        'too-large',
        `the folder ${quoted(folder.path)} takes ${planned.entries} directory entries; VFAT has ${FOLDER_ENTRIES_MAX}`,
      )
  }
  return folders
}

// The root has its label, other folders "." and "..".
function newFolder(folder: FolderNode, parent: PlannedFolder | undefined): PlannedFolder {
  return { kind: 'folder', folder, parent, children: [], entries: parent === undefined ? 1 : 2, cluster: 0 }
}

// One after the other: the root of FAT32, the folders, the files.
function placeAll(
  folders: readonly PlannedFolder[],
  contents: readonly PlannedFile[],
  geometry: Geometry,
): readonly Run[] {
  const runs: Run[] = []
  let next = FIRST_CLUSTER
  const place = (sizeBytes: number) => {
    const run = { first: next, count: Math.ceil(sizeBytes / geometry.clusterBytes) }
    if (run.count === 0) return 0
    next += run.count
    runs.push(run)
    return run.first
  }
  for (const folder of folders)
    if (folder.parent !== undefined || geometry.type === 'FAT32')
      folder.cluster = place(folder.entries * ENTRY.sizeBytes)
  for (const file of contents) file.cluster = place(file.node.entry.bytes.length)
  return runs
}

function writeFolder(
  image: Buffer,
  geometry: Geometry,
  { parent, children, cluster }: PlannedFolder,
  label: string,
  time: FatTime,
): void {
  let offset = cluster === 0 ? geometry.rootSector * geometry.sectorBytes : offsetOf(geometry, cluster)
  const add = (alias: string, attributes: number, target: number, dataBytes: number) => {
    writeShortEntry(image, offset, { alias, attributes, cluster: target, dataBytes }, time)
    offset += ENTRY.sizeBytes
  }
  if (parent === undefined) {
    add(label, ATTRIBUTE.label, 0, 0)
  } else {
    add(DOT, ATTRIBUTE.folder, cluster, 0)
    // The specification wants 0 for the root, in FAT32 too.
    add(DOT_DOT, ATTRIBUTE.folder, parent.parent === undefined ? 0 : parent.cluster, 0)
  }
  for (const { name, alias, target } of children) {
    writeLongName(image, offset, name, alias)
    offset += partsOf(name) * ENTRY.sizeBytes
    if (target.kind === 'folder') add(alias, ATTRIBUTE.folder, target.cluster, 0)
    else add(alias, ATTRIBUTE.archive, target.cluster, target.node.entry.bytes.length)
  }
}

function offsetOf(geometry: Geometry, cluster: number): number {
  return geometry.dataSector * geometry.sectorBytes + (cluster - FIRST_CLUSTER) * geometry.clusterBytes
}
