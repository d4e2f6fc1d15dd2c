import type { EventKind } from './events.ts'
import type { InstanceState } from './instance.ts'

/** Where a project wants to be told what happens to its instances. */
export interface Webhook extends WebhookProgress {
  readonly id: string
  readonly subject: string
  readonly project: string
  readonly url: string
  /** Events of other kinds are not told. */
  readonly kinds: readonly EventKind[]
  /** Signs what is sent; only its receiver knows it beside us. */
  readonly secret: Uint8Array
  readonly createdAt: number
  /** Which process tells its events, and until when it alone does, in milliseconds since the epoch. */
  readonly lease?: { readonly holder: string; readonly untilMs: number }
}

/** How far a webhook has come. */
export interface WebhookProgress {
  /** The place, in the order of all events, of the last one before which nothing is left to be told. */
  readonly after: number
  /** `off`: its receiver said that it wants no more. */
  readonly state: 'on' | 'off'
  /** Tries that failed since the last one that did not. */
  readonly failures: number
  /** When it is tried again, in milliseconds since the epoch; absent: at once. */
  readonly nextAt?: number
  /** Why the last try failed, for people. */
  readonly reason?: string
  /** Events that could not be told in time, and are told no more. */
  readonly missed: number
}

/** The instance that an event is of, as it is now. */
export interface ToldInstance {
  readonly id: string
  readonly name?: string
  readonly provider: string
  readonly state: InstanceState
}
