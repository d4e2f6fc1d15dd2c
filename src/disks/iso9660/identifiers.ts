import { distinctStems, type NumberingRule, type WantedName } from '../distinct-names.ts'
import type { DiskNode } from '../tree.ts'

/** How one hierarchy of an image writes the names of a folder's children. */
export interface Identifiers {
  /** In the children's order; files end in their version, `;1`. */
  of(children: readonly DiskNode[]): readonly string[]
  readonly bytesPerChar: 1 | 2
  /** Writes an identifier in the hierarchy's character set. */
  write(image: Buffer, identifier: string, offset: number): void
}

// ECMA-119 7.5.1: name, full stop and extension have 31 characters in all at level 2; so have folders (7.6.3).
const MAX_CHARS = 31
const EXTENSION_MAX_CHARS = 9
const NOT_D_CHARACTERS = /[^A-Z0-9_]/g

const RULE: NumberingRule = {
  mark: '_',
  stemMaxChars: (extension) => MAX_CHARS - Math.max(extension.length, 1),
  always: false,
}

/**
 * Names for readers that know no extension: upper case, at most 31 characters, what is not a d-character becomes `_`, and a
 * number tells apart what would be the same (`a-b` and `a_b`: `A_B` and `A_B_1`).
 *
 * @see ECMA-119 7.5 (files), 7.6 (folders), 10.2 (level 2)
 */
export const isoIdentifiers: Identifiers = {
  bytesPerChar: 1,
  of: (children) => {
    const wanted = children.map(toWanted)
    return distinctStems(wanted, RULE).map((stem, i) => {
      if (children[i]?.kind === 'folder') return stem
      // ECMA-119 7.5.1: the full stop stands even where there is no extension.
      return `${stem}${wanted[i]?.extension || '.'};1`
    })
  },
  write: (image, identifier, offset) => {
    image.write(identifier, offset, 'latin1')
  },
}

function toWanted({ kind, name }: DiskNode): WantedName {
  const upper = name.toUpperCase()
  const dot = kind === 'file' ? upper.lastIndexOf('.') : -1
  const stem = toDCharacters(dot > 0 ? upper.slice(0, dot) : upper)
  const letters = toDCharacters(dot > 0 ? upper.slice(dot + 1) : '').slice(0, EXTENSION_MAX_CHARS - 1)
  const extension = letters === '' ? '' : `.${letters}`
  return { stem, extension, exact: stem + extension === name && stem.length <= RULE.stemMaxChars(extension) }
}

function toDCharacters(text: string): string {
  return text.replaceAll(NOT_D_CHARACTERS, '_')
}
