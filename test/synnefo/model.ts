/** Which Synnefo is played: what it knows of new servers, and what its catalogue says. */
export type Version = '0.16' | '0.19' | '0.20'

/** An image, and what is in it as far as files are concerned. */
export interface Image {
  readonly id: string
  readonly name: string
  readonly status: string
  /** Its properties as its owner wrote them. */
  readonly metadata: Readonly<Record<string, string>>
  /** Ids by name, from its `/etc/passwd` and `/etc/group`. */
  readonly users: Readonly<Record<string, number>>
  readonly groups: Readonly<Record<string, number>>
  /** Folders that it has. */
  readonly folders: ReadonlySet<string>
}

export interface Flavor {
  readonly id: number
  readonly name: string
  readonly vcpus: number
  readonly ram: number
  readonly disk: number
  readonly allowCreate: boolean
}

export interface Network {
  readonly id: number
  readonly name: string
  readonly public: boolean
  readonly state: string
  /** The first three numbers of its addresses. */
  readonly prefix: string
}

/** A card of a server's. */
export interface Port {
  readonly id: number
  readonly networkId: number
  readonly mac: string
  readonly ipv4: string
  readonly isFloating: boolean
}

/** A file to be injected, checked as Cyclades checks it. */
export interface Personality {
  readonly path?: unknown
  readonly contents: string
  readonly mode?: unknown
  readonly owner?: unknown
  readonly group?: unknown
}

/** What Cyclades keeps for snf-image. */
export interface CreatedParams {
  readonly personality: readonly Personality[]
  /** Base64; absent where the version does not know it, or none was sent. */
  readonly userData?: string
  readonly authKeys?: string
}

/** A file or folder that snf-image makes. */
export interface GuestFile {
  readonly bytes: Uint8Array
  /** The permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** What snf-image makes of an image. */
export interface Customized {
  /** There before the machine boots. */
  readonly files: ReadonlyMap<string, GuestFile>
  readonly folders: ReadonlyMap<string, Omit<GuestFile, 'bytes'>>
  /** Put there by cloud-init, in the last stage of its first run. */
  readonly late: ReadonlyMap<string, GuestFile>
}

export interface Server {
  readonly id: number
  readonly name: string
  readonly image: Image
  readonly flavor: Flavor
  readonly project: string
  readonly metadata: Readonly<Record<string, string>>
  readonly ports: readonly Port[]
  readonly keyNames: readonly string[]
  readonly params: CreatedParams
  /** Ganeti's word: BUILD, STARTED, STOPPED, ERROR. */
  operState: string
  /** What is going on: BUILD, START, STOP, REBOOT, DESTROY. */
  task: string | undefined
  isDeleted: boolean
  customized?: Customized
  diagnostic?: string
}

export interface KeyPair {
  readonly name: string
  readonly content: string
}

/** What a site decides. */
export interface Limits {
  readonly personality: number
  /** Of the base64 of one file, in characters. */
  readonly personalityCharacters: number
  readonly keyPairs: number
  readonly metadata: number
  readonly servers: number
}
