import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import { bytesAt } from '../disk.ts'
import type { Geometry } from './geometry.ts'

/** The three widths of a FAT's entries; nothing but the number of clusters says which one a disk has. */
export type FatType = 'FAT12' | 'FAT16' | 'FAT32'

interface FatEntries {
  /** The most clusters that this type can have. */
  readonly clustersMax: number
  /** The size of a FAT for so many clusters. */
  readonly bytesFor: (clusters: number) => number
  /** How many clusters a FAT of this size can number. */
  readonly clustersIn: (fatBytes: number) => number
  /** Marks a chain's last cluster, and all values up to it do that are at most 7 less. */
  readonly endOfChain: number
  readonly get: (fat: Buffer, cluster: number) => number
  readonly set: (fat: Buffer, cluster: number, value: number) => void
}

/** Clusters are numbered from 2: the FAT's first two entries are not theirs. */
export const FIRST_CLUSTER = 2

/** The media descriptor of fixed disks, which is also the low byte of the FAT's first entry. */
export const MEDIA_FIXED_DISK = 0xf8

/**
 * How each type stores the number of a chain's next cluster. FAT12: 1.5 bytes, two entries share three bytes; FAT32: 28 bits of 32.
 *
 * @see FAT32 File System Specification 1.03, "FAT Type Determination", "FAT Data Structure"
 */
export const FAT_TYPES: Readonly<Record<FatType, FatEntries>> = {
  FAT12: {
    clustersMax: 4084,
    endOfChain: 0xfff,
    bytesFor: (clusters) => Math.ceil(((clusters + FIRST_CLUSTER) * 3) / 2),
    clustersIn: (fatBytes) => Math.floor((fatBytes * 2) / 3) - FIRST_CLUSTER,
    get: (fat, cluster) => {
      const pair = fat.readUInt16LE(cluster + (cluster >> 1))
      return cluster % 2 === 0 ? pair & 0xfff : pair >> 4
    },
    set: (fat, cluster, value) => {
      const offset = cluster + (cluster >> 1)
      const pair = fat.readUInt16LE(offset)
      fat.writeUInt16LE(cluster % 2 === 0 ? (pair & 0xf000) | value : (pair & 0x000f) | (value << 4), offset)
    },
  },
  FAT16: {
    clustersMax: 65524,
    endOfChain: 0xffff,
    bytesFor: (clusters) => (clusters + FIRST_CLUSTER) * 2,
    clustersIn: (fatBytes) => Math.floor(fatBytes / 2) - FIRST_CLUSTER,
    get: (fat, cluster) => fat.readUInt16LE(cluster * 2),
    set: (fat, cluster, value) => fat.writeUInt16LE(value, cluster * 2),
  },
  FAT32: {
    clustersMax: 0x0ffffff5,
    endOfChain: 0x0fffffff,
    bytesFor: (clusters) => (clusters + FIRST_CLUSTER) * 4,
    clustersIn: (fatBytes) => Math.floor(fatBytes / 4) - FIRST_CLUSTER,
    get: (fat, cluster) => fat.readUInt32LE(cluster * 4) & 0x0fffffff,
    set: (fat, cluster, value) => fat.writeUInt32LE(value, cluster * 4),
  },
}

/** The type that a disk of so many clusters has. */
export function fatTypeOf(clusters: number): FatType {
  if (clusters <= FAT_TYPES.FAT12.clustersMax) return 'FAT12'
  return clusters <= FAT_TYPES.FAT16.clustersMax ? 'FAT16' : 'FAT32'
}

/** A run of clusters, one after the other. */
export interface Run {
  readonly first: number
  readonly count: number
}

/** Writes the chains of `runs` into all copies of the FAT. */
export function writeFats(image: Buffer, geometry: Geometry, runs: Iterable<Run>): void {
  const { type, sectorBytes, reservedSectors, fats, fatSectors } = geometry
  const start = reservedSectors * sectorBytes
  const fatBytes = fatSectors * sectorBytes
  const fat = image.subarray(start, start + fatBytes)
  const { set, endOfChain } = FAT_TYPES[type]
  set(fat, 0, endOfChain - 0xff + MEDIA_FIXED_DISK)
  set(fat, 1, endOfChain)
  for (const { first, count } of runs) {
    const last = first + count - 1
    for (let cluster = first; cluster < last; cluster++) set(fat, cluster, cluster + 1)
    set(fat, last, endOfChain)
  }
  for (let copy = 1; copy < fats; copy++) fat.copy(image, start + copy * fatBytes)
}

/** Reads the bytes of the chain that begins at `first`: `sizeBytes` of them, or all. A view where the clusters adjoin. */
export type ChainReader = (first: number, sizeBytes?: number) => Buffer

/**
 * Follows chains of clusters.
 *
 * No cluster of a sound disk is in two chains, so all chains together have no more than the disk has. The reader counts, and
 * throws CloudError `invalid` then, or when a chain leaves the disk or ends before its file does.
 */
export function chainReader(image: Buffer, geometry: Geometry): ChainReader {
  const { type, sectorBytes, clusterBytes, clusters, reservedSectors, fatSectors, dataSector } = geometry
  const fat = bytesAt(image, reservedSectors * sectorBytes, fatSectors * sectorBytes, 'the FAT')
  const { get, endOfChain } = FAT_TYPES[type]
  const endFrom = endOfChain - 7
  let left = clusters

  const bytesOf = ({ first, count }: Run) => {
    const start = dataSector * sectorBytes + (first - FIRST_CLUSTER) * clusterBytes
    return bytesAt(image, start, count * clusterBytes, 'a chain of clusters')
  }

  return (first, sizeBytes) => {
    const wanted = sizeBytes === undefined ? Infinity : Math.ceil(sizeBytes / clusterBytes)
    const parts: Buffer[] = []
    let run: Run | undefined
    let count = 0
    for (let cluster = first; count < wanted; cluster = get(fat, cluster)) {
      if (sizeBytes === undefined && count > 0 && cluster >= endFrom) break
      if (cluster < FIRST_CLUSTER || cluster >= clusters + FIRST_CLUSTER)
        throw invalid(`has a chain that goes on at cluster ${cluster}, but ${clusters} clusters`)
      if (left-- === 0) throw invalid('has chains of clusters that cross or turn in circles')
      count++
      if (run && cluster === run.first + run.count) {
        run = { first: run.first, count: run.count + 1 }
      } else {
        if (run) parts.push(bytesOf(run))
        run = { first: cluster, count: 1 }
      }
    }
    if (run) parts.push(bytesOf(run))
    const [only] = parts
    const bytes = only && parts.length === 1 ? only : Buffer.concat(parts)
    return sizeBytes === undefined ? bytes : bytes.subarray(0, sizeBytes)
  }
}

function invalid(what: string): CloudError {
  return new CloudError('invalid', `disk image: the FAT file system ${what}`)
}
