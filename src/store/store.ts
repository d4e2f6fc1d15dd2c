import type { StoredDocument } from '../model/document.ts'
import type { ContextEvent, EventKind } from '../model/events.ts'
import type { Image, Instance, Size } from '../model/instance.ts'
import type { Link } from '../model/link.ts'
import type { Network } from '../model/network.ts'
import type { Volume } from '../model/volume.ts'
import type { ToldInstance, Webhook, WebhookProgress } from '../model/webhook.ts'

/** Which instances: each field narrows. */
export interface InstanceFilter {
  readonly project?: string
  readonly provider?: string
  /** The cloud's own id; only with `provider`. */
  readonly remoteId?: string
  readonly states?: readonly Instance['state'][]
}

/**
 * A change of an instance; fields that are absent stay as they are, but a new `state` drops the old `reason`. A new
 * `spec` is whole (never one from `listInstances`, which lacks its bytes) and renews `userDataSha256`.
 */
export type InstanceChange = Partial<
  Pick<
    Instance,
    | 'remoteId'
    | 'state'
    | 'reason'
    | 'revision'
    | 'facts'
    | 'guestId'
    | 'network'
    | 'consoleFrom'
    | 'updatedAt'
    | 'spec'
    | 'plan'
  >
>

/** What there is beside instances, by its kind. */
export interface Resources {
  readonly volume: Volume
  readonly network: Network
  readonly link: Link
}

/** Fields that are absent stay as they are; those that are `undefined` are dropped. */
export type ResourceChange<R> = { readonly [P in keyof R]?: R[P] | undefined }

/** Which resources: each field narrows; `instanceId`, `targetId` (a volume's or network's id) are of links only. */
export interface ResourceFilter {
  readonly project?: string
  readonly provider?: string
  readonly states?: readonly string[]
  readonly instanceId?: string
  readonly targetId?: string
}

/** Whose documents, and of what sort. */
export type DocumentFilter = Pick<StoredDocument, 'sort' | 'project' | 'subject'>

/** The bytes stay where they are absent; `null` drops them. */
export interface DocumentChange extends Pick<StoredDocument, 'body' | 'updatedAt'> {
  readonly bytes?: Uint8Array | null
}

/** A part of a timeline: events are only ever added, so the place of each, from 1, names it. */
export interface EventRange {
  /** The place of the last event before it (default 0). */
  readonly after?: number
  /** So many at most; absent: all. */
  readonly limit?: number
}

/** Some of a project's events, deleted instances' too, by their sequence: the order in which all events were recorded. */
export interface ProjectEventRange {
  readonly project: string
  readonly kinds: readonly EventKind[]
  /** The sequence of the last event before it. */
  readonly after: number
  /** The sequence of its last event. */
  readonly upTo: number
  /** So many at most. */
  readonly limit: number
}

/** An event, with what a stranger needs to understand it. */
export interface ProjectEvent {
  readonly sequence: number
  /** Its place in the timeline of its instance, from 1. */
  readonly place: number
  readonly event: ContextEvent
  readonly instance: ToldInstance
}

/** What {@link Store.listEventsToTell} found. */
export interface EventsToTell {
  readonly events: readonly ProjectEvent[]
  /** The range has been read up to this sequence. */
  readonly upTo: number
}

/** How an instance is inserted. */
export interface InsertOptions {
  /** One client's retries carry the same; kept per project. */
  readonly idempotencyKey?: string
  /** Come with the instance, or not at all. */
  readonly links?: readonly Link[]
  /** Held from the first moment on, as by {@link Store.lease}: nobody mends what is just being made. */
  readonly lease?: { readonly holder: string; readonly untilMs: number }
}

/**
 * Where Bellhop keeps what it must not forget. What a method has resolved is on the disk (or with the database).
 *
 * To add one: a file here, and its lines in `test/conformance/store.test.ts`. User data is kept with the instance and
 * goes with it.
 */
export interface Store {
  /**
   * Records a new instance and its first events, before any provider is asked.
   *
   * @returns the instance that is kept: an earlier one where the project used this key before
   * @throws {CloudError} conflict when the id exists or ever did, when the key was used for other user data, image, size,
   *   name or wishes how the data are delivered, or for an instance that was deleted, and as {@link Store.insertResource} for the links
   */
  insertInstance(instance: Instance, events: readonly ContextEvent[], options?: InsertOptions): Promise<Instance>
  /**
   * @param unless in this state nothing of it is changed and no event recorded: what was seen a moment ago must not undo it
   * @returns the instance as it is then
   * @throws {CloudError} not-found
   */
  updateInstance(
    id: string,
    change: InstanceChange,
    events?: readonly ContextEvent[],
    unless?: Instance['state'],
  ): Promise<Instance>
  /**
   * Forgets the instance's data but not that it was: its events stay until `pruneEvents`, and so does its idempotency key.
   * Its links go with it. No error when it is gone.
   *
   * @param neverWas it was refused: nothing of it is kept, and its id and key may be used again
   */
  deleteInstance(id: string, events?: readonly ContextEvent[], neverWas?: boolean): Promise<void>
  getInstance(id: string): Promise<Instance | undefined>
  /** Oldest first. The specs hold no user data and no files: ask `getInstance` for these. */
  listInstances(filter: InstanceFilter): Promise<readonly Instance[]>
  appendEvents(events: readonly ContextEvent[]): Promise<void>
  /** In the order in which they were recorded. @param range costs what it holds, however long the timeline is */
  listEvents(instanceId: string, range?: EventRange): Promise<readonly ContextEvent[]>
  /** Those of all instances of a project that are still there, by instance: lists ask once. */
  listProjectEvents(project: string): Promise<ReadonlyMap<string, readonly ContextEvent[]>>
  /** The newest revision of which there is an event that our metadata server saw its user data fetched. */
  fetchedRevision(instanceId: string): Promise<number | undefined>
  /**
   * Records a volume, network or link.
   *
   * @throws {CloudError} conflict when the id exists, when a link's volume is attached already, or its static address is taken
   *   on its network; not-found when a link's instance is not there
   */
  insertResource<K extends keyof Resources>(kind: K, resource: Resources[K]): Promise<void>
  /**
   * A new `state` drops the old `reason`.
   *
   * @throws {CloudError} not-found; conflict when a link's new address is taken on its network
   */
  updateResource<K extends keyof Resources>(
    kind: K,
    id: string,
    change: ResourceChange<Resources[K]>,
  ): Promise<Resources[K]>
  /** No error when it is gone. */
  deleteResource(kind: keyof Resources, id: string): Promise<void>
  getResource<K extends keyof Resources>(kind: K, id: string): Promise<Resources[K] | undefined>
  /** Oldest first. */
  listResources<K extends keyof Resources>(kind: K, filter: ResourceFilter): Promise<readonly Resources[K][]>
  /** What a front end keeps for a project, by key. */
  listProjectLabels(project: string): Promise<Readonly<Record<string, string>>>
  /** @returns false where the key is taken: it stays as it is */
  addProjectLabel(project: string, key: string, value: string): Promise<boolean>
  /** No error when it is gone. */
  deleteProjectLabel(project: string, key: string): Promise<void>
  /**
   * Records what a front end keeps for a user.
   *
   * @param max how many of this sort one owner (a project's subject) may have
   * @throws {CloudError} conflict when the id exists, or the owner has `max` of them already
   */
  insertDocument(document: StoredDocument, max: number): Promise<void>
  /** @throws {CloudError} not-found */
  updateDocument(id: string, change: DocumentChange): Promise<StoredDocument>
  /** No error when it is gone. */
  deleteDocument(id: string): Promise<void>
  /** With its bytes. */
  getDocument(id: string): Promise<StoredDocument | undefined>
  /** Oldest first, without their bytes: ask `getDocument` for these. */
  listDocuments(filter: DocumentFilter): Promise<readonly StoredDocument[]>
  /** Forgets deleted instances whose last event is older than `beforeMs` (epoch): their events and idempotency keys. */
  pruneEvents(beforeMs: number): Promise<void>
  /**
   * Takes the lease on an unfinished instance so that one node alone mends it.
   *
   * @returns whether the lease is ours until `untilMs` (epoch)
   */
  lease(instanceId: string, holder: string, untilMs: number): Promise<boolean>
  release(instanceId: string, holder: string): Promise<void>
  /** Names that were given to a provider's images, sizes and networks; a name once given keeps its meaning. */
  nameTemplates<T extends Pick<Image | Size, 'name' | 'provider' | 'remoteId' | 'title'>>(
    kind: 'image' | 'size' | 'network',
    found: readonly T[],
  ): Promise<readonly T[]>
  /** A secret that all nodes share and that survives restarts (32 random bytes, made at first use). */
  secret(name: string): Promise<Uint8Array>
  /** What the guest made its password and left for its owner, encrypted; it goes with its instance. */
  guestPassword(instanceId: string): Promise<Uint8Array | undefined>
  /** @returns false where there is one already, or no such instance */
  keepGuestPassword(instanceId: string, bytes: Uint8Array): Promise<boolean>
  /**
   * Records a webhook, which begins behind the newest event.
   *
   * @param max how many a project may have
   * @throws {CloudError} conflict when it has `max` of them already
   */
  insertWebhook(webhook: Omit<Webhook, keyof WebhookProgress>, max: number): Promise<Webhook>
  /** Oldest first. @param project absent: of all */
  listWebhooks(project?: string): Promise<readonly Webhook[]>
  /**
   * Takes the lease on a webhook so that one process alone tells its events.
   *
   * @returns the webhook as it is then, where the lease is ours until `untilMs` (epoch)
   */
  leaseWebhook(id: string, holder: string, untilMs: number): Promise<Webhook | undefined>
  /** All that the holder has. */
  releaseWebhooks(holder: string): Promise<void>
  /**
   * @param holder has taken the webhook's lease; that it ran out matters only once another took it
   * @returns false where nothing was changed: it is another's or gone, or has come further already
   */
  updateWebhook(id: string, holder: string, progress: WebhookProgress): Promise<boolean>
  /** No error when it is gone. */
  deleteWebhook(id: string): Promise<void>
  /** The sequence of the newest event; 0: there is none. */
  newestEvent(): Promise<number>
  /** In the order in which they were recorded. */
  listEventsToTell(range: ProjectEventRange): Promise<EventsToTell>
  close(): Promise<void>
}
