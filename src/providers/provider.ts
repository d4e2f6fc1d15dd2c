import type { NetworkConfig } from '../model/context.ts'
import type { DeliveryMethod } from '../model/events.ts'
import type { Files } from '../model/files.ts'
import type { Action, Image, InstanceSpec, InstanceState, Size } from '../model/instance.ts'
import type { Evidence, Plan } from '../model/plan.ts'

/** Whose rights a call uses, and how long it may take. A driver must stop when `signal` fires. */
export interface Call {
  readonly signal: AbortSignal
  /** Milliseconds since the epoch. */
  readonly deadline: number
  readonly credential?: { readonly token: string }
}

/** One way in which data can reach this provider's guests. */
export interface DeliveryCapability {
  readonly method: DeliveryMethod
  /** Who carries it: the cloud in its own way, or Bellhop (layouts and deliveries of ours). */
  readonly by: 'provider' | 'bellhop'
  /** Names of the layouts that the guests can read there, best first. */
  readonly layouts: readonly string[]
  readonly userDataMaxBytes: number
  readonly evidence: readonly Evidence[]
  /** Bellhop's disks only. */
  readonly disk?: { readonly format: 'iso' | 'vfat'; readonly label: string }
}

/** What a provider can do, as data: no caller ever asks for a provider's name. */
export interface Capabilities {
  /** In the order in which its guests try them. */
  readonly deliveries: readonly DeliveryCapability[]
  readonly actions: readonly Action[]
  /** How long after a lost answer `find` may still miss an instance that exists, in milliseconds. */
  readonly settleMs: number
  readonly update: 'live' | 'rebuild' | false
}

/** A delivery of ours, made ready before the boot. The provider only attaches it. */
export type Offer =
  | { readonly method: 'metadata'; readonly socketPath: string }
  | { readonly method: 'disk'; readonly image: Uint8Array; readonly format: 'iso' | 'vfat' }
  | { readonly method: 'injection'; readonly files: Files }

/** What a provider needs to start an instance; `id` is ours and must be findable afterwards. */
export interface CreateRequest {
  readonly id: string
  readonly spec: InstanceSpec
  readonly image: Image
  readonly size: Size
  readonly plan: Plan
  readonly offers: readonly Offer[]
}

/** An instance as its cloud tells of it. */
export interface RemoteInstance {
  readonly remoteId: string
  /** Our id, where the cloud keeps it for us. */
  readonly ourId?: string
  readonly state: InstanceState
  /** Why it is in `error`. */
  readonly reason?: string
  readonly network?: NetworkConfig
}

/**
 * A cloud that runs instances. To add one: a folder here, one line in `./index.ts`, its lines in
 * `test/conformance/provider.test.ts`.
 *
 * Every method may throw {@link CloudError}: `not-found`, `conflict` (state or quota), `unavailable` and `timeout` (the
 * outcome of a `create` is then unknown, and `find` settles it), `provider-failed`.
 */
export interface Provider {
  readonly name: string
  readonly capabilities: Capabilities
  images(call: Call): Promise<readonly Image[]>
  sizes(call: Call): Promise<readonly Size[]>
  create(request: CreateRequest, call: Call): Promise<RemoteInstance>
  /** By our id; `undefined` where the cloud has none with it (within `settleMs` that proves nothing). */
  find(ourId: string, call: Call): Promise<RemoteInstance | undefined>
  get(remoteId: string, call: Call): Promise<RemoteInstance>
  list(call: Call): Promise<readonly RemoteInstance[]>
  /** @param method the client's variant of the action (`graceful`, `acpioff`, `cold` …), where he named one */
  act(remoteId: string, action: Action, call: Call, method?: string): Promise<void>
  /** Leaves nothing behind; deleting what is gone is no error. */
  delete(remoteId: string, call: Call): Promise<void>
  /** Console text from byte `from` on, and where the next read goes on. */
  console?(remoteId: string, from: number, call: Call): Promise<{ readonly text: string; readonly next: number }>
  /** Lets go of what it holds in this process (never of instances). */
  close?(): Promise<void>
}
