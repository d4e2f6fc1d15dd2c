import type { Context } from '../model/context.ts'
import type { ContextEvent } from '../model/events.ts'

/** Where deliveries learn what to tell a guest. Answers from our own store alone, never from a cloud. */
export interface ContextSource {
  find(instanceId: string): Promise<{ readonly context: Context; readonly revision: number } | undefined>
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
