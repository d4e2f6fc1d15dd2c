import { Buffer } from 'node:buffer'
import { crc32 } from 'node:zlib'
import type { ByteSource } from './byte-source.ts'
import type { Partition } from './partitions.ts'

/** What was found of a GPT: its partitions, unless no copy is whole; and what is wrong with the copies. */
export interface Gpt {
  readonly partitions?: readonly Partition[]
  readonly problems: readonly string[]
}

/** Far above the usual 128 entries of 128 bytes, far below what would hurt. */
const ENTRIES_MAX_BYTES = 1024 ** 2
const ENTRY_MIN_BYTES = 128
const HEADER_MIN_BYTES = 92
const UNUSED = '00000000-0000-0000-0000-000000000000'

/**
 * Reads the GPT after the first sector, or where that is damaged its copy in the last one. Neither of them there is no problem.
 *
 *     header                                     entry
 *      0   8  "EFI PART"                          0  16  type's GUID
 *     12   4  size of the header                 16  16  its own GUID
 *     16   4  CRC-32 of the header, this as 0    32   8  first sector
 *     24   8  sector of this header              40   8  last sector
 *     72   8  first sector of the entries        48   8  flags
 *     80   4  number of entries                  56  72  name, UTF-16
 *     84   4  size of an entry
 *     88   4  CRC-32 of all entries
 */
export async function readGpt(source: ByteSource, sectorBytes: number): Promise<Gpt> {
  const problems: string[] = []
  const places = [
    { sector: 1, name: 'the table' },
    { sector: Math.floor(source.sizeBytes / sectorBytes) - 1, name: 'its copy at the end' },
  ]
  for (const { sector, name } of places) {
    const copy = await readCopy(source, sectorBytes, sector)
    if (copy === undefined) continue
    if (typeof copy !== 'string') return { partitions: copy, problems }
    problems.push(`${name} ${copy}`)
  }
  return { problems }
}

/** @returns what is wrong with it, in words; `undefined` where nothing says that it is one */
async function readCopy(
  source: ByteSource,
  sectorBytes: number,
  sector: number,
): Promise<readonly Partition[] | string | undefined> {
  const header = await source.read(Math.max(sector, 0) * sectorBytes, sectorBytes)
  if (header.toString('latin1', 0, 8) !== 'EFI PART' || header.length < sectorBytes) return undefined
  const headerBytes = header.readUInt32LE(12)
  if (headerBytes < HEADER_MIN_BYTES || headerBytes > sectorBytes) return 'has a header of an impossible size'
  const sum = header.readUInt32LE(16)
  const own = header.subarray(0, headerBytes)
  own.writeUInt32LE(0, 16)
  if (crc32(own) !== sum) return 'has a header with a wrong checksum'
  if (header.readBigUInt64LE(24) !== BigInt(sector)) return 'says that it stands elsewhere'
  const [count, entryBytes] = [header.readUInt32LE(80), header.readUInt32LE(84)]
  if (entryBytes < ENTRY_MIN_BYTES || entryBytes % 8 !== 0 || count * entryBytes > ENTRIES_MAX_BYTES)
    return `has ${count} entries of ${entryBytes} bytes, which nobody makes`
  const start = Number(header.readBigUInt64LE(72)) * sectorBytes
  if (start + count * entryBytes > source.sizeBytes) return 'has its entries outside of the image'
  const entries = await source.read(start, count * entryBytes)
  if (crc32(entries) !== header.readUInt32LE(88)) return 'has entries with a wrong checksum'
  return toPartitions(entries, entryBytes, sectorBytes)
}

function toPartitions(entries: Buffer, entryBytes: number, sectorBytes: number): readonly Partition[] | string {
  const partitions: Partition[] = []
  for (let at = 0; at + entryBytes <= entries.length; at += entryBytes) {
    const type = guidAt(entries, at)
    if (type === UNUSED) continue
    const number = at / entryBytes + 1
    const [first, last] = [entries.readBigUInt64LE(at + 32), entries.readBigUInt64LE(at + 40)]
    const startBytes = Number(first) * sectorBytes
    const sizeBytes = Number(last - first + 1n) * sectorBytes
    if (sizeBytes <= 0 || !Number.isSafeInteger(startBytes + sizeBytes)) return `has an impossible partition ${number}`
    const [name] = entries.toString('utf16le', at + 56, at + 128).split('\0', 1)
    partitions.push({ number, startBytes, sizeBytes, type, ...(name ? { name } : {}) })
  }
  return partitions
}

/** Its first three fields are little-endian. @see UEFI 2.10 appendix A */
function guidAt(bytes: Buffer, at: number): string {
  const hex = (from: number, to: number) => bytes.toString('hex', at + from, at + to)
  const turned = (from: number, to: number) =>
    Buffer.from(bytes.subarray(at + from, at + to))
      .reverse()
      .toString('hex')
  return [turned(0, 4), turned(4, 6), turned(6, 8), hex(8, 10), hex(10, 16)].join('-')
}
