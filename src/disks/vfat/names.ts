import { CloudError } from '../../model/errors.ts'
import { quoted } from '../disk.ts'
import { distinctStems, type NumberingRule, type WantedName } from '../distinct-names.ts'
import type { DiskNode, FolderNode } from '../tree.ts'

const STEM_CHARS = 8
const EXTENSION_CHARS = 3
const FORBIDDEN = /[\0-\x1f"*/:<>?\\|]/
const NOT_IN_ALIAS = /[^A-Z0-9!#$%&'()@^_`{}~-]/g
const LABEL = /^[!#-)\-0-9@-Z^-{}~]([ !#-)\-0-9@-Z^-{}~]*[!#-)\-0-9@-Z^-{}~])?$/
const LABEL_CHARS = 11

/**
 * Refuses children that VFAT cannot tell apart or write.
 *
 * @throws {CloudError} invalid when a name has a forbidden character or end, or differs from another by case alone
 * @see FAT32 File System Specification 1.03, "Long Directory Entries"
 */
export function checkNames(folder: FolderNode): void {
  const seen = new Map<string, string>()
  for (const { name, path } of folder.children) {
    const forbidden = FORBIDDEN.exec(name)?.[0]
    if (forbidden !== undefined) throw refused(path, `has ${JSON.stringify(forbidden)} in its name, which VFAT forbids`)
    // Windows and Linux drop them, and would find no such file.
    if (/[. ]$/.test(name)) throw refused(path, 'ends in a full stop or a blank, which VFAT drops')
    const folded = name.toLowerCase()
    const other = seen.get(folded)
    if (other !== undefined) throw refused(path, `and ${quoted(other)} differ by case alone, which VFAT ignores`)
    seen.set(folded, path)
  }
}

const RULE: NumberingRule = { mark: '~', stemMaxChars: () => STEM_CHARS, always: true }

/**
 * The 8.3 names of one folder's children, in their order, as directory entries have them: stem and extension padded to 8 and 3
 * characters, without the full stop. What does not fit is cut and numbered (`USER-D~1`).
 */
export function aliasesOf(children: readonly DiskNode[]): readonly string[] {
  const wanted = children.map(toWanted)
  return distinctStems(wanted, RULE).map((stem, i) => {
    const extension = wanted[i]?.extension.slice(1) ?? ''
    return stem.padEnd(STEM_CHARS) + extension.padEnd(EXTENSION_CHARS)
  })
}

function toWanted({ name }: DiskNode): WantedName {
  const upper = name.toUpperCase()
  // Blanks and full stops vanish, save the one before the extension; all else that 8.3 forbids becomes "_".
  const bare = upper.replaceAll(' ', '').replace(/^\.+/, '')
  const dot = bare.lastIndexOf('.')
  const stem = inAlias(dot > 0 ? bare.slice(0, dot) : bare)
  const letters = inAlias(dot > 0 ? bare.slice(dot + 1) : '').slice(0, EXTENSION_CHARS)
  const extension = letters === '' ? '' : `.${letters}`
  // Compared in lower case, for "ß" is no "SS".
  const exact = (stem + extension).toLowerCase() === name.toLowerCase() && stem.length <= STEM_CHARS
  return { stem: stem || '_', extension, exact }
}

function inAlias(text: string): string {
  return text.replaceAll('.', '').replaceAll(NOT_IN_ALIAS, '_')
}

/**
 * The label as the disk has it: padded to 11 characters, its case kept.
 *
 * @throws {CloudError} invalid when it is too long or has characters that a label may not have
 */
export function paddedLabel(label: string): string {
  if (!LABEL.test(label) || label.length > LABEL_CHARS)
    throw new CloudError(
      'invalid',
      `label: ${JSON.stringify(label.slice(0, 80))} cannot be a VFAT label; 1 to ${LABEL_CHARS} printable ASCII characters without "*+,./:;<=>?[\\]| are expected, no blank at either end`,
    )
  return label.padEnd(LABEL_CHARS)
}

function refused(path: string, why: string): CloudError {
  return new CloudError('invalid', `${quoted(path)} ${why}; ISO 9660 takes it`)
}
