import { Buffer } from 'node:buffer'
import type { FileEntry } from '../../model/files.ts'
import { addFile, bytesAt, joinName, type DiskContent } from '../disk.ts'
import { readBootLabel, readGeometry } from './boot-sector.ts'
import { ATTRIBUTE, checksumOf, ENTRY, PART } from './entries.ts'
import { chainReader } from './fat.ts'

interface ReadEntry {
  readonly name: string
  readonly attributes: number
  readonly cluster: number
  readonly dataBytes: number
}

/** Bits of an entry's case flags. */
const CASE = { stem: 0x08, extension: 0x10 } as const
const STEM_BYTES = 8

// Code page 437 from 0x80 on.
const CODE_PAGE =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0'

/**
 * Reads a FAT12, FAT16 or FAT32 image. Short names without a long one are in code page 437, as Linux has it. File contents are views of `image`
 * where their clusters adjoin.
 *
 * @throws {CloudError} invalid when the image is not FAT, is cut short, or contradicts itself
 */
export function readVfat(image: Uint8Array): DiskContent {
  const disk = Buffer.from(image.buffer, image.byteOffset, image.byteLength)
  const geometry = readGeometry(disk)
  const { sectorBytes, rootSector, rootEntries, rootCluster, type } = geometry
  const readChain = chainReader(disk, geometry)
  const files = new Map<string, FileEntry>()
  let label: string | undefined

  const root =
    type === 'FAT32'
      ? readChain(rootCluster)
      : bytesAt(disk, rootSector * sectorBytes, rootEntries * ENTRY.sizeBytes, 'the root directory')
  const pending = [{ path: '', bytes: root }]
  for (const { path, bytes } of pending) {
    for (const { name, attributes, cluster, dataBytes } of entriesIn(bytes)) {
      if (attributes & ATTRIBUTE.label) {
        if (path === '') label ??= name
        continue
      }
      const child = joinName(path, name)
      if (attributes & ATTRIBUTE.folder) pending.push({ path: child, bytes: readChain(cluster) })
      else addFile(files, child, { bytes: readChain(cluster, dataBytes) })
    }
  }
  label ??= readBootLabel(disk, type)
  return { label: label.replace(/[\0 ]+$/, ''), files }
}

function* entriesIn(folder: Buffer): Generator<ReadEntry> {
  let parts: Buffer[] = []
  for (let offset = 0; offset + ENTRY.sizeBytes <= folder.length; offset += ENTRY.sizeBytes) {
    const entry = folder.subarray(offset, offset + ENTRY.sizeBytes)
    if (entry[0] === ENTRY.end) return
    const attributes = entry[ENTRY.attributes] ?? 0
    if ((attributes & ATTRIBUTE.mask) === ATTRIBUTE.longName && entry[0] !== ENTRY.deleted) {
      if ((entry[0] ?? 0) & PART.last) parts = []
      parts.push(entry)
      continue
    }
    const found = parts
    parts = []
    const isDots = entry[0] === 0x2e && attributes & ATTRIBUTE.folder
    if (entry[0] === ENTRY.deleted || isDots) continue
    yield {
      name: attributes & ATTRIBUTE.label ? entry.toString('latin1', 0, ENTRY.nameBytes) : nameOf(entry, found),
      attributes,
      cluster: entry.readUInt16LE(ENTRY.clusterHigh) * 0x10000 + entry.readUInt16LE(ENTRY.clusterLow),
      dataBytes: entry.readUInt32LE(ENTRY.dataBytes),
    }
  }
}

function nameOf(entry: Buffer, parts: readonly Buffer[]): string {
  return longNameOf(entry, parts) ?? shortNameOf(entry)
}

// The parts must be all there, in their order, and of this entry: else the 8.3 name is the one to believe.
function longNameOf(entry: Buffer, parts: readonly Buffer[]): string | undefined {
  if (parts.length === 0) return undefined
  const checksum = checksumOf(entry.subarray(0, ENTRY.nameBytes))
  const whole = parts.every((part, i) => {
    const number = parts.length - i
    return part[0] === (i === 0 ? number | PART.last : number) && part[PART.checksum] === checksum
  })
  if (!whole) return undefined
  const pieces = parts
    .toReversed()
    .flatMap((part) => PART.pieces.map(([at, start, end]) => part.subarray(at, at + end - start)))
  const text = Buffer.concat(pieces).toString('utf16le')
  const end = text.indexOf('\0')
  return (end === -1 ? text : text.slice(0, end)).toWellFormed()
}

function shortNameOf(entry: Buffer): string {
  const flags = entry[ENTRY.caseFlags] ?? 0
  const bytes = Buffer.from(entry.subarray(0, ENTRY.nameBytes))
  if (bytes[0] === ENTRY.escapedE5) bytes[0] = 0xe5
  const stem = decoded(bytes.toString('latin1', 0, STEM_BYTES).replace(/ +$/, ''))
  const extension = decoded(bytes.toString('latin1', STEM_BYTES).replace(/ +$/, ''))
  const shownStem = flags & CASE.stem ? stem.toLowerCase() : stem
  const shownExtension = flags & CASE.extension ? extension.toLowerCase() : extension
  return shownExtension === '' ? shownStem : `${shownStem}.${shownExtension}`
}

function decoded(latin1: string): string {
  return latin1.replaceAll(/[\x80-\xff]/g, (character) => CODE_PAGE.charAt(character.charCodeAt(0) - 0x80))
}
