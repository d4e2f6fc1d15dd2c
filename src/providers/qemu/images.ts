import { open, readdir, readFile } from 'node:fs/promises'
import { basename, join, parse, resolve } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { Image } from '../../model/instance.ts'
import { toSlug } from './map.ts'

/** A disk image; machines write to an overlay of their own, never to it. */
export interface DiskImage {
  readonly path: string
  readonly format: 'qcow2' | 'raw'
}

/** A kernel and its initial file system, with the disk that the command line may name as root. */
interface KernelImage {
  readonly kernel: string
  readonly initrd?: string
  readonly commandLine: string
  readonly disk?: DiskImage
}

/** What a machine boots from. */
export type ImageSource = ({ readonly kind: 'disk' } & DiskImage) | ({ readonly kind: 'kernel' } & KernelImage)

/** Where an image is; `id` names it where its file's or folder's name would not. */
export interface ImagePlace {
  readonly path: string
  readonly id?: string
}

/** An image and what it is. */
export interface LocalImage {
  readonly image: Image
  readonly source: ImageSource
}

const DISK_EXTENSIONS = new Set(['.qcow2', '.raw', '.img'])
const QCOW2_MAGIC = 'QFI\xfb'

/**
 * The images at these places, in their order: files (`.qcow2`, `.raw`, `.img`) and folders that hold a `kernel`, with an
 * `initrd`, a `cmdline` and a `disk.qcow2` if there are any. What is something else or is not there is left out.
 */
export async function readImages(provider: string, places: readonly ImagePlace[]): Promise<readonly LocalImage[]> {
  const byName = new Map<string, LocalImage>()
  for (const { path, id } of places) {
    const source = await sourceAt(resolve(path))
    if (!source) continue
    const remoteId = id ?? basename(path)
    const title = source.kind === 'disk' ? parse(remoteId).name : remoteId
    // Two formats of one image would share a name: the later one is called by its whole file name.
    const short = `${provider}-${toSlug(title)}`
    const name = byName.has(short) ? `${provider}-${toSlug(remoteId)}` : short
    if (!byName.has(name)) byName.set(name, { image: { name, provider, remoteId, title }, source })
  }
  return [...byName.values()]
}

/**
 * The places in a folder of images, sorted by name.
 *
 * @throws {CloudError} unavailable when the folder cannot be read
 */
export async function placesIn(folder: string): Promise<readonly ImagePlace[]> {
  try {
    return (await readdir(folder)).toSorted().map((name) => ({ path: join(folder, name) }))
  } catch (cause) {
    throw new CloudError('unavailable', `the folder of images ${folder} cannot be read`, { cause })
  }
}

/** What an image's file or folder is; `undefined` where it is none. */
export async function sourceAt(path: string): Promise<ImageSource | undefined> {
  const extension = parse(path).ext.toLowerCase()
  if (DISK_EXTENSIONS.has(extension)) {
    const magic = await readMagic(path)
    if (magic === undefined) return undefined
    // A `.raw` is raw whatever it begins with: guests write there, and a forged header must not be believed.
    const isQcow2 = extension === '.qcow2' || (extension === '.img' && magic === QCOW2_MAGIC)
    return { kind: 'disk', path, format: isQcow2 ? 'qcow2' : 'raw' }
  }
  const kernel = join(path, 'kernel')
  if ((await readMagic(kernel)) === undefined) return undefined
  const initrd = join(path, 'initrd')
  const commandLine = await readFile(join(path, 'cmdline'), 'utf8').catch(() => '')
  const hasInitrd = (await readMagic(initrd)) !== undefined
  const disk = { path: join(path, 'disk.qcow2'), format: 'qcow2' } as const
  const hasDisk = (await readMagic(disk.path)) !== undefined
  return {
    kind: 'kernel',
    kernel,
    ...(hasInitrd ? { initrd } : {}),
    commandLine: commandLine.trim(),
    ...(hasDisk ? { disk } : {}),
  }
}

/** The first four bytes of a file; `undefined` where there is no file that we may read. */
async function readMagic(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch {
    return undefined
  }
}
