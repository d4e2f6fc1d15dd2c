import { CloudError } from '../../model/errors.ts'
import { IMAGE_MAX_BYTES } from '../disk.ts'
import { ENTRY } from './entries.ts'
import { FAT_TYPES, type FatType } from './fat.ts'

/** Where things lie in a FAT file system. The first cluster, which has the number 2, lies at `dataSector`. */
export interface Geometry {
  readonly type: FatType
  readonly sectorBytes: number
  readonly clusterBytes: number
  readonly clusters: number
  readonly reservedSectors: number
  readonly fats: number
  readonly fatSectors: number
  /** Entries of the fixed root directory; FAT32 has none, its root is a chain of clusters. */
  readonly rootEntries: number
  /** FAT32 only. */
  readonly rootCluster: number
  readonly rootSector: number
  readonly dataSector: number
  readonly totalSectors: number
}

/** What a disk must hold. */
export interface Needs {
  readonly rootEntries: number
  /** The sizes of all files and of all folders but the root. */
  readonly sizesBytes: readonly number[]
}

/** mtools wants whole tracks; so images are whole pages of 4 KiB, too. */
export const SECTORS_PER_TRACK = 8

const SECTOR_BYTES = 512
const FATS = 2
// The specification's advice: drivers are off by up to 16 around the numbers of clusters where the type changes.
const CLUSTERS_APART = 16
const RESERVED_SECTORS: Readonly<Record<FatType, number>> = { FAT12: 1, FAT16: 1, FAT32: 32 }
const ROOT_ENTRIES_PER_SECTOR = SECTOR_BYTES / ENTRY.sizeBytes
// A 16-bit field, in whole sectors.
const ROOT_ENTRIES_MAX = 0x10000 - ROOT_ENTRIES_PER_SECTOR

// In the order in which they are tried, smallest waste first: FAT12 to 16 MiB, FAT16 to 256 MiB, then FAT32.
const CANDIDATES: readonly {
  readonly type: FatType
  readonly sectorsPerCluster: number
  readonly clustersMax: number
}[] = [
  ...[1, 2, 4, 8].map((sectors) => ({
    type: 'FAT12' as const,
    sectorsPerCluster: sectors,
    clustersMax: FAT_TYPES.FAT12.clustersMax,
  })),
  ...[1, 2, 4, 8].map((sectors) => ({
    type: 'FAT16' as const,
    sectorsPerCluster: sectors,
    clustersMax: FAT_TYPES.FAT16.clustersMax,
  })),
  { type: 'FAT32', sectorsPerCluster: 1, clustersMax: 2 ** 19 },
  { type: 'FAT32', sectorsPerCluster: 8, clustersMax: FAT_TYPES.FAT32.clustersMax },
]

/**
 * The smallest disk that holds what it must, with no room left.
 *
 * @param type to insist on one; else by size
 * @throws {CloudError} too-large when the disk would be over 1 GiB, or over what `type` can be
 */
export function chooseGeometry(needs: Needs, type?: FatType): Geometry {
  for (const candidate of CANDIDATES) {
    if (type !== undefined && candidate.type !== type) continue
    if (candidate.type !== 'FAT32' && needs.rootEntries > ROOT_ENTRIES_MAX) continue
    const clusterBytes = candidate.sectorsPerCluster * SECTOR_BYTES
    const clusters = Math.max(clustersFor(needs, candidate.type, clusterBytes), clustersMin(candidate.type))
    if (clusters + SECTORS_PER_TRACK + CLUSTERS_APART > candidate.clustersMax) continue
    const geometry = layOut(needs, candidate.type, clusterBytes, clusters)
    const imageBytes = geometry.totalSectors * SECTOR_BYTES
    if (imageBytes > IMAGE_MAX_BYTES)
      throw new CloudError('too-large', `the image would have ${imageBytes} bytes; ${IMAGE_MAX_BYTES} is the most`)
    return geometry
  }
  throw new CloudError(
    'too-large',
    `the files do not fit on a ${type ?? 'FAT'} disk; without a type the next one is taken`,
  )
}

function clustersFor(needs: Needs, type: FatType, clusterBytes: number): number {
  const rootBytes = type === 'FAT32' ? needs.rootEntries * ENTRY.sizeBytes : 0
  return needs.sizesBytes.reduce(
    (clusters, sizeBytes) => clusters + Math.ceil(sizeBytes / clusterBytes),
    Math.ceil(rootBytes / clusterBytes),
  )
}

function clustersMin(type: FatType): number {
  if (type === 'FAT12') return 1
  return FAT_TYPES[type === 'FAT16' ? 'FAT12' : 'FAT16'].clustersMax + 1 + CLUSTERS_APART
}

function layOut(needs: Needs, type: FatType, clusterBytes: number, neededClusters: number): Geometry {
  const sectorsPerCluster = clusterBytes / SECTOR_BYTES
  const reservedSectors = RESERVED_SECTORS[type]
  const rootSectors = type === 'FAT32' ? 0 : Math.ceil(needs.rootEntries / ROOT_ENTRIES_PER_SECTOR)
  // The last track, filled up, may be so many clusters more.
  const fatSectors = Math.ceil(FAT_TYPES[type].bytesFor(neededClusters + SECTORS_PER_TRACK) / SECTOR_BYTES)
  const rootSector = reservedSectors + FATS * fatSectors
  const dataSector = rootSector + rootSectors
  const sectors = dataSector + neededClusters * sectorsPerCluster
  const totalSectors = Math.ceil(sectors / SECTORS_PER_TRACK) * SECTORS_PER_TRACK
  return {
    type,
    sectorBytes: SECTOR_BYTES,
    clusterBytes,
    clusters: Math.floor((totalSectors - dataSector) / sectorsPerCluster),
    reservedSectors,
    fats: FATS,
    fatSectors,
    rootEntries: rootSectors * ROOT_ENTRIES_PER_SECTOR,
    rootCluster: type === 'FAT32' ? 2 : 0,
    rootSector,
    dataSector,
    totalSectors,
  }
}
