import type { InjectedFile, InstanceFacts, NetworkConfig, PublicKey } from './context.ts'
import type { LinkSpec } from './link.ts'
import type { Plan } from './plan.ts'

/** A state that every cloud can be mapped to; `unknown` is a value, not a crash. */
export type InstanceState =
  | 'creating'
  | 'active'
  | 'inactive'
  | 'suspended'
  | 'deleting'
  | 'deleted'
  | 'error'
  | 'unknown'

/** What can be done to an instance, in our words. `method` variants (OCCI's graceful, acpioff) are given beside it. */
export type Action = 'start' | 'stop' | 'restart' | 'suspend' | 'resume'

/** Who asks: subject and project are `<issuer>/<id>`, so two issuers may both have `admin`. */
export interface Caller {
  readonly subject: string
  readonly project: string
  /** `reader` sees his project's instances, `member` also changes them. */
  readonly role: 'reader' | 'member'
  /** Where he came with a cloud's own token. */
  readonly credential?: Credential
}

/** A cloud's own token, for the calls of one request alone: never stored, never logged. */
export interface Credential {
  /** Who gave it: begins the caller's subject and project. */
  readonly issuer: string
  readonly token: string
}

/** An image that instances start from. `name` is ours: `<provider>-<slug>`, stable across restarts. */
export interface Image {
  readonly name: string
  readonly provider: string
  readonly remoteId: string
  readonly title: string
  /** The only project that has it: one that was saved from an instance may hold secrets. Absent: all have it. */
  readonly project?: string
}

/** A size of instance, named as images are. */
export interface Size {
  readonly name: string
  readonly provider: string
  readonly remoteId: string
  readonly title: string
  readonly cores: number
  readonly memoryMiB: number
  readonly diskGiB?: number
}

/** What a user asks for. The user's bytes are decoded; `image` and `size` are our names, or a cloud's unique id. */
export interface InstanceSpec {
  readonly name?: string
  readonly hostname?: string
  readonly image?: string
  readonly size?: string
  readonly userData?: Uint8Array
  readonly publicKeys: readonly PublicKey[]
  readonly variables: Readonly<Record<string, string>>
  readonly files: readonly InjectedFile[]
  /** What the user says his data are: the name of a format, which outranks what the bytes look like. */
  readonly userDataFormat?: string
  /** What it is joined to from its first boot on. */
  readonly links?: readonly LinkSpec[]
  /** Which delivery the user insists on; absent: as the plan decides. */
  readonly by?: 'metadata' | 'disk' | 'injection'
  /** The user wants nothing of ours in the guest: nothing there is told to report. */
  readonly tracking?: false
  /** He wants his data wrapped together with what is ours, where that cannot stand beside them. */
  readonly wrap?: true
  /** What a front end must be able to give back as it was (mixins carried, a title no hostname can hold). */
  readonly labels: Readonly<Record<string, string>>
}

/** One instance as we keep it. `id` is ours, minted before any call; `remoteId` the cloud's, once known. */
export interface Instance {
  readonly id: string
  readonly provider: string
  readonly remoteId?: string
  readonly subject: string
  readonly project: string
  readonly state: InstanceState
  /** Why it is in `error`, for people. */
  readonly reason?: string
  readonly spec: InstanceSpec
  readonly image: Image
  readonly size: Size
  readonly plan: Plan
  /** Counts the changes of the guest's context, from 1. */
  readonly revision: number
  readonly facts: InstanceFacts
  /** What its guest reads as its id in the place of ours, since its data were to be applied anew. A UUID in lower case. */
  readonly guestId?: string
  readonly network?: NetworkConfig
  /** The byte of its console behind which its guest speaks of this revision; absent: from the beginning on. */
  readonly consoleFrom?: number
  /** SHA-256 in hex of the user's bytes, taken at the door. */
  readonly userDataSha256?: string
  readonly createdAt: number
  readonly updatedAt: number
}
