import { Buffer } from 'node:buffer'
import { detectDisk, DISKS, type DiskFormat } from '../disks/index.ts'
import { DISK_LAYOUTS } from '../layouts/index.ts'
import type { Layout } from '../layouts/layout.ts'
import type { Context } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { isListing, type FileEntry, type Files } from '../model/files.ts'

/** How a context's disk is made. */
export interface ContextDiskOptions {
  /** Names of the layouts on it, the one that guests should find first. */
  readonly layouts: readonly string[]
  /** Default: that of the first layout that has one. */
  readonly label?: string
  readonly format: DiskFormat
}

/** What a disk tells a guest. */
export interface ContextDisk {
  readonly format: DiskFormat
  readonly label: string
  readonly files: Files
  /** What each layout that is on the disk says, by the layout's name. */
  readonly contexts: Readonly<Record<string, Partial<Context>>>
}

/**
 * A disk image with everything that the layouts tell a guest of `context`. The same context and options give the same bytes.
 *
 * @throws {CloudError} invalid when a layout is unknown, the label is missing, or the file system cannot write a name or the
 *   label; conflict when two layouts want different bytes under one path; too-large when the image would be over 1 GiB
 * @example writeContextDisk(context, { layouts: ['openstack', 'nocloud'], format: 'iso' }) // labelled config-2
 */
export function writeContextDisk(context: Context, { layouts: names, label, format }: ContextDiskOptions): Uint8Array {
  const layouts = names.map(layoutNamed)
  const chosen = label ?? layouts.find((layout) => layout.volumeLabel !== undefined)?.volumeLabel
  if (chosen === undefined)
    throw new CloudError(
      'invalid',
      `label: none is given, and the layouts (${names.join(', ')}) have none of their own`,
    )
  const files = unite(layouts.map((layout) => ({ name: layout.name, files: layout.render(context) })))
  return DISKS[format].write(files, { label: chosen })
}

/**
 * What is on a disk image, ours or another's.
 *
 * @throws {CloudError} invalid when the image is no file system that we know or contradicts itself, or a layout's file on it is broken
 */
export async function readContextDisk(image: Uint8Array): Promise<ContextDisk> {
  const format = detectDisk(image)
  if (format === undefined)
    throw new CloudError('invalid', 'this is no disk image that we know: ISO 9660 and FAT are expected')
  const { label, files } = DISKS[format].read(image)
  const contexts: Record<string, Partial<Context>> = {}
  for (const [name, layout] of Object.entries(DISK_LAYOUTS)) {
    const context = await layout.read((path) => Promise.resolve(files.get(path)?.bytes))
    if (context) contexts[name] = context
  }
  return { format, label, files, contexts }
}

/**
 * Puts several layouts' files into one tree, without listings; of equal files the first layout's stands.
 *
 * @throws {CloudError} conflict when two of them want different bytes under one path
 */
export function unite(trees: readonly { readonly name: string; readonly files: Files }[]): Files {
  const united = new Map<string, FileEntry & { readonly from: string }>()
  for (const { name, files } of trees) {
    for (const [path, entry] of files) {
      if (isListing(path)) continue
      const known = united.get(path)
      if (known === undefined) united.set(path, { ...entry, from: name })
      else if (Buffer.compare(known.bytes, entry.bytes) !== 0)
        throw new CloudError(
          'conflict',
          `the layouts ${known.from} and ${name} want different bytes in "${path}"; put them on disks of their own`,
        )
    }
  }
  return united
}

function layoutNamed(name: string): Layout {
  const layout = Object.hasOwn(DISK_LAYOUTS, name) ? DISK_LAYOUTS[name] : undefined
  if (layout === undefined)
    throw new CloudError(
      'invalid',
      `layouts: there is no layout "${name}" for disks; known are ${Object.keys(DISK_LAYOUTS).join(', ')}`,
    )
  return layout
}
