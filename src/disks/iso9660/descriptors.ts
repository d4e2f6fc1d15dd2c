import type { Buffer } from 'node:buffer'
import { DESCRIPTOR, SECTOR_BYTES, STANDARD_IDENTIFIER, writeBoth16, writeBoth32, type IsoDate } from './fields.ts'
import type { Hierarchy } from './hierarchy.ts'
import { JOLIET_ESCAPES, writeUcs2 } from './joliet.ts'
import { writeRootRecord } from './records.ts'

/**
 * A volume descriptor, primary or supplementary. Text is padded with blanks (in Joliet's: UCS-2 blanks).
 *
 * | offset | size | meaning                                                                      |
 * |-------:|-----:|------------------------------------------------------------------------------|
 * |      0 |    1 | type: 1 primary, 2 supplementary, 255 terminator                             |
 * |      1 |    6 | `CD001`, version 1                                                           |
 * |      8 |   32 | system identifier                                                            |
 * |     40 |   32 | volume identifier: the label                                                 |
 * |     80 |    8 | sectors in the volume, both-endian                                           |
 * |     88 |   32 | supplementary: escape sequences, which say that it is Joliet's               |
 * |    120 |    8 | set size 1, sequence number 1; 4 each, both-endian                           |
 * |    128 |    4 | logical block size, both-endian                                              |
 * |    132 |    8 | path table size in bytes, both-endian                                        |
 * |    140 |    8 | L path table's sector, optional second one 0; 4 each, little-endian          |
 * |    148 |    8 | M path table's sector, optional second one 0; 4 each, big-endian             |
 * |    156 |   34 | the root's directory record                                                  |
 * |    190 |  512 | volume set, publisher, data preparer, application; 128 each                  |
 * |    702 |  111 | copyright, abstract and bibliographic file; 37 each                          |
 * |    813 |   68 | made, changed, expires, takes effect; 17 each; unspecified is sixteen `0`    |
 * |    881 |    1 | file structure version 1                                                     |
 *
 * @see ECMA-119 8.4, 8.5
 */
export const VOLUME = {
  system: 8,
  label: 40,
  labelBytes: 32,
  sectors: 80,
  escapes: 88,
  setSize: 120,
  sequence: 124,
  blockBytes: 128,
  pathTableBytes: 132,
  pathTableL: 140,
  pathTableM: 148,
  root: 156,
  texts: 190,
  application: 574,
  applicationBytes: 128,
  textsEnd: 813,
  dates: 813,
  structure: 881,
} as const

const APPLICATION = 'BELLHOP'
const UNSPECIFIED_DATE = '0000000000000000'

/** What a volume descriptor says besides constants. */
export interface Volume {
  readonly label: string
  readonly date: IsoDate
  readonly sectors: number
  readonly hierarchy: Hierarchy
  readonly pathTableSectors: { readonly little: number; readonly big: number }
}

/** Writes the primary descriptor, or Joliet's, into the sector at `offset`. */
export function writeDescriptor(
  image: Buffer,
  offset: number,
  type: typeof DESCRIPTOR.primary | typeof DESCRIPTOR.supplementary,
  volume: Volume,
): void {
  const joliet = type === DESCRIPTOR.supplementary
  const descriptor = image.subarray(offset, offset + SECTOR_BYTES)
  writeType(descriptor, type)
  const blank = joliet ? '\0 ' : ' '
  descriptor.fill(blank, VOLUME.system, VOLUME.label + VOLUME.labelBytes, 'latin1')
  // 111 bytes of file names are no whole number of UCS-2 blanks; nobody reads the last byte.
  descriptor.fill(blank, VOLUME.texts, VOLUME.textsEnd, 'latin1')
  if (joliet) {
    // Sixteen characters are all that UCS-2 leaves of a label; readers take the longer one of the primary descriptor.
    writeUcs2(descriptor, volume.label.slice(0, VOLUME.labelBytes / 2), VOLUME.label)
    writeUcs2(descriptor, APPLICATION, VOLUME.application)
    descriptor.write(JOLIET_ESCAPES[2], VOLUME.escapes, 'latin1')
  } else {
    descriptor.write(volume.label, VOLUME.label, 'latin1')
    descriptor.write(APPLICATION, VOLUME.application, 'latin1')
  }
  writeBoth32(descriptor, volume.sectors, VOLUME.sectors)
  writeBoth16(descriptor, 1, VOLUME.setSize)
  writeBoth16(descriptor, 1, VOLUME.sequence)
  writeBoth16(descriptor, SECTOR_BYTES, VOLUME.blockBytes)
  writeBoth32(descriptor, volume.hierarchy.pathTableBytes, VOLUME.pathTableBytes)
  descriptor.writeUInt32LE(volume.pathTableSectors.little, VOLUME.pathTableL)
  descriptor.writeUInt32BE(volume.pathTableSectors.big, VOLUME.pathTableM)
  writeRootRecord(descriptor, VOLUME.root, volume.hierarchy.root, volume.date.record)
  const dates = [volume.date.volume, volume.date.volume, UNSPECIFIED_DATE, UNSPECIFIED_DATE]
  descriptor.write(dates.join('\0'), VOLUME.dates, 'latin1')
  descriptor[VOLUME.structure] = 1
}

/** Writes the descriptor that ends the set (ECMA-119 8.3). */
export function writeTerminator(image: Buffer, offset: number): void {
  writeType(image.subarray(offset, offset + SECTOR_BYTES), DESCRIPTOR.terminator)
}

function writeType(descriptor: Buffer, type: number): void {
  descriptor[0] = type
  descriptor.write(STANDARD_IDENTIFIER, 1, 'latin1')
  descriptor[6] = 1
}
