import { Buffer } from 'node:buffer'

/** Why a file is there; accesses to it are known by this, never by comparing bytes. */
type FileRole = 'instance-id' | 'user-data' | 'vendor-data' | 'keys'

/** One file of a {@link Files} tree. `mode` is the permission bits only (such as `0o600`). */
export interface FileEntry {
  readonly bytes: Uint8Array
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly role?: FileRole
}

/**
 * What a guest must learn: a tree of files, by relative path (`openstack/latest/user_data`, no leading slash).
 *
 * A path that ends in `/` (the root: `/`) is no file but the text that a server shows for that folder where the derived
 * {@link listing} would be wrong (EC2's `public-keys/` lists `0=name`). Disks leave these out.
 */
export type Files = ReadonlyMap<string, FileEntry>

/** Whether `path` names a folder's explicit listing, not a file. */
export function isListing(path: string): boolean {
  return path.endsWith('/')
}

/** A file that holds `text` as UTF-8. */
export function textFile(text: string, more: Omit<FileEntry, 'bytes'> = {}): FileEntry {
  return { bytes: Buffer.from(text, 'utf8'), ...more }
}

/**
 * What a metadata server answers for a folder: one name a line, sorted by code unit, sub-folders with `/` at the end, no
 * newline after the last one. An explicit entry wins. `undefined` where there is no such folder.
 *
 * @param dir without slashes at its ends; `''` is the root
 */
export function listing(files: Files, dir: string): Uint8Array | undefined {
  const explicit = files.get(`${dir}/`)
  if (explicit) return explicit.bytes
  const names = childrenOf(files, dir)
  return names.size === 0 ? undefined : Buffer.from([...names].toSorted().join('\n'), 'utf8')
}

function childrenOf(files: Files, dir: string): ReadonlySet<string> {
  const prefix = dir === '' ? '' : `${dir}/`
  const names = new Set<string>()
  for (const path of files.keys()) {
    if (!path.startsWith(prefix)) continue
    const rest = path.slice(prefix.length)
    const slash = rest.indexOf('/')
    const name = slash === -1 ? rest : rest.slice(0, slash + 1)
    if (name !== '' && name !== '/') names.add(name)
  }
  return names
}
