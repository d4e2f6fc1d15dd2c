import { Buffer } from 'node:buffer'
import type { Disk } from './disk.ts'
import { isIso, readIso } from './iso9660/read.ts'
import { writeIso } from './iso9660/write.ts'
import { isVfat } from './vfat/boot-sector.ts'
import { readVfat } from './vfat/read.ts'
import { writeVfat } from './vfat/write.ts'

/** The file systems that we write and read. */
export type DiskFormat = 'iso' | 'vfat'

/** Every file system. To add one: a folder here with its writer and reader, one line in this table and in {@link detectDisk}. */
export const DISKS = {
  iso: { write: writeIso, read: readIso },
  vfat: { write: writeVfat, read: readVfat },
} as const satisfies Record<DiskFormat, Disk>

/** Which file system an image has; `undefined` where it is none of ours. An ISO that also boots from a disk is an ISO. */
export function detectDisk(image: Uint8Array): DiskFormat | undefined {
  if (isIso(image)) return 'iso'
  return isVfat(Buffer.from(image.buffer, image.byteOffset, image.byteLength)) ? 'vfat' : undefined
}
