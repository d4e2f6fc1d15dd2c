/** `offline` is there, but cannot be attached until it is brought online. */
export type VolumeState = 'creating' | 'online' | 'offline' | 'deleting' | 'error' | 'unknown'

/** What can be done to a volume; `resize` needs the new size. */
export type VolumeAction = 'online' | 'offline' | 'backup' | 'snapshot' | 'resize'

/** What a user asks for. */
export interface VolumeSpec {
  readonly name?: string
  readonly sizeBytes: number
  /** What a front end must be able to give back as it was. */
  readonly labels: Readonly<Record<string, string>>
}

/** A disk that outlives the instances that it is attached to. `id` is ours, minted before any call. */
export interface Volume {
  readonly id: string
  readonly provider: string
  readonly remoteId?: string
  readonly subject: string
  readonly project: string
  readonly state: VolumeState
  /** Why it is in `error`, for people. */
  readonly reason?: string
  /** `sizeBytes` is the true one once its cloud told it. */
  readonly spec: VolumeSpec
  readonly createdAt: number
  readonly updatedAt: number
}
