import type { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import { readWhole, type ByteSource } from './byte-source.ts'
import type { Partition } from './partitions.ts'

/** What the first sector says. */
export interface Mbr {
  readonly partitions: readonly Partition[]
  /** A GPT is there, and this only keeps old programs off it. */
  readonly isProtective: boolean
}

interface Entry {
  readonly type: number
  readonly first: number
  readonly sectors: number
}

// An MBR counts in these, whatever the disk has.
const SECTOR_BYTES = 512
const PROTECTIVE = 0xee
const EXTENDED: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85])
const FIRST_LOGICAL = 5
/** More than any program makes; a chain that is longer goes in a circle. */
const LOGICAL_MAX = 128

/**
 * Reads the first sector as a partition table; `undefined` where it is none, as with a file system's own boot sector.
 *
 *     446  4 × 16  entries                entry  0  1  0x80: booted from; else 0
 *     510       2  55 AA                         4  1  type
 *                                                8  4  first sector, of a logical one counted from where its entry stands
 *                                               12  4  number of sectors
 *
 * @throws {CloudError} invalid when the chain of logical partitions is broken
 */
export async function readMbr(source: ByteSource): Promise<Mbr | undefined> {
  const entries = entriesIn(await source.read(0, SECTOR_BYTES))
  if (entries === undefined || entries.every(isEmpty)) return undefined
  if (entries.some(({ type }) => type === PROTECTIVE)) return { partitions: [], isProtective: true }
  const partitions: Partition[] = []
  for (const [index, entry] of entries.entries())
    if (!isEmpty(entry) && !EXTENDED.has(entry.type)) partitions.push(toPartition(index + 1, entry, 0))
  for (const entry of entries.filter(({ type }) => EXTENDED.has(type)))
    for (const logical of await readLogical(source, entry.first))
      partitions.push({
        ...logical,
        number: FIRST_LOGICAL + partitions.filter(({ number }) => number >= FIRST_LOGICAL).length,
      })
  return { partitions, isProtective: false }
}

/** Each link has one partition, and where the next link is, counted from the first. */
async function readLogical(source: ByteSource, first: number): Promise<readonly Partition[]> {
  const partitions: Partition[] = []
  for (let link = first, links = 0; ; links++) {
    if (links === LOGICAL_MAX)
      throw new CloudError(
        'invalid',
        `disk image: there are more than ${LOGICAL_MAX} logical partitions, or they go in a circle`,
      )
    const sector = await readWhole(source, link * SECTOR_BYTES, SECTOR_BYTES, 'an entry of a logical partition')
    const [own, next] = entriesIn(sector) ?? []
    if (!own || !next)
      throw new CloudError('invalid', `disk image: the chain of logical partitions is broken at sector ${link}`)
    if (!isEmpty(own)) partitions.push(toPartition(0, own, link))
    if (isEmpty(next) || !EXTENDED.has(next.type)) return partitions
    link = first + next.first
  }
}

function entriesIn(sector: Buffer): readonly Entry[] | undefined {
  if (sector.length < SECTOR_BYTES || sector.readUInt16BE(510) !== 0x55aa) return undefined
  const starts = [446, 462, 478, 494]
  // Where a boot sector has code there, this tells it from a table.
  if (starts.some((at) => (sector.readUInt8(at) & 0x7f) !== 0)) return undefined
  return starts.map((at) => ({
    type: sector.readUInt8(at + 4),
    first: sector.readUInt32LE(at + 8),
    sectors: sector.readUInt32LE(at + 12),
  }))
}

function isEmpty({ type, sectors }: Entry): boolean {
  return type === 0 || sectors === 0
}

function toPartition(number: number, { type, first, sectors }: Entry, base: number): Partition {
  return {
    number,
    startBytes: (base + first) * SECTOR_BYTES,
    sizeBytes: sectors * SECTOR_BYTES,
    type: `0x${type.toString(16).padStart(2, '0')}`,
  }
}
