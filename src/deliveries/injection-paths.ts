import { quoted } from '../disks/disk.ts'
import { toTree } from '../disks/tree.ts'
import { CloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import type { Inode } from './injection-debugfs.ts'

/** What is known of paths: absolute, without a slash at the end; the root is `/`. `undefined`: nothing is there. */
export type Known = Pick<ReadonlyMap<string, Inode | undefined>, 'get' | 'has'>

/** Where a path really leads, within the image; or what must be looked at first. */
export type Resolved = { readonly path: string } | { readonly unknown: string }

/** As Linux has it. */
const LINKS_MAX = 40

/**
 * Checks that files can be written where they are wanted: a plain relative path, in characters that debugfs takes as they are.
 *
 * @throws {CloudError} invalid, too-large
 */
export function checkPaths(files: Files): void {
  toTree(files)
  for (const path of files.keys())
    // Neither debugfs nor guestfish has a way to write these in a name.
    if (/["\u0000-\u001f\u007f]/.test(path))
      throw new CloudError('invalid', `the path ${quoted(path)} has a quotation mark or a control character`)
}

/** A folder's path, and the paths of all that stand above it, the root first. */
export function pathsTo(path: string): readonly string[] {
  const names = namesOf(path)
  return ['/', ...names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)]
}

/** The folder that a path stands in. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/**
 * Follows the symbolic links of a path's folders as the guest would: from its own root, so that none leads out of the image.
 *
 * @throws {CloudError} conflict when a folder of the path is a file; unsupported when links go in a circle or cannot be followed
 */
export function resolvePath(path: string, known: Known): Resolved {
  const rest = [...namesOf(path)]
  let at = '/'
  for (let links = 0; ;) {
    const name = rest.shift()
    if (name === undefined) return { path: at }
    if (name === '..') {
      at = parentOf(at)
      continue
    }
    const next = at === '/' ? `/${name}` : `${at}/${name}`
    if (!known.has(next)) return { unknown: next }
    const inode = known.get(next)
    const isLast = rest.length === 0
    if (inode === undefined) {
      if (!rest.includes('..')) return { path: [next, ...rest].join('/') }
      throw new CloudError(
        'unsupported',
        `${quoted(path)}: a symbolic link leads through ${quoted(next)}, which is not there`,
      )
    }
    if (isLast || inode.type === 'directory') at = next
    else if (inode.type === 'symlink') {
      const { target } = inode
      if (target === undefined || /["\u0000-\u001f\u007f]/.test(target) || ++links > LINKS_MAX)
        throw new CloudError('unsupported', `${quoted(path)}: the symbolic link ${quoted(next)} cannot be followed`)
      if (target.startsWith('/')) at = '/'
      rest.unshift(...namesOf(target))
    } else throw new CloudError('conflict', `${quoted(path)}: ${quoted(next)} is there already, and is no folder`)
  }
}

function namesOf(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}
