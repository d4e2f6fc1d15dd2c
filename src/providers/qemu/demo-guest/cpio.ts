import { Buffer } from 'node:buffer'

/** One member of a cpio archive; folders are made by entries of their own, before what is in them. */
export type CpioEntry =
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'file'; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }

const TYPE_BITS = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const

/**
 * A cpio archive in the "newc" form, which is what Linux takes for an initramfs. The same entries give the same bytes.
 *
 * | offset | size | meaning (numbers are 8 upper-case hex digits)              |
 * |-------:|-----:|------------------------------------------------------------|
 * |      0 |    6 | magic `070701`                                             |
 * |      6 |    8 | inode; mode, uid, gid, links, mtime, size follow, 8 each   |
 * |     62 |    8 | device major; minor, rdev major, rdev minor follow         |
 * |     94 |    8 | length of the name with its NUL                            |
 * |    102 |    8 | checksum, 0 in this form                                   |
 * |    110 |    n | name, NUL, padded with NULs to a multiple of 4             |
 * |        |    m | contents, padded likewise                                  |
 *
 * @see https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const trailer = member('TRAILER!!!', { inode: 0, mode: 0, links: 1, contents: Buffer.alloc(0) })
  return Buffer.concat([...entries.flatMap((entry, inode) => memberOf(entry, inode)), ...trailer])
}

interface Header {
  readonly inode: number
  readonly mode: number
  readonly links: number
  readonly contents: Uint8Array
}

function memberOf(entry: CpioEntry, inode: number): readonly Uint8Array[] {
  const permissions = entry.kind === 'file' ? entry.mode : entry.kind === 'folder' ? 0o755 : 0o777
  const mode = TYPE_BITS[entry.kind] | permissions
  return member(entry.path, { inode, mode, links: entry.kind === 'folder' ? 2 : 1, contents: contentsOf(entry) })
}

function member(path: string, { inode, mode, links, contents }: Header): readonly Uint8Array[] {
  const name = Buffer.from(`${path}\0`, 'utf8')
  const numbers = [inode, mode, 0, 0, links, 0, contents.byteLength, 0, 0, 0, 0, name.byteLength, 0]
  const header = Buffer.from(`070701${numbers.map(hex).join('')}`, 'latin1')
  return [header, name, padding(header.byteLength + name.byteLength), contents, padding(contents.byteLength)]
}

function contentsOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes
  return Buffer.from(entry.kind === 'link' ? entry.target : '', 'utf8')
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}

function padding(length: number): Uint8Array {
  return Buffer.alloc((4 - (length % 4)) % 4)
}
