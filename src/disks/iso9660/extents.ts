import { Buffer } from 'node:buffer'
import type { FolderNode } from '../tree.ts'
import { sectorsOf } from './fields.ts'

interface Part {
  readonly bytes: Uint8Array
  readonly sector: number
}

/** Where the files' bytes lie. */
export interface Extents {
  readonly parts: readonly Part[]
  /** The sector behind the last one. */
  readonly end: number
  /** 0 for empty bytes, as mkisofs has it: an extent must be in the volume. */
  readonly sectorOf: (bytes: Uint8Array) => number
}

// So many files of one size are compared with each other: enough for the copies that layouts make, and never quadratic.
const COMPARED_MAX = 8

/** Gives every file of the tree a place from `sector` on; files with the same bytes share one. */
export function shareExtents(root: FolderNode, sector: number): Extents {
  const sectors = new Map<Uint8Array, number>()
  const bySize = new Map<number, Part[]>()
  const parts: Part[] = []
  let end = sector

  const place = (bytes: Uint8Array) => {
    if (bytes.length === 0 || sectors.has(bytes)) return
    const sameSize = bySize.get(bytes.length) ?? []
    const twin = sameSize.find((part) => Buffer.compare(part.bytes, bytes) === 0)
    sectors.set(bytes, twin?.sector ?? end)
    if (twin) return
    const part = { bytes, sector: end }
    parts.push(part)
    if (sameSize.length === 0) bySize.set(bytes.length, sameSize)
    if (sameSize.length < COMPARED_MAX) sameSize.push(part)
    end += sectorsOf(bytes.length)
  }

  const folders = [root]
  for (const folder of folders) {
    for (const child of folder.children) {
      if (child.kind === 'file') place(child.entry.bytes)
      else folders.push(child)
    }
  }
  return { parts, end, sectorOf: (bytes) => sectors.get(bytes) ?? 0 }
}
