import { CloudError } from '../../model/errors.ts'
import type { Action, Image, InstanceState } from '../../model/instance.ts'
import type { NetworkState } from '../../model/network.ts'
import type { VolumeAction, VolumeState } from '../../model/volume.ts'
import type { CreateRequest, NetworkAttachment, NetworkGroup, VolumeAttachment, VolumeGroup } from '../provider.ts'

/** A volume that a machine has, and what the guest calls it. */
export interface MemoryDisk extends VolumeAttachment {
  readonly device: string
}

/** A network card that a machine has, and what the guest calls it. */
export interface MemoryCard extends NetworkAttachment {
  readonly device: string
  readonly mac: string
}

/** One virtual machine as the cloud keeps it, with what it was made of. */
export interface MemoryVm {
  readonly remoteId: string
  readonly request: CreateRequest
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly state: InstanceState
  readonly actions: readonly { readonly action: Action; readonly method?: string }[]
  readonly console: string
  /** What it has now: nobody else keeps who has a volume. */
  readonly disks: readonly MemoryDisk[]
  readonly cards: readonly MemoryCard[]
}

/** One volume as the cloud keeps it. */
export interface MemoryVolume {
  readonly remoteId: string
  readonly request: Parameters<VolumeGroup['create']>[0]
  readonly state: VolumeState | 'deleted'
  readonly sizeBytes: number
  /** All that was done to it, backups and snapshots too. */
  readonly actions: readonly { readonly action: VolumeAction; readonly sizeBytes?: number }[]
}

/** One network as the cloud keeps it. */
export interface MemoryNetwork {
  readonly remoteId: string
  readonly request: Parameters<NetworkGroup['create']>[0]
  readonly state: NetworkState | 'deleted'
}

/** All that a cloud in memory keeps, by `remoteId`; nothing is ever forgotten, what is gone is `deleted`. */
export interface MemoryState {
  readonly vms: Map<string, MemoryVm>
  readonly volumes: Map<string, MemoryVolume>
  readonly networks: Map<string, MemoryNetwork>
  /** Those that were saved from machines. */
  readonly images: Map<string, Image>
}

/** A cloud that nothing was done to yet. */
export function emptyState(): MemoryState {
  return { vms: new Map(), volumes: new Map(), networks: new Map(), images: new Map() }
}

/** The machines that are not deleted. */
export function livingVms({ vms }: Pick<MemoryState, 'vms'>): readonly MemoryVm[] {
  return [...vms.values()].filter(({ state }) => state !== 'deleted')
}

/** @throws {CloudError} not-found when there is none, or none any more */
export function known<T extends { readonly state: string }>(
  kept: ReadonlyMap<string, T>,
  remoteId: string,
  what: string,
): T {
  const found = kept.get(remoteId)
  if (found && found.state !== 'deleted') return found
  throw new CloudError('not-found', `there is no ${what} ${remoteId}`)
}

/** The first name that none of `beside` has: `prefix` and one of `letters`. @throws {CloudError} conflict */
export function firstFree(letters: string, prefix: string, beside: readonly { readonly device: string }[]): string {
  const taken = new Set(beside.map(({ device }) => device))
  const free = letters
    .split('')
    .map((letter) => `${prefix}${letter}`)
    .find((name) => !taken.has(name))
  if (free !== undefined) return free
  throw new CloudError('conflict', `a machine has no more than ${letters.length} of ${prefix}*`)
}
