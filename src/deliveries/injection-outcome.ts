/** What happens to another file that has the name already: nothing is written, or it gets another name, or it is lost. */
export type ExistingRule = 'refuse' | 'keep' | 'replace'

/** How files are written into an image. */
export interface InjectionOptions {
  /** Default: `refuse`. */
  readonly existing?: ExistingRule
  /** As Linux counts partitions; 0 is an image without any. Default: where `/etc` is. */
  readonly partition?: number
  /** Only looks: nothing is written, and what is told of files is what would be. */
  readonly isTrial?: boolean
}

/** A file that is in the image, as it was read back. */
export interface WrittenFile {
  /** Absolute, in the guest, with the symbolic links of its folders followed. */
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly role?: string
  /** `unchanged`: the same was there. */
  readonly was: 'new' | 'unchanged' | 'replaced' | 'kept'
  /** How what was there is called now. */
  readonly keptAs?: string
}

/** What an injection did. */
export interface Injection {
  /** 0: the image has none. */
  readonly partition: number
  readonly fileSystem: string
  readonly by: 'debugfs' | 'guestfish'
  readonly files: readonly WrittenFile[]
  /** Folders that were not there. */
  readonly folders: readonly string[]
  readonly remarks: readonly string[]
}
