import type { Context } from '../model/context.ts'
import type { ContextEvent } from '../model/events.ts'

/** What a guest is to be told. */
export interface Found {
  readonly context: Context
  readonly revision: number
  /** The newest revision of which it is on record that the guest fetched the user data from our metadata server. */
  readonly fetchedRevision?: number
  /** Whether nothing is on record by which the guest may have this revision: it works with a former one. Absent: nobody knows. */
  readonly hasFormer?: boolean
  /** SHA-256 in hex of the message that its cloud gave it in the place of its user data. */
  readonly wrappedSha256?: string
}

/** Where deliveries learn what to tell a guest. Answers from our own store alone, never from a cloud. */
export interface ContextSource {
  find(instanceId: string): Promise<Found | undefined>
}

/** Takes events off the hot path: `record` returns at once, never throws, and keeps their order. */
export interface Recorder {
  record(event: ContextEvent): void
}

/** The metadata server as the service uses it: one Unix socket per instance, which is the guest's identity. */
export interface MetadataDelivery {
  /** Makes the instance's socket and listens on it; again after a restart, for instances that outlived it. */
  offer(instanceId: string): Promise<{ readonly socketPath: string }>
  /** Closes and removes the instance's socket and forgets what was rendered for it. No error when there is none. */
  withdraw(instanceId: string): Promise<void>
  /** Forgets what was rendered for the instance: its context has a new revision. */
  refresh(instanceId: string): void
}
