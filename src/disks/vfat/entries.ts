import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'

/**
 * A directory entry.
 *
 * | offset | size | meaning                                                                            |
 * |-------:|-----:|------------------------------------------------------------------------------------|
 * |      0 |   11 | 8.3 name without its full stop; first byte 0: no entry from here on, E5: deleted   |
 * |     11 |    1 | attributes: 8 label, 16 folder, 32 archive, 15 long name                           |
 * |     12 |    1 | Windows NT: 8 the stem is meant in lower case, 16 the extension is                 |
 * |     13 |    5 | made: hundredths of a second 1, time 2, date 2                                     |
 * |     18 |    2 | read: date                                                                         |
 * |     20 |    2 | first cluster, high half (FAT32)                                                   |
 * |     22 |    4 | changed: time 2, date 2                                                            |
 * |     26 |    2 | first cluster, low half                                                            |
 * |     28 |    4 | size in bytes; 0 for folders                                                       |
 *
 * @see FAT32 File System Specification 1.03, "FAT Directory Structure"
 */
export const ENTRY = {
  sizeBytes: 32,
  nameBytes: 11,
  attributes: 11,
  caseFlags: 12,
  madeTime: 14,
  madeDate: 16,
  readDate: 18,
  clusterHigh: 20,
  changedTime: 22,
  changedDate: 24,
  clusterLow: 26,
  dataBytes: 28,
  end: 0x00,
  deleted: 0xe5,
  /** Stands for E5 where a name begins with it. */
  escapedE5: 0x05,
} as const

/** Values of an entry's attributes. */
export const ATTRIBUTE = { label: 0x08, folder: 0x10, archive: 0x20, longName: 0x0f, mask: 0x3f } as const

/**
 * A part of a long name. The parts stand before the 8.3 entry, last part first.
 *
 * | offset | size | meaning                                                                            |
 * |-------:|-----:|------------------------------------------------------------------------------------|
 * |      0 |    1 | the part's number from 1; 40 is added to the last part's                           |
 * |      1 |   10 | 5 UTF-16 units; behind the name's end a 0000, then FFFF                            |
 * |     11 |    2 | attributes 15, type 0                                                              |
 * |     13 |    1 | checksum of the 8.3 name                                                           |
 * |     14 |   12 | 6 UTF-16 units                                                                     |
 * |     26 |    2 | cluster 0                                                                          |
 * |     28 |    4 | 2 UTF-16 units                                                                     |
 *
 * @see FAT32 File System Specification 1.03, "Long Directory Entries"
 */
export const PART = {
  last: 0x40,
  checksum: 13,
  unitBytes: 2,
  bytes: 26,
  /** Offset in the part's entry, and which of its bytes stand there. */
  pieces: [
    [1, 0, 10],
    [14, 10, 22],
    [28, 22, 26],
  ],
} as const

/** How many entries a long name takes before its 8.3 entry. */
export function partsOf(name: string): number {
  return Math.ceil((name.length * PART.unitBytes) / PART.bytes)
}

/** Binds a long name to its 8.3 entry: a long name whose 8.3 name was changed by someone else is not believed. */
export function checksumOf(alias: Uint8Array): number {
  return alias.reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)
}

/** A date and time as directory entries have them, in UTC: FAT knows no zone. */
export interface FatTime {
  readonly date: number
  readonly time: number
}

/**
 * Bits of the date: 7 years since 1980, 4 month, 5 day; of the time: 5 hour, 6 minute, 5 seconds halved.
 *
 * @throws {CloudError} invalid when the year is not 1980 to 2107
 */
export function toFatTime(date: Date): FatTime {
  const year = date.getUTCFullYear()
  // Also true of an invalid date, whose year is NaN.
  if (!(year >= 1980 && year <= 2107))
    throw new CloudError('invalid', `date: VFAT knows the years 1980 to 2107, not ${year}`)
  return {
    date: ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate(),
    time: (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1),
  }
}

/** What an 8.3 entry says. `alias` has 11 characters. */
export interface ShortEntry {
  readonly alias: string
  readonly attributes: number
  readonly cluster: number
  readonly dataBytes: number
}

/** Writes an 8.3 entry (32 bytes). */
export function writeShortEntry(folder: Buffer, offset: number, entry: ShortEntry, { date, time }: FatTime): void {
  folder.write(entry.alias, offset, 'latin1')
  folder[offset + ENTRY.attributes] = entry.attributes
  folder.writeUInt16LE(time, offset + ENTRY.madeTime)
  folder.writeUInt16LE(date, offset + ENTRY.madeDate)
  folder.writeUInt16LE(date, offset + ENTRY.readDate)
  folder.writeUInt16LE(entry.cluster >>> 16, offset + ENTRY.clusterHigh)
  folder.writeUInt16LE(time, offset + ENTRY.changedTime)
  folder.writeUInt16LE(date, offset + ENTRY.changedDate)
  folder.writeUInt16LE(entry.cluster & 0xffff, offset + ENTRY.clusterLow)
  folder.writeUInt32LE(entry.dataBytes, offset + ENTRY.dataBytes)
}

/** Writes the parts of a long name, {@link partsOf} entries; the 8.3 entry `alias` must follow them. */
export function writeLongName(folder: Buffer, offset: number, name: string, alias: string): void {
  const parts = partsOf(name)
  const units = Buffer.alloc(parts * PART.bytes, 0xff)
  const endBytes = units.write(name, 'utf16le')
  if (endBytes < units.length) units.writeUInt16LE(0, endBytes)
  const checksum = checksumOf(Buffer.from(alias, 'latin1'))
  for (let number = parts; number > 0; number--) {
    const at = offset + (parts - number) * ENTRY.sizeBytes
    const from = (number - 1) * PART.bytes
    folder[at] = number === parts ? number | PART.last : number
    folder[at + ENTRY.attributes] = ATTRIBUTE.longName
    folder[at + PART.checksum] = checksum
    for (const [target, start, end] of PART.pieces) units.copy(folder, at + target, from + start, from + end)
  }
}
