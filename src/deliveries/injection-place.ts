import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteSource } from '../disks/byte-source.ts'
import { identify, type FileSystem } from '../disks/filesystems.ts'
import type { ExtFileSystem } from '../disks/filesystems-ext.ts'
import { readPartitions } from '../disks/partitions.ts'
import { CloudError } from '../model/errors.ts'
import type { ExtPlace } from './injection-debugfs.ts'
import { hasFolder } from './injection-ext.ts'

/** A part of an image, and what it holds. */
export interface Place {
  /** 0: the image has no partitions. */
  readonly partition: number
  readonly startBytes: number
  readonly sizeBytes: number
  readonly fileSystem: FileSystem | undefined
}

/** What an image is made of. */
export interface Places {
  readonly places: readonly Place[]
  readonly remarks: readonly string[]
}

/** Opens a file as bytes to look at. */
export async function openBytes(path: string): Promise<ByteSource & AsyncDisposable> {
  const file = await open(path)
  const { size: sizeBytes } = await file.stat()
  return {
    sizeBytes,
    read: async (offset, length) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}

/** The parts of an image, or the image itself where it has none. @throws {CloudError} invalid */
export async function placesIn(folder: string, file: string): Promise<Places> {
  await using source = await openBytes(join(folder, file))
  const { partitions, remarks } = await readPartitions(source)
  const parts = partitions.length > 0 ? partitions : [{ number: 0, startBytes: 0, sizeBytes: source.sizeBytes }]
  const places: Place[] = []
  for (const { number, startBytes, sizeBytes } of parts)
    places.push({
      partition: number,
      startBytes,
      sizeBytes,
      fileSystem: await identify(source, { startBytes, sizeBytes }),
    })
  return { places, remarks }
}

/**
 * The part of an image that files belong in: the one that is asked for; else the only ext2, ext3 or ext4 that has `/etc`. An image without
 * partitions has but one place.
 *
 * @returns `undefined` where no part is an ext, and none is asked for: what has `/etc` cannot be seen from here
 * @throws {CloudError} not-found when there is no such partition; conflict when it could be several; unsupported when none has `/etc`
 */
export async function choosePlace(
  at: Omit<ExtPlace, 'startBytes'>,
  { places }: Places,
  partition?: number,
): Promise<Place | undefined> {
  if (partition !== undefined) {
    const place = places.find((each) => each.partition === partition)
    if (place) return place
    throw new CloudError('not-found', `the image has no partition ${partition}; it has ${listed(places)}`)
  }
  const candidates = places.filter(({ fileSystem }) => isExt(fileSystem))
  if (candidates.length === 0) return undefined
  if (places.length === 1 && places[0]?.partition === 0) return places[0]
  const roots: Place[] = []
  for (const place of candidates)
    if (await hasFolder({ ...at, startBytes: place.startBytes }, '/etc')) roots.push(place)
  if (roots.length === 1) return roots[0]
  if (roots.length === 0 && candidates.length < places.length) return undefined
  throw roots.length > 1
    ? new CloudError('conflict', `several partitions have /etc: ${listed(roots)}; say which one`)
    : new CloudError('unsupported', `no partition has /etc: ${listed(places)}; say which one`)
}

/** Whether debugfs can write to it. */
export function isExt(fileSystem: FileSystem | undefined): fileSystem is ExtFileSystem {
  return fileSystem !== undefined && 'freeBytes' in fileSystem
}

/** What an image is made of, for people. */
export function listed(places: readonly Place[]): string {
  return places
    .map(({ partition, fileSystem }) => {
      const name = isExt(fileSystem) && fileSystem.label !== '' ? ` "${fileSystem.label}"` : ''
      return `${partition === 0 ? 'the image itself' : partition} (${fileSystem?.kind ?? 'nothing that is known'}${name})`
    })
    .join(', ')
}
