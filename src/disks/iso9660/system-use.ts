import { Buffer } from 'node:buffer'
import { bytesAt } from '../disk.ts'
import { SECTOR_BYTES } from './fields.ts'
import { FILE_TYPE, NM_CONTINUES, SP } from './rock-ridge.ts'

/** What Rock Ridge says of one directory record. */
export interface PosixAttributes {
  readonly name?: string
  readonly type?: 'file' | 'folder' | 'other'
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** The sector of a folder that stands too deep for ECMA-119 and was moved elsewhere. */
  readonly childSector?: number
  /** The record is such a folder at the place where it was moved to. */
  readonly relocated: boolean
}

/** Takes so many bytes from what may be read of the image; throws when that is more than it has. */
export type Budget = (sizeBytes: number) => void

/**
 * How many bytes to skip in each System Use area, from the root's "." record; `undefined` where it shows no Rock Ridge.
 *
 * @throws {CloudError} invalid when a continuation lies outside the image
 * @see SUSP 1.12 5.3
 */
export function rockRidgeSkip(image: Buffer, rootArea: Buffer, budget: Budget): number | undefined {
  let skip: number | undefined
  let posix = false
  forEachEntry(image, rootArea, budget, (signature, entry) => {
    if (signature === 'SP' && entry.length >= SP.sizeBytes && entry.readUInt16BE(4) === SP.check) skip = entry[6]
    // RR is from before ER; PX alone shows it as well, and is what we need of it.
    if (signature === 'ER' || signature === 'RR' || signature === 'PX') posix = true
  })
  return posix ? skip : undefined
}

/**
 * Reads a record's System Use area and its continuations.
 *
 * @throws {CloudError} invalid when a continuation lies outside the image, or all of them are more than the image
 */
export function readSystemUse(image: Buffer, area: Buffer, budget: Budget): PosixAttributes {
  const names: Buffer[] = []
  let nameOpen = true
  let relocated = false
  let found: Omit<PosixAttributes, 'name' | 'relocated'> = {}
  forEachEntry(image, area, budget, (signature, entry) => {
    if (signature === 'NM' && entry.length >= 5 && nameOpen) {
      names.push(entry.subarray(5))
      nameOpen = ((entry[4] ?? 0) & NM_CONTINUES) !== 0
    } else if (signature === 'PX' && entry.length >= 36) {
      const mode = entry.readUInt32LE(4)
      found = { ...found, ...modeOf(mode), uid: entry.readUInt32LE(20), gid: entry.readUInt32LE(28) }
    } else if (signature === 'CL' && entry.length >= 12) {
      found = { ...found, childSector: entry.readUInt32LE(4) }
    } else if (signature === 'RE') {
      relocated = true
    }
  })
  return { ...found, relocated, ...(names.length === 0 ? {} : { name: Buffer.concat(names).toString('utf8') }) }
}

function modeOf(mode: number): Pick<PosixAttributes, 'type' | 'mode'> {
  const bits = mode & FILE_TYPE.mask
  const type = bits === FILE_TYPE.file ? 'file' : bits === FILE_TYPE.folder ? 'folder' : 'other'
  return { type, mode: mode & FILE_TYPE.permissions }
}

function forEachEntry(
  image: Buffer,
  area: Buffer,
  budget: Budget,
  see: (signature: string, entry: Buffer) => void,
): void {
  let current: Buffer | undefined = area
  while (current) {
    let next: Buffer | undefined
    for (let offset = 0; offset + 4 <= current.length;) {
      const sizeBytes = current[offset + 2] ?? 0
      // What is no entry is padding: areas end in it.
      if (sizeBytes < 4 || offset + sizeBytes > current.length) break
      const entry: Buffer = current.subarray(offset, offset + sizeBytes)
      const signature = entry.toString('latin1', 0, 2)
      if (signature === 'ST') break
      if (signature === 'CE' && sizeBytes >= 28) next = continuation(image, entry, budget)
      else see(signature, entry)
      offset += sizeBytes
    }
    current = next
  }
}

function continuation(image: Buffer, entry: Buffer, budget: Budget): Buffer {
  const sizeBytes = entry.readUInt32LE(20)
  // At least 1, so that empty areas that point to each other come to an end.
  budget(Math.max(sizeBytes, 1))
  return bytesAt(image, entry.readUInt32LE(4) * SECTOR_BYTES + entry.readUInt32LE(12), sizeBytes, 'a CE continuation')
}
