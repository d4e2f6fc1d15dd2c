import type { Context, InstanceFacts, NetworkConfig } from '../model/context.ts'
import type { DeliveryMethod, Evidence } from '../model/events.ts'
import type { Files } from '../model/files.ts'
import type { Action, Caller, Image, InstanceSpec, InstanceState, Size } from '../model/instance.ts'
import type { NetworkAction, NetworkSpec, NetworkState } from '../model/network.ts'
import type { Plan } from '../model/plan.ts'
import type { VolumeAction, VolumeState } from '../model/volume.ts'

/** Whose rights a call uses, and how long it may take. A driver must stop when `signal` fires. */
export interface Call {
  readonly signal: AbortSignal
  /** Milliseconds since the epoch. */
  readonly deadline: number
  readonly credential?: { readonly token: string }
}

/** What a user can ask a guest to be told, by the name that he knows it by. */
export type Wish = keyof Context & keyof InstanceSpec

/** One of several layouts that a cloud can write, of which each guest gets a single one. */
export interface LayoutOption {
  readonly layout: string
  /** What makes the cloud write it, for people: `StratusLab's method one`. */
  readonly title: string
  /** Names of the formats of user data that are for the programs that read this one, and for no others. */
  readonly formats: readonly string[]
  readonly carries: readonly Wish[]
  /** What it would spoil, and what to do instead, for people: then it is refused. */
  readonly refuses?: { readonly binary?: string; readonly variables?: string }
  /** What some guests lose where the user wishes for this, for people: a warning. */
  readonly doubts?: Readonly<Partial<Record<Wish, string>>>
  readonly userDataMaxBytes: number
  /** Why it is the one where nothing else decides, for people. */
  readonly why: string
}

/** One way in which data can reach this provider's guests. */
export interface DeliveryCapability {
  readonly method: DeliveryMethod
  /** Who carries it: the cloud in its own way, or Bellhop (layouts and deliveries of ours). */
  readonly by: 'provider' | 'bellhop'
  /** Names of the layouts that the guests can read there, best first. */
  readonly layouts: readonly string[]
  /** Where a guest gets but one of them: which, and when; the usual one first. Its limits and what it carries count. */
  readonly oneOf?: readonly [LayoutOption, ...LayoutOption[]]
  /** Where the cloud carries it: what of the user's wishes reaches the guest. Absent: nobody knows. */
  readonly carries?: readonly Wish[]
  /** It has room for a host name of one label: what stands behind a dot is lost. */
  readonly hostnameIsLabel?: true
  readonly userDataMaxBytes: number
  readonly evidence: readonly Evidence[]
  /** Bellhop's disks only. */
  readonly disk?: { readonly format: 'iso' | 'vfat'; readonly label: string }
  /** It changes what is the machine's own: planned where no other way fits, or where the user asks for it. */
  readonly isLastResort?: true
}

/** What of the user's own files reaches a guest, where the cloud carries them in its own way. */
export interface FilesCapability {
  readonly max: number
  readonly eachMaxBytes: number
  readonly pathMaxCharacters: number
  /** What it carries of a file beside path and bytes. */
  readonly carries: readonly ('mode' | 'owner' | 'group')[]
}

/** What a provider can do, as data: no caller ever asks for a provider's name. */
export interface Capabilities {
  /** In the order in which its guests try them. */
  readonly deliveries: readonly DeliveryCapability[]
  readonly actions: readonly Action[]
  /** How long after a lost answer `find` may still miss an instance that exists, in milliseconds. */
  readonly settleMs: number
  /** How an instance that is there gets other user data, if it can. */
  readonly update: 'live' | 'rebuild' | false
  /** Every call needs its caller's own token; absent: the site's credential is used for all. */
  readonly rights?: 'caller'
  /** How long its guests may take until they are seen, in milliseconds, where that is longer than usual. */
  readonly signWithinMs?: number
  /** How often a console may be read at most, in milliseconds; absent: as often as we like. */
  readonly consoleEveryMs?: number
  /** So many public keys reach a guest; absent: all. */
  readonly keysMax?: number
  /** Absent: all of the user's files reach the guest whole. */
  readonly files?: FilesCapability
  /** What a user can do about keys and files that do not fit, for people. */
  readonly otherWays?: string
}

/** A delivery of ours, made ready before the boot. The provider only attaches it. */
export type Offer =
  | { readonly method: 'metadata'; readonly socketPath: string }
  | { readonly method: 'disk'; readonly image: Uint8Array; readonly format: 'iso' | 'vfat' }
  | { readonly method: 'injection'; readonly files: Files }

/** One of these that is a disk. */
export type DiskOffer = Extract<Offer, { readonly method: 'disk' }>

/** What a provider needs to start an instance; `id` is ours and must be findable afterwards. */
export interface CreateRequest {
  readonly id: string
  readonly spec: InstanceSpec
  readonly image: Image
  readonly size: Size
  readonly plan: Plan
  readonly offers: readonly Offer[]
  /** What it has from its first boot on. */
  readonly volumes?: readonly VolumeAttachment[]
  readonly networks?: readonly NetworkAttachment[]
}

/** A volume to be attached; `linkId` is ours and names the attachment. */
export interface VolumeAttachment {
  readonly linkId: string
  readonly volumeRemoteId: string
}

/** A network card to be made; `linkId` is ours and names the card. */
export interface NetworkAttachment {
  readonly linkId: string
  readonly networkRemoteId: string
  /** The user's wish; the provider chooses one where there is none. */
  readonly mac?: string
  /** Set where we number the guests (see {@link NetworkGroup.numberedBy}), else the user's wish. */
  readonly address?: string
  readonly prefixLength?: number
  readonly gateway?: string
}

/** What became of an attachment. */
export interface Attached {
  readonly linkId: string
  /** What the guest calls the device (`vdb`, `eth1`), as far as that can be known. */
  readonly device?: string
  readonly mac?: string
  readonly address?: string
  readonly gateway?: string
}

/** A volume as its cloud tells of it. */
export interface RemoteVolume {
  readonly remoteId: string
  /** Our id, where the cloud keeps it for us. */
  readonly ourId?: string
  readonly state: VolumeState
  readonly reason?: string
  readonly sizeBytes: number
}

/** A network as its cloud tells of it. */
export interface RemoteNetwork {
  readonly remoteId: string
  /** Our id, where the cloud keeps it for us. */
  readonly ourId?: string
  readonly state: NetworkState
  readonly reason?: string
  readonly cidr?: string
  readonly gateway?: string
}

/** A network that the provider has for all. `name` is ours: `<provider>-<slug>`, stable across restarts. */
export interface SharedNetwork extends RemoteNetwork {
  readonly name: string
  readonly provider: string
  readonly title: string
  /** Every machine is on it, asked for or not, by a card that cannot be taken away. */
  readonly isFixed?: true
  /** Nobody is on it without asking for it. */
  readonly onlyAsked?: true
}

/**
 * Disks that outlive instances. `attach` and `detach` work on instances that run and on such as do not; both may be
 * repeated, and so may `create` with the same id.
 */
export interface VolumeGroup {
  /** Those that it can do. */
  readonly actions: readonly VolumeAction[]
  create(
    request: { readonly id: string; readonly name?: string; readonly sizeBytes: number },
    call: Call,
  ): Promise<RemoteVolume>
  find(ourId: string, call: Call): Promise<RemoteVolume | undefined>
  get(remoteId: string, call: Call): Promise<RemoteVolume>
  /** @param sizeBytes with `resize` only @throws {CloudError} conflict when the state does not allow it */
  act(remoteId: string, action: VolumeAction, call: Call, sizeBytes?: number): Promise<void>
  /** Deleting what is gone is no error. @throws {CloudError} conflict when it is attached */
  delete(remoteId: string, call: Call): Promise<void>
  /** @throws {CloudError} conflict when it is offline or another instance has it */
  attach(instanceRemoteId: string, attachment: VolumeAttachment, call: Call): Promise<Attached>
  /** @throws {CloudError} conflict when the guest does not let go of it */
  detach(instanceRemoteId: string, attachment: VolumeAttachment, call: Call): Promise<void>
}

/** Networks and the cards on them; as with volumes, everything may be repeated. */
export interface NetworkGroup {
  /** Those that it can do. */
  readonly actions: readonly NetworkAction[]
  /** Who gives guests their addresses on networks that users make: we, within `cidr`, or the cloud. */
  readonly numberedBy: 'bellhop' | 'provider'
  shared(call: Call): Promise<readonly SharedNetwork[]>
  create(request: { readonly id: string } & Omit<NetworkSpec, 'labels'>, call: Call): Promise<RemoteNetwork>
  find(ourId: string, call: Call): Promise<RemoteNetwork | undefined>
  get(remoteId: string, call: Call): Promise<RemoteNetwork>
  /** @throws {CloudError} conflict when the state does not allow it, unsupported for a network that is for all */
  act(remoteId: string, action: NetworkAction, call: Call): Promise<void>
  /** Deleting what is gone is no error. @throws {CloudError} conflict when a machine is on it */
  delete(remoteId: string, call: Call): Promise<void>
  attach(instanceRemoteId: string, attachment: NetworkAttachment, call: Call): Promise<Attached>
  /** @throws {CloudError} conflict when the guest does not let go of it, unsupported for a card that must stay */
  detach(instanceRemoteId: string, attachment: NetworkAttachment, call: Call): Promise<void>
}

/** Who gives people tokens for a cloud, and tells whose they are: its Keystone. */
export interface TokenIssuer {
  /** Its address, without version and without slash at its end: begins its users' and projects' names here. */
  readonly issuer: string
  /**
   * Whom a token stands for; with the token itself as his credential.
   *
   * @throws {CloudError} unauthenticated when it is refused; unavailable, timeout, rate-limited, provider-failed
   */
  caller(token: string, call: Call): Promise<Caller>
}

/** An image to be made of an instance. */
export interface SaveRequest {
  readonly id: string
  readonly title: string
  readonly project: string
  /** `deferred` (default) may stop what runs for a moment, `hot` must not. */
  readonly method?: 'hot' | 'deferred'
}

/** What an instance is to have in place of what it was made with. */
export interface ContextUpdate {
  /** The one that it runs from. */
  readonly image: Image
  /** Absent: none any more. */
  readonly userData?: Uint8Array
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
  /** What the cloud itself tells the guest of it, as far as it is known. */
  readonly facts?: Partial<InstanceFacts>
  /** What became of the attachments of its request, or of later ones. */
  readonly attached?: readonly Attached[]
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
  /**
   * Takes away whatever bears the id of an instance that nobody wants any more: what was made for a machine that is not
   * there, and a machine that was made twice. No error when there is nothing; absent where nothing can be left.
   *
   * @param keep the machine that stays, with all that it needs
   */
  discard?(ourId: string, call: Call, keep?: string): Promise<void>
  readonly volumes?: VolumeGroup
  readonly networks?: NetworkGroup
  /** Absent where the cloud gives no tokens that callers could come with. */
  readonly tokens?: TokenIssuer
  /**
   * What the guest's cards will be, where that is known before the boot: then disks can tell the guest.
   */
  foresee?(request: Pick<CreateRequest, 'id' | 'networks'>): NetworkConfig
  /**
   * Makes an image of an instance's disk, which its project alone has.
   *
   * @param request `id` is ours: the same again gives the same image @throws {CloudError} unsupported when it has no disk
   */
  saveImage?(remoteId: string, request: SaveRequest, call: Call): Promise<Image>
  /**
   * Deletes an image that was saved from an instance; deleting what is gone is no error.
   *
   * @throws {CloudError} conflict while an instance or another image needs it, unsupported for one that is for all
   */
  deleteImage?(remoteId: string, call: Call): Promise<void>
  /**
   * Gives an instance other user data, in the way that `update` of its capabilities says: a rebuild begins the disk anew from
   * the image. The same again does no harm.
   *
   * @throws {CloudError} conflict when the state does not allow it, too-large
   */
  updateContext?(remoteId: string, update: ContextUpdate, call: Call): Promise<void>
  /**
   * Puts a disk of ours in the place of the one that an instance was made with. A guest that runs keeps what it has until it is
   * started, or restarted, through us. The same again does no harm. Absent where disks stay as they were made.
   *
   * @throws {CloudError} unsupported when it was made without one
   */
  renewDisk?(remoteId: string, disk: DiskOffer, call: Call): Promise<void>
  /** Console text from byte `from` on, and where the next read goes on. */
  console?(remoteId: string, from: number, call: Call): Promise<{ readonly text: string; readonly next: number }>
  /** Lets go of what it holds in this process (never of instances). */
  close?(): Promise<void>
}
