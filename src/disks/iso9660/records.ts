import type { Buffer } from 'node:buffer'
import { SECTOR_BYTES, writeBoth16, writeBoth32 } from './fields.ts'
import type { Directory, Hierarchy, PlannedRecord } from './hierarchy.ts'

/** ECMA-119 6.8.2.2: the identifier of a directory's own record. */
export const SELF = '\0'
/** ECMA-119 6.8.2.2: the identifier of the record of a directory's parent. */
export const PARENT = '\x01'

/**
 * A directory record; its length is even, and it does not lie across the end of a sector.
 *
 * | offset | size | meaning                                                              |
 * |-------:|-----:|----------------------------------------------------------------------|
 * |      0 |    1 | length of the record; 0: go on in the next sector                    |
 * |      1 |    1 | length of an extended attribute record, 0                            |
 * |      2 |    8 | the extent's first sector, both-endian                               |
 * |     10 |    8 | the extent's size in bytes, both-endian                              |
 * |     18 |    7 | date                                                                 |
 * |     25 |    1 | flags: 2 directory, 4 associated file, 128 goes on in another extent |
 * |     26 |    2 | interleaving, 0                                                      |
 * |     28 |    4 | volume sequence number 1, both-endian                                |
 * |     32 |    1 | length of the identifier                                             |
 * |     33 |    n | identifier, with a NUL behind it where n is even                     |
 * |        |      | System Use area                                                      |
 *
 * @see ECMA-119 9.1
 */
export const DIRECTORY_RECORD = {
  extent: 2,
  dataBytes: 10,
  date: 18,
  flags: 25,
  sequence: 28,
  identifierBytes: 32,
  identifier: 33,
  maxBytes: 254,
} as const

/** Bits of a directory record's flags. */
export const RECORD_FLAG = { directory: 0x02, associated: 0x04, continues: 0x80 } as const

/**
 * A path table record. One table has the numbers little-endian (L), one big-endian (M).
 *
 * | offset | size | meaning                                         |
 * |-------:|-----:|-------------------------------------------------|
 * |      0 |    1 | length of the identifier                        |
 * |      1 |    1 | length of an extended attribute record, 0       |
 * |      2 |    4 | the directory's first sector                    |
 * |      6 |    2 | the parent's number                             |
 * |      8 |    n | identifier, with a NUL behind it where n is odd |
 *
 * @see ECMA-119 9.4
 */
const PATH_RECORD = { sector: 2, parent: 6, identifier: 8 } as const

/** Bytes of a path table record. */
export function pathRecordBytes(identifierBytes: number): number {
  return even(PATH_RECORD.identifier + identifierBytes)
}

/** Bytes of a directory record. */
export function recordBytes(identifierBytes: number, systemUseBytes: number): number {
  return even(DIRECTORY_RECORD.identifier + identifierBytes) + even(systemUseBytes)
}

/** Writes every folder of a placed hierarchy. `sectorOf` says where a file's bytes begin (0 for an empty one). */
export function writeDirectories(
  image: Buffer,
  hierarchy: Hierarchy,
  date: Buffer,
  sectorOf: (bytes: Uint8Array) => number,
): void {
  for (const directory of hierarchy.directories) {
    for (const record of directory.records) {
      const offset = directory.sector * SECTOR_BYTES + record.offset
      const { target } = record
      if (target.kind === 'file') {
        const { bytes } = target.entry
        writeRecord(image, offset, record, sectorOf(bytes), bytes.length, 0, date)
      } else {
        writeRecord(image, offset, record, target.sector, target.sizeBytes, RECORD_FLAG.directory, date)
      }
      if (record.identifier === SELF || record.identifier === PARENT)
        image[offset + DIRECTORY_RECORD.identifier] = record.identifier.charCodeAt(0)
      else hierarchy.identifiers.write(image, record.identifier, offset + DIRECTORY_RECORD.identifier)
    }
  }
}

/** Writes the root's record into a volume descriptor, where it has no System Use area. */
export function writeRootRecord(image: Buffer, offset: number, root: Directory, date: Buffer): void {
  const record = { identifierBytes: SELF.length, sizeBytes: recordBytes(SELF.length, 0), systemUse: undefined }
  writeRecord(image, offset, record, root.sector, root.sizeBytes, RECORD_FLAG.directory, date)
}

function writeRecord(
  image: Buffer,
  offset: number,
  record: Pick<PlannedRecord, 'identifierBytes' | 'sizeBytes' | 'systemUse'>,
  sector: number,
  dataBytes: number,
  flags: number,
  date: Buffer,
): void {
  image[offset] = record.sizeBytes
  writeBoth32(image, sector, offset + DIRECTORY_RECORD.extent)
  writeBoth32(image, dataBytes, offset + DIRECTORY_RECORD.dataBytes)
  image.set(date, offset + DIRECTORY_RECORD.date)
  image[offset + DIRECTORY_RECORD.flags] = flags
  writeBoth16(image, 1, offset + DIRECTORY_RECORD.sequence)
  image[offset + DIRECTORY_RECORD.identifierBytes] = record.identifierBytes
  if (record.systemUse) image.set(record.systemUse, offset + recordBytes(record.identifierBytes, 0))
}

/** Writes a path table of a placed hierarchy; `bigEndian` for the M table. */
export function writePathTable(image: Buffer, offset: number, hierarchy: Hierarchy, bigEndian: boolean): void {
  let at = offset
  for (const { identifier, identifierBytes, sector, parent } of hierarchy.directories) {
    const parentNumber = parent?.number ?? 1
    image[at] = identifierBytes
    if (bigEndian) {
      image.writeUInt32BE(sector, at + PATH_RECORD.sector)
      image.writeUInt16BE(parentNumber, at + PATH_RECORD.parent)
    } else {
      image.writeUInt32LE(sector, at + PATH_RECORD.sector)
      image.writeUInt16LE(parentNumber, at + PATH_RECORD.parent)
    }
    if (identifier !== SELF) hierarchy.identifiers.write(image, identifier, at + PATH_RECORD.identifier)
    at += pathRecordBytes(identifierBytes)
  }
}

function even(sizeBytes: number): number {
  return sizeBytes + (sizeBytes % 2)
}
