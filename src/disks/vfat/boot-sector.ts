import type { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import { bytesAt } from '../disk.ts'
import { ENTRY } from './entries.ts'
import { FAT_TYPES, fatTypeOf, MEDIA_FIXED_DISK, type FatType } from './fat.ts'
import { SECTORS_PER_TRACK, type Geometry } from './geometry.ts'

/*
 * The boot sector. Numbers are little-endian; from byte 36 on FAT32 has fields of its own.
 *
 * | offset | size | meaning                                                                             |
 * |-------:|-----:|-------------------------------------------------------------------------------------|
 * |      0 |    3 | jump to the boot code                                                               |
 * |      3 |    8 | name of the program that made it                                                    |
 * |     11 |    2 | bytes per sector                                                                    |
 * |     13 |    1 | sectors per cluster, a power of two                                                 |
 * |     14 |    2 | reserved sectors: this one and those before the first FAT                           |
 * |     16 |    1 | FATs                                                                                |
 * |     17 |    2 | entries of the root directory; FAT32: 0                                             |
 * |     19 |    2 | sectors in all, or 0: see 32                                                        |
 * |     21 |    1 | media descriptor, F8 for fixed disks                                                |
 * |     22 |    2 | sectors per FAT; FAT32: 0, see 36                                                   |
 * |     24 |    4 | sectors per track, heads: 2 each                                                    |
 * |     28 |    4 | hidden sectors                                                                      |
 * |     32 |    4 | sectors in all                                                                      |
 * |     36 |   28 | FAT32: sectors per FAT 4, flags 2, version 2, root's cluster 4, FSInfo's sector 2,  |
 * |        |      | backup boot sector 2, reserved 12                                                   |
 * |  36/64 |    1 | drive number 80                                                                     |
 * |  38/66 |    1 | 29: serial number, label and type follow                                            |
 * |  39/67 |    4 | serial number                                                                       |
 * |  43/71 |   11 | label                                                                               |
 * |  54/82 |    8 | `FAT12`, `FAT16` or `FAT32`                                                         |
 * |  62/90 |      | boot code                                                                           |
 * |    510 |    2 | 55 AA                                                                               |
 *
 * See Microsoft's FAT32 File System Specification 1.03, "Boot Sector and BPB".
 */
const BOOT = {
  maker: 3,
  sectorBytes: 11,
  sectorsPerCluster: 13,
  reservedSectors: 14,
  fats: 16,
  rootEntries: 17,
  totalSectors16: 19,
  media: 21,
  fatSectors16: 22,
  sectorsPerTrack: 24,
  heads: 26,
  totalSectors32: 32,
  signature: 510,
} as const
const BOOT32 = { fatSectors: 36, rootCluster: 44, infoSector: 48, backupSector: 50 } as const
// From here on the same fields stand at 36 and, in FAT32, at 64.
const EXTENSION = { drive: 0, signature: 2, serial: 3, label: 7, labelBytes: 11, type: 18, code: 26 } as const
const extensionOffset = (type: FatType) => (type === 'FAT32' ? 64 : 36)

const HEADS = 2
const BOOT_SIGNATURE = 0xaa55
const NO_LABEL = 'NO NAME    '

// INT 18h: tells the firmware to try the next boot device; then a loop, should it come back.
const BOOT_CODE = [0xcd, 0x18, 0xeb, 0xfe]

/*
 * FAT32's FSInfo sector: `RRaA` at 0, `rrAa` at 484, free clusters at 488, where to look for one at 492, 55 AA at 510.
 */
const INFO = { lead: 0x41615252, inner: 0x61417272, innerOffset: 484, free: 488, next: 492 } as const
const INFO_SECTOR = 1
const BACKUP_SECTOR = 6

/** Writes the boot sector, for FAT32 also FSInfo and the backups of both. `label` is padded to its 11 characters. */
export function writeBootSector(
  image: Buffer,
  geometry: Geometry,
  label: string,
  serial: number,
  usedClusters: number,
): void {
  const { type, sectorBytes } = geometry
  const small = geometry.totalSectors <= 0xffff && type !== 'FAT32'
  const extension = extensionOffset(type)
  const code = extension + EXTENSION.code
  image.set([0xeb, code - 2, 0x90])
  image.write('BELLHOP ', BOOT.maker, 'latin1')
  image.writeUInt16LE(sectorBytes, BOOT.sectorBytes)
  image[BOOT.sectorsPerCluster] = geometry.clusterBytes / sectorBytes
  image.writeUInt16LE(geometry.reservedSectors, BOOT.reservedSectors)
  image[BOOT.fats] = geometry.fats
  image.writeUInt16LE(geometry.rootEntries, BOOT.rootEntries)
  image.writeUInt16LE(small ? geometry.totalSectors : 0, BOOT.totalSectors16)
  image[BOOT.media] = MEDIA_FIXED_DISK
  image.writeUInt16LE(type === 'FAT32' ? 0 : geometry.fatSectors, BOOT.fatSectors16)
  image.writeUInt16LE(SECTORS_PER_TRACK, BOOT.sectorsPerTrack)
  image.writeUInt16LE(HEADS, BOOT.heads)
  image.writeUInt32LE(small ? 0 : geometry.totalSectors, BOOT.totalSectors32)
  image[extension + EXTENSION.drive] = 0x80
  image[extension + EXTENSION.signature] = 0x29
  image.writeUInt32LE(serial, extension + EXTENSION.serial)
  image.write(label, extension + EXTENSION.label, 'latin1')
  image.write(type.padEnd(8), extension + EXTENSION.type, 'latin1')
  image.set(BOOT_CODE, code)
  image.writeUInt16LE(BOOT_SIGNATURE, BOOT.signature)
  if (type !== 'FAT32') return

  image.writeUInt32LE(geometry.fatSectors, BOOT32.fatSectors)
  image.writeUInt32LE(geometry.rootCluster, BOOT32.rootCluster)
  image.writeUInt16LE(INFO_SECTOR, BOOT32.infoSector)
  image.writeUInt16LE(BACKUP_SECTOR, BOOT32.backupSector)
  const info = image.subarray(INFO_SECTOR * sectorBytes, (INFO_SECTOR + 1) * sectorBytes)
  info.writeUInt32LE(INFO.lead, 0)
  info.writeUInt32LE(INFO.inner, INFO.innerOffset)
  info.writeUInt32LE(geometry.clusters - usedClusters, INFO.free)
  info.writeUInt32LE(usedClusters + 2, INFO.next)
  info.writeUInt16LE(BOOT_SIGNATURE, BOOT.signature)
  image.copy(image, BACKUP_SECTOR * sectorBytes, 0, 2 * sectorBytes)
}

/** Whether the image begins with a boot sector that FAT could have. */
export function isVfat(image: Buffer): boolean {
  if (image.length < 512 || image.readUInt16LE(BOOT.signature) !== BOOT_SIGNATURE) return false
  const sectorBytes = image.readUInt16LE(BOOT.sectorBytes)
  const sectorsPerCluster = image[BOOT.sectorsPerCluster] ?? 0
  const fats = image[BOOT.fats] ?? 0
  return (
    [512, 1024, 2048, 4096].includes(sectorBytes) &&
    isPowerOfTwo(sectorsPerCluster) &&
    image.readUInt16LE(BOOT.reservedSectors) > 0 &&
    (fats === 1 || fats === 2)
  )
}

/**
 * Reads where things lie, and checks that they lie in the image.
 *
 * @throws {CloudError} invalid when the boot sector is not FAT's or the file system is larger than the image
 */
export function readGeometry(image: Buffer): Geometry {
  if (!isVfat(image)) throw invalid('has no boot sector of FAT')
  const sectorBytes = image.readUInt16LE(BOOT.sectorBytes)
  const clusterBytes = sectorBytes * (image[BOOT.sectorsPerCluster] ?? 0)
  const reservedSectors = image.readUInt16LE(BOOT.reservedSectors)
  const fats = image[BOOT.fats] ?? 0
  const rootEntries = image.readUInt16LE(BOOT.rootEntries)
  const fatSectors16 = image.readUInt16LE(BOOT.fatSectors16)
  const fatSectors = fatSectors16 || image.readUInt32LE(BOOT32.fatSectors)
  const totalSectors = image.readUInt16LE(BOOT.totalSectors16) || image.readUInt32LE(BOOT.totalSectors32)
  const rootSector = reservedSectors + fats * fatSectors
  const dataSector = rootSector + Math.ceil((rootEntries * ENTRY.sizeBytes) / sectorBytes)
  const room = Math.floor(((totalSectors - dataSector) * sectorBytes) / clusterBytes)
  if (room < 1) throw invalid(`has ${totalSectors} sectors, and needs ${dataSector} before the first file`)
  bytesAt(image, 0, totalSectors * sectorBytes, 'the FAT file system')
  // Linux goes by the field where mkfs.fat -F 32 made a disk too small for its type.
  const type = fatSectors16 === 0 ? 'FAT32' : fatTypeOf(room)
  const clusters = Math.min(room, FAT_TYPES[type].clustersIn(fatSectors * sectorBytes))
  return {
    type,
    sectorBytes,
    clusterBytes,
    clusters,
    reservedSectors,
    fats,
    fatSectors,
    rootEntries,
    rootCluster: type === 'FAT32' ? image.readUInt32LE(BOOT32.rootCluster) : 0,
    rootSector,
    dataSector,
    totalSectors,
  }
}

/** The label in the boot sector, padded as it stands there; empty where it says that there is none. */
export function readBootLabel(image: Buffer, type: FatType): string {
  const offset = extensionOffset(type) + EXTENSION.label
  const label = image.toString('latin1', offset, offset + EXTENSION.labelBytes)
  return label === NO_LABEL ? '' : label
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0
}

function invalid(what: string): CloudError {
  return new CloudError('invalid', `disk image: the FAT file system ${what}`)
}
