import type { Buffer } from 'node:buffer'
import { distinctStems, type NumberingRule, type WantedName } from '../distinct-names.ts'
import type { DiskNode } from '../tree.ts'
import type { Identifiers } from './identifiers.ts'

/** What marks a supplementary descriptor as Joliet's, at its byte 88: UCS-2 at levels 1, 2 and 3. We write level 3. */
export const JOLIET_ESCAPES = ['%/@', '%/C', '%/E'] as const

// The specification's limit. Linux would take 103, but Windows, which Joliet is for, promises 64.
const MAX_CHARS = 64
const FORBIDDEN = /[\0-\x1f*/:;?\\]/g

const RULE: NumberingRule = { mark: '~', stemMaxChars: (extension) => MAX_CHARS - extension.length, always: false }

/**
 * Names for Windows: as they are, save that characters which Joliet forbids become `_`, and what has more than 64 UTF-16
 * units is cut and, where it must be, numbered. Rock Ridge has each name whole.
 *
 * @see Joliet Specification, "Relaxation of ISO 9660 Restrictions on Filenames"
 */
export const jolietIdentifiers: Identifiers = {
  bytesPerChar: 2,
  of: (children) => {
    const wanted = children.map(toWanted)
    return distinctStems(wanted, RULE).map((stem, i) => {
      const version = children[i]?.kind === 'folder' ? '' : ';1'
      return `${stem}${wanted[i]?.extension ?? ''}${version}`
    })
  },
  write: writeUcs2,
}

/** Writes `text` as UCS-2, high byte first. */
export function writeUcs2(image: Buffer, text: string, offset: number): void {
  const sizeBytes = image.write(text, offset, 'utf16le')
  image.subarray(offset, offset + sizeBytes).swap16()
}

function toWanted({ name }: DiskNode): WantedName {
  const legal = name.replaceAll(FORBIDDEN, '_')
  const dot = legal.lastIndexOf('.')
  // An extension longer than this is no extension, but a long name that happens to have a dot.
  const split = dot > 0 && legal.length - dot <= MAX_CHARS / 2 ? dot : legal.length
  const exact = legal === name && name.length <= MAX_CHARS
  return { stem: legal.slice(0, split), extension: legal.slice(split), exact }
}
