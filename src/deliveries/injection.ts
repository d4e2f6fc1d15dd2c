import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { CloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import { runProgram } from '../wire/programs.ts'
import { injectIntoExt } from './injection-ext.ts'
import { injectByGuestfish } from './injection-guestfish.ts'
import type { Injection, InjectionOptions } from './injection-outcome.ts'
import { checkPaths } from './injection-paths.ts'
import { choosePlace, isExt, listed, placesIn } from './injection-place.ts'
import { exportOverFuse } from './injection-workspace.ts'

/** A disk image that nobody else uses, in a folder of its own. */
export interface PrivateDisk {
  readonly folder: string
  /** Its name in the folder. */
  readonly file: string
  readonly format: 'raw' | 'qcow2'
  /** Bytes that a guest sees. */
  readonly virtualBytes: number
  /** It has internal snapshots. */
  readonly hasSnapshots?: boolean
}

/** How the image is made readable as one plain file. */
export interface ViewOptions {
  /** Default: over FUSE where that works, else by a copy. */
  readonly by?: 'fuse' | 'copy'
}

/**
 * Writes files into the root file system of a disk image that nobody else has open, and reads them back.
 *
 * @param files by their paths in the guest, without the slash at the begin
 * @throws {CloudError} invalid for a path or a partition table that cannot be; conflict when something is there already, or it could
 *   be several partitions; unsupported for what cannot or must not be written to, with the reason; not-found, too-large, unavailable,
 *   provider-failed, timeout
 */
export async function injectFiles(
  disk: PrivateDisk,
  files: Files,
  options: InjectionOptions & ViewOptions = {},
): Promise<Injection> {
  checkPaths(files)
  return await withPlainFile(disk, options, async (file) => {
    const at = { folder: disk.folder, file }
    const found = await placesIn(disk.folder, file)
    const { partition } = options
    const place = await choosePlace(at, found, partition)
    const { fileSystem } = place ?? {}
    if (!place || !isExt(fileSystem)) return await injectByGuestfish(at, { found, place }, files, options)
    if (fileSystem.unclean !== undefined)
      throw new CloudError(
        'unsupported',
        `${listed([place])}: ${fileSystem.unclean}; start the machine and shut it down, or run e2fsck`,
      )
    if (fileSystem.sizeBytes > place.sizeBytes)
      throw new CloudError(
        'invalid',
        `${listed([place])}: the file system is larger than its partition: is the image cut short?`,
      )
    const written = await injectIntoExt({ ...at, startBytes: place.startBytes }, fileSystem, files, options)
    return {
      partition: place.partition,
      fileSystem: fileSystem.kind,
      by: 'debugfs',
      ...written,
      remarks: [...found.remarks, ...written.remarks],
    }
  })
}

async function withPlainFile<T>(
  disk: PrivateDisk,
  { by, isTrial = false }: InjectionOptions & ViewOptions,
  task: (file: string) => Promise<T>,
): Promise<T> {
  const { folder, file, format, virtualBytes } = disk
  if (format === 'raw') return await task(file)
  if (by !== 'copy') {
    const view = await exportOverFuse(folder, file, { sizeBytes: virtualBytes, isWritable: !isTrial })
    if (typeof view !== 'string') {
      await using shown = view
      return await task(shown.file)
    }
    if (by === 'fuse')
      throw new CloudError(
        'unavailable',
        `an overlay needs FUSE (/dev/fuse; and fusermount3 for users other than root, Debian: fuse3): ${view}`,
      )
  }
  return await withCopy(disk, isTrial, task)
}

const PLAIN = 'plain.raw'
const PACKED = 'packed.qcow2'

/** Where there is no FUSE: all of the image is unpacked, and packed again. */
async function withCopy<T>(
  { folder, file, hasSnapshots = false }: PrivateDisk,
  isTrial: boolean,
  task: (file: string) => Promise<T>,
): Promise<T> {
  if (hasSnapshots)
    throw new CloudError(
      'unsupported',
      'the image has snapshots of its own, which a copy would lose; it needs FUSE (/dev/fuse)',
    )
  await qemuTool('qemu-img', folder, ['convert', '-q', '-f', 'qcow2', '-O', 'raw', file, PLAIN])
  const result = await task(PLAIN)
  if (isTrial) return result
  await qemuTool('qemu-img', folder, ['convert', '-q', '-f', 'raw', '-O', 'qcow2', PLAIN, PACKED])
  await rename(join(folder, PACKED), join(folder, file))
  return result
}

const QEMU_UTILS = 'qemu-utils'
const COPY_MS = 3_600_000

/** @throws {CloudError} unavailable when it is not installed, conflict when the image is in use, provider-failed when it refuses */
export async function qemuTool(
  program: 'qemu-img' | 'qemu-io',
  cwd: string,
  parameters: readonly string[],
): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, parameters, {
    debianPackage: QEMU_UTILS,
    limitMs: COPY_MS,
    cwd,
  })
  if (exitCode === 0) return
  const said = stderr.trim()
  if (/Failed to get .* lock/.test(said))
    throw new CloudError(
      'conflict',
      'the image is in use: a machine has it, or an image over it, open; shut it down first',
    )
  throw new CloudError('provider-failed', `${program} ${parameters[0]}: ${said || `exit code ${exitCode}`}`)
}
