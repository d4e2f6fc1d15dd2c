import type { ContextEvent } from '../model/events.ts'
import type { Image, Instance, Size } from '../model/instance.ts'

/** Which instances: each field narrows. */
export interface InstanceFilter {
  readonly project?: string
  readonly provider?: string
  readonly states?: readonly Instance['state'][]
}

/**
 * A change of an instance; fields that are absent stay as they are, but a new `state` drops the old `reason`. A new
 * `spec` is whole (never one from `listInstances`, which lacks its bytes) and renews `userDataSha256`.
 */
export type InstanceChange = Partial<
  Pick<Instance, 'remoteId' | 'state' | 'reason' | 'revision' | 'facts' | 'network' | 'updatedAt' | 'spec'>
>

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
   * @param idempotencyKey one client's retries carry the same; kept per project
   * @returns the instance that is kept: an earlier one where the project used this key before
   * @throws {CloudError} conflict when the id exists, or the key was used for other user data, image, size or name, or
   *   for an instance that was deleted
   */
  insertInstance(instance: Instance, events: readonly ContextEvent[], idempotencyKey?: string): Promise<Instance>
  /** @throws {CloudError} not-found */
  updateInstance(id: string, change: InstanceChange, events?: readonly ContextEvent[]): Promise<Instance>
  /**
   * Forgets the instance's data but not that it was: its events stay until `pruneEvents`, and so does its idempotency key.
   * No error when it is gone.
   *
   * @param neverWas it was refused, so its key may be used again
   */
  deleteInstance(id: string, events?: readonly ContextEvent[], neverWas?: boolean): Promise<void>
  getInstance(id: string): Promise<Instance | undefined>
  /** Oldest first. The specs hold no user data and no files: ask `getInstance` for these. */
  listInstances(filter: InstanceFilter): Promise<readonly Instance[]>
  appendEvents(events: readonly ContextEvent[]): Promise<void>
  /** In the order in which they were recorded. */
  listEvents(instanceId: string): Promise<readonly ContextEvent[]>
  /** Forgets deleted instances whose last event is older than `beforeMs` (epoch): their events and idempotency keys. */
  pruneEvents(beforeMs: number): Promise<void>
  /**
   * Takes the lease on an unfinished instance so that one node alone mends it.
   *
   * @returns whether the lease is ours until `untilMs` (epoch)
   */
  lease(instanceId: string, holder: string, untilMs: number): Promise<boolean>
  release(instanceId: string, holder: string): Promise<void>
  /** Names that were given to a provider's images and sizes; a name once given keeps its meaning. */
  nameTemplates<T extends Image | Size>(kind: 'image' | 'size', found: readonly T[]): Promise<readonly T[]>
  /** A secret that all nodes share and that survives restarts (32 random bytes, made at first use). */
  secret(name: string): Promise<Uint8Array>
  /** What the guest made its password and left for its owner, encrypted; it goes with its instance. */
  guestPassword(instanceId: string): Promise<Uint8Array | undefined>
  /** @returns false where there is one already, or no such instance */
  keepGuestPassword(instanceId: string, bytes: Uint8Array): Promise<boolean>
  close(): Promise<void>
}
