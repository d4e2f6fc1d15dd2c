import { chmod, chown, open, realpath, rename, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, parse, resolve } from 'node:path'
import { QCOW2_HEADER_BYTES, readQcow2Header } from '../disks/qcow2-header.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import { runProgram } from '../wire/programs.ts'
import { injectFiles, qemuTool, type PrivateDisk, type ViewOptions } from './injection.ts'
import type { Injection, InjectionOptions } from './injection-outcome.ts'
import { openBytes } from './injection-place.ts'
import { openWorkspace } from './injection-workspace.ts'

/** Which image gets the files, and what comes of it. */
export interface ImageInjection extends InjectionOptions, ViewOptions {
  /** The user's image. */
  readonly image: string
  /** Default: as its name says (`.qcow2`, `.raw`), else as it begins. */
  readonly format?: 'raw' | 'qcow2'
  /** The image to be made; default: the user's is replaced, all at once. */
  readonly to?: string
  /** What is made is an overlay in qcow2, which needs the user's image, and not a copy of it. */
  readonly isOverlay?: boolean
}

/** What is known of the user's image. */
interface Base extends Omit<PrivateDisk, 'folder' | 'file'> {
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Tells whether it was written to. */
  readonly mark: string
}

const DISK = 'disk'

/**
 * Writes files into a disk image of the user's. All is done on a copy, or on an overlay, which takes the place of the old image, or its own
 * name, only when it is whole: an injection that is interrupted leaves everything as it was.
 *
 * @throws {CloudError} as {@link injectFiles}; and invalid when the image cannot be read, or needs other files; conflict when a machine has
 *   it open, or somebody writes to it meanwhile
 */
export async function injectIntoImage(
  files: Files,
  options: ImageInjection,
): Promise<Injection & { readonly image: string }> {
  const { image, to, isOverlay = false, isTrial = false } = options
  const base = await readBase(image, options.format)
  const target = to === undefined ? base.path : resolve(to)
  // Beside the target, so that one rename puts it in place.
  await using work = await openWorkspace(dirname(target))
  const disk = { folder: work.folder, file: DISK, ...base, ...(isOverlay ? { format: 'qcow2' as const } : {}) }
  await refuseInUse(base, to === undefined)
  if (isTrial) {
    await symlink(base.path, join(work.folder, DISK))
    return { ...(await injectFiles({ ...disk, format: base.format }, files, options)), image: target }
  }
  if (isOverlay)
    await qemuTool('qemu-img', work.folder, [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-F',
      base.format,
      '-b',
      base.path,
      DISK,
      `${base.virtualBytes}`,
    ])
  else await copy(base.path, work.folder)
  const injection = await injectFiles(disk, files, isOverlay ? { ...options, by: 'fuse' } : options)
  await put(base, join(work.folder, DISK), target, to === undefined)
  return { ...injection, image: target }
}

/** @throws {CloudError} invalid for what is no image, or leads to other files */
async function readBase(image: string, wanted?: 'raw' | 'qcow2'): Promise<Base> {
  try {
    const path = await realpath(image)
    const status = await stat(path, { bigint: true })
    if (!status.isFile()) throw new CloudError('invalid', `${image} is no file; an image in a file is expected`)
    await using source = await openBytes(path)
    const header = readQcow2Header(await source.read(0, QCOW2_HEADER_BYTES))
    const format = wanted ?? formatOf(path, header !== undefined)
    const known = {
      path,
      format,
      mode: Number(status.mode & 0o7777n),
      uid: Number(status.uid),
      gid: Number(status.gid),
      mark: [status.ino, status.size, status.mtimeNs, status.ctimeNs].join(),
    }
    if (format === 'raw') return { ...known, virtualBytes: source.sizeBytes }
    if (!header) throw new CloudError('invalid', `${image} is no qcow2 of version 2 or 3`)
    const why = header.hasBackingFile
      ? 'it is an overlay over another file; convert it (qemu-img convert -O qcow2) or inject into that one'
      : header.hasDataFile
        ? 'its data are in another file; convert it (qemu-img convert -O qcow2)'
        : header.isEncrypted
          ? 'it is encrypted'
          : header.isUnclean
            ? 'it was not closed, or is damaged; see qemu-img check'
            : undefined
    if (why !== undefined) throw new CloudError('unsupported', `${image}: ${why}`)
    return { ...known, virtualBytes: header.virtualBytes, hasSnapshots: header.snapshots > 0 }
  } catch (cause) {
    if (cause instanceof CloudError) throw cause
    throw new CloudError('invalid', `${image} cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

/** A `.raw` is raw whatever it begins with: its guest writes there. */
function formatOf(path: string, hasHeader: boolean): 'raw' | 'qcow2' {
  const extension = parse(path).ext.toLowerCase()
  if (extension === '.qcow2') return 'qcow2'
  return extension !== '.raw' && hasHeader ? 'qcow2' : 'raw'
}

/**
 * QEMU locks the images that it has open, those below other images too. One that is to be replaced must be nobody's. One that is only read may be
 * below others; who writes to it is seen by the lock of a qcow2, and else by its file system, which is never clean then.
 *
 * @throws {CloudError} conflict
 */
async function refuseInUse({ path, format }: Base, isReplacing: boolean): Promise<void> {
  const [folder, name] = [dirname(path), `./${basename(path)}`]
  await qemuTool('qemu-img', folder, ['info', '-f', format, '--', name])
  // As raw, for to open a qcow2 for writing can change it; nothing is written.
  if (isReplacing) await qemuTool('qemu-io', folder, ['-f', 'raw', '-c', 'quit', name])
}

const COPY_MS = 3_600_000

/** As far as the file system can, without copying anything; and holes stay holes. */
async function copy(path: string, folder: string): Promise<void> {
  const { exitCode, stderr } = await runProgram('cp', ['--reflink=auto', '--sparse=always', '--', path, DISK], {
    debianPackage: 'coreutils',
    limitMs: COPY_MS,
    cwd: folder,
  })
  if (exitCode !== 0)
    throw new CloudError('unavailable', `${path} cannot be copied: ${stderr.trim() || `exit code ${exitCode}`}`)
}

/** @throws {CloudError} conflict when the image was written to since it was read */
async function put(base: Base, made: string, target: string, isReplacing: boolean): Promise<void> {
  await refuseInUse(base, isReplacing)
  const { ino, size, mtimeNs, ctimeNs } = await stat(base.path, { bigint: true })
  if ([ino, size, mtimeNs, ctimeNs].join() !== base.mark)
    throw new CloudError(
      'conflict',
      `${base.path} was written to meanwhile; it stays as it is, and nothing was injected`,
    )
  if (isReplacing) {
    await chown(made, base.uid, base.gid).catch(() => {})
    await chmod(made, base.mode)
    // The only other copy goes with the rename.
    await using file = await open(made, 'r+')
    await file.sync()
  } else await chmod(made, 0o600)
  try {
    await rename(made, target)
  } catch (cause) {
    throw new CloudError('invalid', `${target} cannot be written: ${reasonOf(cause)}`, { cause })
  }
}
