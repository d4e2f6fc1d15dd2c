import type { Buffer } from 'node:buffer'

/** What the superblock of an ext2, ext3 or ext4 tells. */
export interface ExtFileSystem {
  readonly kind: 'ext2' | 'ext3' | 'ext4'
  readonly label: string
  readonly sizeBytes: number
  readonly freeBytes: number
  readonly freeInodes: number
  readonly blockBytes: number
  /** Why nothing may be written to it, for people; absent where it was left clean. */
  readonly unclean?: string
}

const SUPERBLOCK = 1024
const SUPERBLOCK_BYTES = 1024
const MAGIC = 0xef53
const BLOCK_LOG_MAX = 6

const STATE = { clean: 0x1, errors: 0x2 } as const
const COMPATIBLE = { hasJournal: 0x4 } as const
const INCOMPATIBLE = {
  needsRecovery: 0x4,
  isJournal: 0x8,
  extents: 0x40,
  has64Bit: 0x80,
  flexibleGroups: 0x200,
} as const
const OF_EXT4 = INCOMPATIBLE.extents | INCOMPATIBLE.has64Bit | INCOMPATIBLE.flexibleGroups

/**
 * Reads the superblock, which begins at byte 1024 of the partition; `undefined` where there is none.
 *
 *      4  4  blocks, low             92  4  compatible features
 *     12  4  free blocks, low        96  4  incompatible features
 *     16  4  free inodes            120 16  label
 *     24  4  log2 of (size of a     232  4  first orphan
 *            block / 1024)          336  4  blocks, high
 *     56  2  0xEF53                 344  4  free blocks, high
 *     58  2  state
 *
 * @param bytes from the partition's begin on
 * @see https://docs.kernel.org/filesystems/ext4/globals.html#super-block
 */
export function readExt(bytes: Buffer): ExtFileSystem | undefined {
  const block = bytes.subarray(SUPERBLOCK, SUPERBLOCK + SUPERBLOCK_BYTES)
  if (block.length < SUPERBLOCK_BYTES || block.readUInt16LE(56) !== MAGIC) return undefined
  const blockLog = block.readUInt32LE(24)
  const incompatible = block.readUInt32LE(96)
  // A journal on a disk of its own has such a superblock too.
  if (blockLog > BLOCK_LOG_MAX || (incompatible & INCOMPATIBLE.isJournal) !== 0) return undefined
  const blockBytes = 1024 * 2 ** blockLog
  const has64Bit = (incompatible & INCOMPATIBLE.has64Bit) !== 0
  const count = (low: number, high: number) =>
    block.readUInt32LE(low) + (has64Bit ? block.readUInt32LE(high) * 2 ** 32 : 0)
  const hasJournal = (block.readUInt32LE(92) & COMPATIBLE.hasJournal) !== 0
  const unclean = whyUnclean(block, incompatible)
  const [label = ''] = block.toString('utf8', 120, 136).split('\0', 1)
  return {
    kind: (incompatible & OF_EXT4) !== 0 ? 'ext4' : hasJournal ? 'ext3' : 'ext2',
    label,
    sizeBytes: count(4, 336) * blockBytes,
    freeBytes: count(12, 344) * blockBytes,
    freeInodes: block.readUInt32LE(16),
    blockBytes,
    ...(unclean === undefined ? {} : { unclean }),
  }
}

function whyUnclean(block: Buffer, incompatible: number): string | undefined {
  const state = block.readUInt16LE(58)
  if ((incompatible & INCOMPATIBLE.needsRecovery) !== 0) return 'its journal holds what is not written out yet'
  if ((state & STATE.errors) !== 0) return 'it is marked as having errors'
  if ((state & STATE.clean) === 0) return 'it was not unmounted'
  return block.readUInt32LE(232) === 0 ? undefined : 'files that were deleted while open are not freed yet'
}
