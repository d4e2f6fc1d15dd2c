import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { Files } from '../../model/files.ts'
import { DEFAULT_DATE, IMAGE_MAX_BYTES, type DiskOptions } from '../disk.ts'
import { toTree } from '../tree.ts'
import { writeDescriptor, writeTerminator } from './descriptors.ts'
import { shareExtents } from './extents.ts'
import { DESCRIPTOR, FIRST_DESCRIPTOR_SECTOR, SECTOR_BYTES, sectorsOf, toIsoDate } from './fields.ts'
import { placeDirectories, planHierarchy } from './hierarchy.ts'
import { isoIdentifiers } from './identifiers.ts'
import { jolietIdentifiers } from './joliet.ts'
import { writeDirectories, writePathTable } from './records.ts'
import { rockRidge } from './rock-ridge.ts'

const LABEL_MAX_CHARS = 32

// Behind the descriptors, before anything whose size follows from names: so a CE can be written while names are planned.
const CONTINUATION_SECTOR = FIRST_DESCRIPTOR_SECTOR + 3

/**
 * An ISO 9660 image with Rock Ridge (names, modes and owners as they are) and Joliet (names of up to 64 characters). The same
 * files and options give the same bytes, in whatever order the files come; files with the same bytes share their place.
 *
 * | sectors  | what                                                                        |
 * |----------|-----------------------------------------------------------------------------|
 * | 0 to 15  | system area, empty                                                          |
 * | 16 to 18 | primary descriptor, Joliet's descriptor, terminator                         |
 * | 19 …     | Rock Ridge's continuation area                                              |
 * |          | path tables: primary L and M, Joliet L and M                                |
 * |          | directories: primary, Joliet                                                |
 * |          | files                                                                       |
 *
 * @throws {CloudError} invalid when a path, mode, owner, date or the label cannot be written; too-large when the image would
 *   be over 1 GiB or have over 65535 folders
 * @see ECMA-119; SUSP and RRIP; Joliet Specification
 */
export function writeIso(files: Files, options: DiskOptions): Uint8Array {
  const { label } = options
  checkLabel(label)
  const date = toIsoDate(options.date ?? DEFAULT_DATE)
  const root = toTree(files)

  const posix = rockRidge(date.record, CONTINUATION_SECTOR)
  const primary = planHierarchy(root, isoIdentifiers, posix)
  const joliet = planHierarchy(root, jolietIdentifiers)

  const primaryTable = CONTINUATION_SECTOR + sectorsOf(posix.continuationBytes())
  const primaryTableSectors = sectorsOf(primary.pathTableBytes)
  const jolietTable = primaryTable + 2 * primaryTableSectors
  const jolietTableSectors = sectorsOf(joliet.pathTableBytes)
  const primarySector = jolietTable + 2 * jolietTableSectors
  const jolietSector = placeDirectories(primary, primarySector)
  const extents = shareExtents(root, placeDirectories(joliet, jolietSector))

  const sectors = extents.end
  if (sectors * SECTOR_BYTES > IMAGE_MAX_BYTES)
    throw new CloudError(
      'too-large',
      `the image would have ${sectors * SECTOR_BYTES} bytes; ${IMAGE_MAX_BYTES} is the most`,
    )
  const image = Buffer.alloc(sectors * SECTOR_BYTES)

  const volumes = [
    { type: DESCRIPTOR.primary, hierarchy: primary, table: primaryTable, tableSectors: primaryTableSectors },
    { type: DESCRIPTOR.supplementary, hierarchy: joliet, table: jolietTable, tableSectors: jolietTableSectors },
  ]
  volumes.forEach(({ type, hierarchy, table, tableSectors }, i) => {
    const pathTableSectors = { little: table, big: table + tableSectors }
    const volume = { label, date, sectors, hierarchy, pathTableSectors }
    writeDescriptor(image, (FIRST_DESCRIPTOR_SECTOR + i) * SECTOR_BYTES, type, volume)
    writePathTable(image, pathTableSectors.little * SECTOR_BYTES, hierarchy, false)
    writePathTable(image, pathTableSectors.big * SECTOR_BYTES, hierarchy, true)
    writeDirectories(image, hierarchy, date.record, extents.sectorOf)
  })
  writeTerminator(image, (FIRST_DESCRIPTOR_SECTOR + volumes.length) * SECTOR_BYTES)
  posix.writeContinuations(image)
  for (const { bytes, sector } of extents.parts) image.set(bytes, sector * SECTOR_BYTES)
  return image
}

// Lower case and "-" are against ECMA-119 7.4.1, and what every guest looks for.
function checkLabel(label: string): void {
  if (!/^[!-~]([ -~]*[!-~])?$/.test(label) || label.length > LABEL_MAX_CHARS)
    throw new CloudError(
      'invalid',
      `label: ${JSON.stringify(label.slice(0, 80))} cannot be an ISO 9660 label; 1 to ${LABEL_MAX_CHARS} printable ASCII characters are expected, no blank at either end`,
    )
}
