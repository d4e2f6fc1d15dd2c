import type { Buffer } from 'node:buffer'
import type { ByteSource } from './byte-source.ts'
import { readExt, type ExtFileSystem } from './filesystems-ext.ts'

/** A file system of which we know no more than its kind. */
interface OtherFileSystem {
  readonly kind: (typeof MAGICS)[number]['kind']
}

/** What a partition, or an image without any, holds. */
export type FileSystem = ExtFileSystem | OtherFileSystem

/** Offsets in bytes from where the partition begins. */
const MAGICS = [
  { kind: 'luks', offset: 0, magic: 'LUKS\xba\xbe' },
  { kind: 'xfs', offset: 0, magic: 'XFSB' },
  { kind: 'ntfs', offset: 3, magic: 'NTFS    ' },
  { kind: 'vfat', offset: 54, magic: 'FAT1' },
  { kind: 'vfat', offset: 82, magic: 'FAT32   ' },
  { kind: 'lvm', offset: 0, magic: 'LABELONE' },
  { kind: 'lvm', offset: 512, magic: 'LABELONE' },
  { kind: 'lvm', offset: 1024, magic: 'LABELONE' },
  { kind: 'lvm', offset: 1536, magic: 'LABELONE' },
  { kind: 'swap', offset: 4086, magic: 'SWAPSPACE2' },
  { kind: 'iso', offset: 32_769, magic: 'CD001' },
  { kind: 'btrfs', offset: 65_600, magic: '_BHRfS_M' },
] as const

const LOOK_BYTES = 65_608

/** Which file system begins at a byte of an image, by its magic; `undefined` where it is none that we know. */
export async function identify(
  source: ByteSource,
  { startBytes, sizeBytes }: { readonly startBytes: number; readonly sizeBytes: number },
): Promise<FileSystem | undefined> {
  const bytes = await source.read(startBytes, Math.min(LOOK_BYTES, sizeBytes))
  const ext = readExt(bytes)
  if (ext) return ext
  const found = MAGICS.find(({ offset, magic }) => textAt(bytes, offset, magic.length) === magic)
  return found && { kind: found.kind }
}

function textAt(bytes: Buffer, offset: number, length: number): string {
  return bytes.toString('latin1', offset, offset + length)
}
