import { CloudError } from '../model/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { readGpt } from './partitions-gpt.ts'
import { readMbr } from './partitions-mbr.ts'

/** A part of a disk. */
export interface Partition {
  /** As Linux counts it: `sda3` is 3; logical ones begin with 5. */
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
  /** GPT: the type's GUID in lower case; MBR: such as `0x83`. */
  readonly type: string
  /** GPT only. */
  readonly name?: string
}

/** How a disk is divided. */
export interface PartitionTable {
  /** `none`: the image has no table, so that it is one file system at most. */
  readonly kind: 'gpt' | 'mbr' | 'none'
  /** In the order of their numbers. */
  readonly partitions: readonly Partition[]
  /** What is not as it should be, for people. */
  readonly remarks: readonly string[]
}

/** Disks with sectors of 4096 bytes have their GPT there. */
const SECTOR_SIZES = [512, 4096] as const

/**
 * The partitions of a disk image: GPT where the first sector says so (checked by its sums, else its copy at the disk's end), or MBR with
 * its logical partitions.
 *
 * @throws {CloudError} invalid when a table contradicts itself, both copies of a GPT are damaged, or a partition lies outside of the image
 * @see UEFI 2.10 section 5
 */
export async function readPartitions(source: ByteSource): Promise<PartitionTable> {
  const mbr = await readMbr(source)
  if (mbr === undefined) return { kind: 'none', partitions: [], remarks: [] }
  if (!mbr.isProtective) return checked({ kind: 'mbr', partitions: mbr.partitions, remarks: [] }, source)
  const problems: string[] = []
  for (const sectorBytes of SECTOR_SIZES) {
    const gpt = await readGpt(source, sectorBytes)
    if (gpt.partitions) return checked({ kind: 'gpt', partitions: gpt.partitions, remarks: gpt.problems }, source)
    problems.push(...gpt.problems)
  }
  throw new CloudError(
    'invalid',
    `disk image: its first sector tells of a GPT, but ${problems.join('; ') || 'there is none'}`,
  )
}

function checked(table: PartitionTable, { sizeBytes }: ByteSource): PartitionTable {
  let before: Partition | undefined
  for (const partition of table.partitions.toSorted((a, b) => a.startBytes - b.startBytes)) {
    const { number, startBytes } = partition
    if (startBytes + partition.sizeBytes > sizeBytes)
      throw new CloudError(
        'invalid',
        `disk image: partition ${number} ends at byte ${startBytes + partition.sizeBytes}, but the image has ${sizeBytes}: is it cut short?`,
      )
    if (before && before.startBytes + before.sizeBytes > startBytes)
      throw new CloudError('invalid', `disk image: the partitions ${before.number} and ${number} overlap`)
    before = partition
  }
  return table
}
