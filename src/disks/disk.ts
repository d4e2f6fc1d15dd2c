import type { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import type { FileEntry, Files } from '../model/files.ts'

/** How a disk is made. */
export interface DiskOptions {
  /** The volume's name, by which guests recognise the disk (`config-2`, `cidata`). Case is kept. */
  readonly label: string
  /** The one time that every file and the volume carry. Default: {@link DEFAULT_DATE}. */
  readonly date?: Date
}

/** What a disk says. */
export interface DiskContent {
  readonly label: string
  readonly files: Files
}

/** One file system: bytes of an image from files, and back. */
export interface Disk {
  write(files: Files, options: DiskOptions): Uint8Array
  read(image: Uint8Array): DiskContent
}

/** A fixed time, so that the same files give the same image; both file systems can say it. */
export const DEFAULT_DATE = new Date('2000-01-01T00:00:00Z')

/** An image, and what is on it, may have 1 GiB: far above any context, far below what would hurt us or a 32-bit field. */
export const IMAGE_MAX_BYTES = 1024 ** 3

/** A path on a disk may have 4095 bytes, as Linux's PATH_MAX has it: a bound for readers of hostile images too. */
export const PATH_MAX_BYTES = 4095

/** A path as messages show it: quoted, and cut where it is long. */
export function quoted(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path)
}

/**
 * Adds a file that was read from an image.
 *
 * @throws {CloudError} invalid when the path is there already
 */
export function addFile(files: Map<string, FileEntry>, path: string, entry: FileEntry): void {
  if (files.has(path)) throw new CloudError('invalid', `disk image: ${quoted(path)} is there twice`)
  files.set(path, entry)
}

/**
 * Joins a name that was read from an image to its folder's path.
 *
 * @throws {CloudError} invalid when the name cannot be one segment of a path, or the path gets too long
 */
export function joinName(folder: string, name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    throw new CloudError('invalid', `disk image: ${quoted(name)} in ${quoted(folder)} cannot be a file's name`)
  if (folder.length + name.length >= PATH_MAX_BYTES)
    throw new CloudError(
      'invalid',
      `disk image: ${quoted(folder)} goes deeper than paths of ${PATH_MAX_BYTES} characters`,
    )
  return folder === '' ? name : `${folder}/${name}`
}

/**
 * The bytes from `start` on, without a copy.
 *
 * @throws {CloudError} invalid when they are not all in the image; `what` names them
 */
export function bytesAt(image: Buffer, start: number, sizeBytes: number, what: string): Buffer {
  if (start + sizeBytes > image.length)
    throw new CloudError(
      'invalid',
      `disk image: ${what} lies at bytes ${start} to ${start + sizeBytes}, but the image has ${image.length}: is it cut short?`,
    )
  return image.subarray(start, start + sizeBytes)
}
