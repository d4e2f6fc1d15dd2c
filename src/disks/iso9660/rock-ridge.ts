import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import { quoted } from '../disk.ts'
import type { DiskNode, FileNode, FolderNode } from '../tree.ts'
import { SECTOR_BYTES, withinSector, writeBoth32 } from './fields.ts'

/*
 * A System Use Entry (SUSP 4.1). Entries stand one after the other behind a directory record's identifier, or in a
 * continuation area that a CE points to.
 *
 * | offset | size | meaning                                                                       |
 * |-------:|-----:|-------------------------------------------------------------------------------|
 * |      0 |    2 | signature                                                                     |
 * |      2 |    1 | length of the whole entry                                                     |
 * |      3 |    1 | version, 1                                                                    |
 * |      4 |      | SP: BE EF, bytes to skip in each area (0); in the root's "." alone            |
 * |        |      | CE: sector, offset in it, length of the continuation; each 8, both-endian     |
 * |        |      | ER: lengths of id, description, source; version 1; the three texts            |
 * |        |      | PX: st_mode, links, uid, gid; each 8, both-endian (RRIP 1.09 has no inode)    |
 * |        |      | TF: flags, then a 7-byte date for each flag set                               |
 * |        |      | NM: flags (1: goes on in the next NM), the name's bytes                       |
 */
export const SP = { sizeBytes: 7, check: 0xbeef } as const
const CE_BYTES = 28
const PX_BYTES = 36
const TF_BYTES = 26
const NM_HEADER_BYTES = 5
/** The NM flag that says that the name goes on in the next NM. */
export const NM_CONTINUES = 0x01
const TF_MODIFY_ACCESS_ATTRIBUTES = 0x0e
const ENTRY_MAX_BYTES = 255

/** The parts of PX's st_mode. */
export const FILE_TYPE = { mask: 0o170000, folder: 0o040000, file: 0o100000, permissions: 0o7777 } as const
const DEFAULT_FILE_MODE = 0o644
const FOLDER_MODE = 0o755

// RRIP 1.09 §4.3 gives these three texts; readers know Rock Ridge by the first.
const ER_TEXTS = [
  'RRIP_1991A',
  'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
  'PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.',
] as const

/** Makes the System Use areas of one image's directory records, and the continuation area for what does not fit there. */
export interface RockRidge {
  /** For "." and ".."; `isRootSelf` for the root's ".", which also says that Rock Ridge is in use. */
  forFolder(folder: FolderNode, isRootSelf: boolean): Buffer
  /** For a named child, in at most `roomBytes`. */
  forChild(node: DiskNode, roomBytes: number): Buffer
  /** How long the continuation area is so far, in bytes. */
  continuationBytes(): number
  writeContinuations(image: Buffer): void
}

/**
 * Rock Ridge for one image: POSIX names, modes, owners and dates.
 *
 * @param date as ECMA-119 9.1.5 writes it
 * @param firstSector where the continuation area will be
 * @see SUSP 1.12 and RRIP 1.09 (IEEE P1281, P1282)
 */
export function rockRidge(date: Buffer, firstSector: number): RockRidge {
  const continuations: { readonly offset: number; readonly bytes: Buffer }[] = []
  let end = 0

  const continueWith = (bytes: Buffer, area: Buffer, areaOffset: number) => {
    // Linux reads a continuation from one sector alone.
    const offset = withinSector(end, bytes.length)
    end = offset + bytes.length
    continuations.push({ offset, bytes })
    writeHeader(area, 'CE', CE_BYTES, areaOffset)
    writeBoth32(area, firstSector + Math.floor(offset / SECTOR_BYTES), areaOffset + 4)
    writeBoth32(area, offset % SECTOR_BYTES, areaOffset + 12)
    writeBoth32(area, bytes.length, areaOffset + 20)
  }

  return {
    forFolder: (folder, isRootSelf) => {
      if (!isRootSelf) return attributes(folder, date, 0, 0)
      const area = attributes(folder, date, SP.sizeBytes, CE_BYTES)
      writeHeader(area, 'SP', SP.sizeBytes, 0)
      area.writeUInt16BE(SP.check, 4)
      continueWith(extensionReference(), area, area.length - CE_BYTES)
      return area
    },
    forChild: (node, roomBytes) => {
      const nameBytes = Buffer.byteLength(node.name)
      const nameEntryBytes = NM_HEADER_BYTES + nameBytes
      const fits = PX_BYTES + TF_BYTES + nameEntryBytes <= roomBytes
      const area = attributes(node, date, 0, fits ? nameEntryBytes : CE_BYTES)
      const offset = PX_BYTES + TF_BYTES
      if (fits) {
        writeHeader(area, 'NM', nameEntryBytes, offset)
        area.write(node.name, offset + NM_HEADER_BYTES, 'utf8')
      } else {
        continueWith(nameEntries(Buffer.from(node.name, 'utf8')), area, offset)
      }
      return area
    },
    continuationBytes: () => end,
    writeContinuations: (image) => {
      for (const { offset, bytes } of continuations) bytes.copy(image, firstSector * SECTOR_BYTES + offset)
    },
  }
}

// PX and TF, with room before and after them.
function attributes(node: DiskNode, date: Buffer, before: number, after: number): Buffer {
  // From the pool: a fresh allocation costs more than all that is written here.
  const area = Buffer.allocUnsafe(before + PX_BYTES + TF_BYTES + after).fill(0)
  writeHeader(area, 'PX', PX_BYTES, before)
  writeBoth32(area, node.kind === 'folder' ? FILE_TYPE.folder | FOLDER_MODE : fileMode(node), before + 4)
  // As in POSIX, a folder's links: its name, its ".", and ".." of each folder in it.
  writeBoth32(area, node.kind === 'folder' ? 2 + node.folders : 1, before + 12)
  if (node.kind === 'file') {
    writeBoth32(area, ownerId(node, 'uid'), before + 20)
    writeBoth32(area, ownerId(node, 'gid'), before + 28)
  }
  const times = before + PX_BYTES
  writeHeader(area, 'TF', TF_BYTES, times)
  area[times + 4] = TF_MODIFY_ACCESS_ATTRIBUTES
  for (let i = 0; i < 3; i++) area.set(date, times + 5 + i * date.length)
  return area
}

function fileMode({ path, entry }: FileNode): number {
  const mode = entry.mode ?? DEFAULT_FILE_MODE
  if (!Number.isInteger(mode) || mode < 0 || mode > FILE_TYPE.permissions)
    throw new CloudError('invalid', `${quoted(path)}: mode ${mode} is not within 0 and 0o7777`)
  return FILE_TYPE.file | mode
}

function ownerId({ path, entry }: FileNode, key: 'uid' | 'gid'): number {
  const id = entry[key] ?? 0
  if (!Number.isInteger(id) || id < 0 || id > 0xffffffff)
    throw new CloudError('invalid', `${quoted(path)}: ${key} ${id} is not a whole number of 32 bits`)
  return id
}

function nameEntries(name: Buffer): Buffer {
  const parts: Buffer[] = []
  const partMax = ENTRY_MAX_BYTES - NM_HEADER_BYTES
  for (let start = 0; start < name.length; start += partMax) {
    const part = name.subarray(start, start + partMax)
    const header = Buffer.alloc(NM_HEADER_BYTES)
    writeHeader(header, 'NM', NM_HEADER_BYTES + part.length, 0)
    header[4] = start + part.length < name.length ? NM_CONTINUES : 0
    parts.push(header, part)
  }
  return Buffer.concat(parts)
}

function extensionReference(): Buffer {
  const texts = ER_TEXTS.join('')
  const entry = Buffer.alloc(8 + texts.length)
  writeHeader(entry, 'ER', entry.length, 0)
  ER_TEXTS.forEach((text, i) => (entry[4 + i] = text.length))
  entry[7] = 1
  entry.write(texts, 8, 'latin1')
  return entry
}

function writeHeader(area: Buffer, signature: string, sizeBytes: number, offset: number): void {
  area.write(signature, offset, 'latin1')
  area[offset + 2] = sizeBytes
  area[offset + 3] = 1
}
