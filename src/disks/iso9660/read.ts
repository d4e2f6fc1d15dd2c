import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { FileEntry } from '../../model/files.ts'
import { addFile, bytesAt, joinName, type DiskContent } from '../disk.ts'
import { VOLUME } from './descriptors.ts'
import { DESCRIPTOR, FIRST_DESCRIPTOR_SECTOR, SECTOR_BYTES, STANDARD_IDENTIFIER } from './fields.ts'
import { JOLIET_ESCAPES } from './joliet.ts'
import { DIRECTORY_RECORD, PARENT, RECORD_FLAG, SELF } from './records.ts'
import { readSystemUse, rockRidgeSkip, type Budget, type PosixAttributes } from './system-use.ts'

interface ReadRecord {
  readonly sector: number
  readonly dataBytes: number
  readonly flags: number
  readonly identifier: Buffer
  readonly systemUse: Buffer
}

/** Which names to believe, and what else a record says by them. */
type Naming = (record: ReadRecord) => Partial<PosixAttributes> & { readonly name: string }

interface PendingFolder {
  readonly path: string
  readonly sector: number
  readonly sizeBytes: number
}

/** Whether the image has a volume descriptor where ISO 9660 wants it. */
export function isIso(image: Uint8Array): boolean {
  const offset = FIRST_DESCRIPTOR_SECTOR * SECTOR_BYTES + 1
  return Buffer.from(image.subarray(offset, offset + STANDARD_IDENTIFIER.length)).equals(
    Buffer.from(STANDARD_IDENTIFIER),
  )
}

/**
 * Reads an ISO 9660 image: by its Rock Ridge names where it has them, else Joliet's, else the plain ones as Linux shows them
 * (lower case, without version). Entries that are neither files nor folders are left out. File contents are views of `image`.
 *
 * @throws {CloudError} invalid when the image is not ISO 9660, is cut short, or contradicts itself
 */
export function readIso(image: Uint8Array): DiskContent {
  const disk = Buffer.from(image.buffer, image.byteOffset, image.byteLength)
  const { primary, joliet } = findDescriptors(disk)
  const budget = budgetOf(disk.length)
  const label = disk.toString('latin1', primary + VOLUME.label, primary + VOLUME.label + VOLUME.labelBytes)

  const primaryRoot = readRecord(disk, primary + VOLUME.root)
  const self = recordsIn(folderBytes(disk, primaryRoot.sector, primaryRoot.dataBytes)).next().value
  const skip = self ? rockRidgeSkip(disk, self.systemUse, budget) : undefined
  const files = new Map<string, FileEntry>()
  if (skip !== undefined) walk(disk, primaryRoot, rockRidgeNaming(disk, skip, budget), budget, files)
  else if (joliet !== undefined) walk(disk, readRecord(disk, joliet + VOLUME.root), jolietName, budget, files)
  else walk(disk, primaryRoot, plainName, budget, files)
  return { label: label.replace(/[\0 ]+$/, ''), files }
}

function findDescriptors(disk: Buffer): { readonly primary: number; readonly joliet: number | undefined } {
  let primary: number | undefined
  let joliet: number | undefined
  for (let sector = FIRST_DESCRIPTOR_SECTOR; ; sector++) {
    const offset = sector * SECTOR_BYTES
    const descriptor = bytesAt(disk, offset, SECTOR_BYTES, 'a volume descriptor')
    if (descriptor.toString('latin1', 1, 1 + STANDARD_IDENTIFIER.length) !== STANDARD_IDENTIFIER) break
    const type = descriptor[0]
    if (type === DESCRIPTOR.terminator) break
    const escape = descriptor.toString('latin1', VOLUME.escapes, VOLUME.escapes + 3)
    if (type === DESCRIPTOR.primary) primary ??= offset
    if (type === DESCRIPTOR.supplementary && JOLIET_ESCAPES.some((known) => known === escape)) joliet ??= offset
  }
  if (primary === undefined) throw invalid('has no primary volume descriptor')
  const blockBytes = disk.readUInt16LE(primary + VOLUME.blockBytes)
  if (blockBytes !== SECTOR_BYTES) throw invalid(`has blocks of ${blockBytes} bytes; ${SECTOR_BYTES} are expected`)
  const sectors = disk.readUInt32LE(primary + VOLUME.sectors)
  bytesAt(disk, 0, sectors * SECTOR_BYTES, 'the ISO 9660 file system')
  return { primary, joliet }
}

function walk(disk: Buffer, root: ReadRecord, naming: Naming, budget: Budget, files: Map<string, FileEntry>): void {
  const seen = new Set<number>()
  const pending: PendingFolder[] = [{ path: '', sector: root.sector, sizeBytes: root.dataBytes }]
  for (const { path, sector, sizeBytes } of pending) {
    if (seen.has(sector)) throw invalid(`has the folder at sector ${sector} in two places`)
    seen.add(sector)
    budget(sizeBytes)
    for (const record of recordsIn(folderBytes(disk, sector, sizeBytes))) {
      if (isDots(record)) continue
      const { name, type, childSector, relocated, ...attributes } = naming(record)
      if (relocated || type === 'other' || record.flags & RECORD_FLAG.associated) continue
      const childPath = joinName(path, name)
      if (childSector !== undefined) {
        pending.push({ path: childPath, sector: childSector, sizeBytes: sizeOfFolderAt(disk, childSector) })
      } else if (record.flags & RECORD_FLAG.directory) {
        pending.push({ path: childPath, sector: record.sector, sizeBytes: record.dataBytes })
      } else {
        addFile(files, childPath, { bytes: fileBytes(disk, record), ...attributes })
      }
    }
  }
}

function* recordsIn(folder: Buffer): Generator<ReadRecord> {
  for (let offset = 0; offset < folder.length;) {
    const sizeBytes = folder[offset] ?? 0
    if (sizeBytes === 0) {
      offset = (Math.floor(offset / SECTOR_BYTES) + 1) * SECTOR_BYTES
      continue
    }
    yield readRecord(folder, offset)
    offset += sizeBytes
  }
}

function readRecord(bytes: Buffer, offset: number): ReadRecord {
  const record = bytesAt(bytes, offset, bytes[offset] ?? 0, 'a directory record')
  const identifierBytes = record[DIRECTORY_RECORD.identifierBytes]
  const end = DIRECTORY_RECORD.identifier + (identifierBytes ?? 0)
  if (!identifierBytes || end > record.length)
    throw invalid(`has a directory record of ${record.length} bytes that cannot hold its name`)
  return {
    // An extended attribute record stands before the data (ECMA-119 9.1.2).
    sector: record.readUInt32LE(DIRECTORY_RECORD.extent) + (record[1] ?? 0),
    dataBytes: record.readUInt32LE(DIRECTORY_RECORD.dataBytes),
    flags: record[DIRECTORY_RECORD.flags] ?? 0,
    identifier: record.subarray(DIRECTORY_RECORD.identifier, end),
    systemUse: record.subarray(end + (end % 2)),
  }
}

function isDots({ identifier }: ReadRecord): boolean {
  if (identifier.length !== 1) return false
  const text = identifier.toString('latin1')
  return text === SELF || text === PARENT
}

function folderBytes(disk: Buffer, sector: number, sizeBytes: number): Buffer {
  return bytesAt(disk, sector * SECTOR_BYTES, sizeBytes, 'a folder')
}

function sizeOfFolderAt(disk: Buffer, sector: number): number {
  return readRecord(disk, sector * SECTOR_BYTES).dataBytes
}

function fileBytes(disk: Buffer, record: ReadRecord): Buffer {
  if (record.flags & RECORD_FLAG.continues)
    throw invalid('has a file in several extents, as only files over 4 GiB need')
  if (record.dataBytes === 0) return Buffer.alloc(0)
  return bytesAt(disk, record.sector * SECTOR_BYTES, record.dataBytes, 'a file')
}

function rockRidgeNaming(disk: Buffer, skip: number, budget: Budget): Naming {
  return (record) => {
    const attributes = readSystemUse(disk, record.systemUse.subarray(skip), budget)
    return { ...attributes, name: attributes.name ?? plainName(record).name }
  }
}

const jolietName: Naming = ({ identifier }) => {
  const utf16 = Buffer.from(identifier.subarray(0, identifier.length & ~1)).swap16()
  return { name: utf16.toString('utf16le').toWellFormed().replace(/;\d+$/, '') }
}

const plainName: Naming = ({ identifier }) => {
  const name = identifier.toString('latin1').replace(/;\d+$/, '').replace(/\.$/, '')
  return { name: name.toLowerCase() }
}

// No part of a sound image is in two folders, so none has more bytes of them than it has in all. Bounds the work on others.
function budgetOf(imageBytes: number): Budget {
  let left = imageBytes
  return (sizeBytes) => {
    left -= sizeBytes
    if (left < 0) throw invalid('has folders that lie over each other')
  }
}

function invalid(what: string): CloudError {
  return new CloudError('invalid', `disk image: the ISO 9660 file system ${what}`)
}
