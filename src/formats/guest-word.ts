import type { DeliveryMethod, EventKind, EventSource } from '../model/events.ts'

/** What a guest said of its data. Nothing in it is the user's: details are ours, or bounded lines of our own programs. */
export interface GuestWord {
  /** Who spoke, where the words tell. */
  readonly speaker?: Extract<EventSource, 'demo-guest' | 'cloud-init' | 'agent'>
  readonly kind: Extract<EventKind, 'fetched' | 'applied' | 'failed' | 'finished' | 'state'>
  readonly method?: Exclude<DeliveryMethod, 'provider'>
  /** Where the guest found the data, as it says. */
  readonly path?: string
  readonly bytes?: number
  /** SHA-256 in hex of the bytes that the guest read. */
  readonly sha256?: string
  readonly exitCode?: number
  /** What its SSH server shows clients: type and base64 of each key. */
  readonly hostKeys?: readonly string[]
  /** One line for people, of at most {@link DETAIL_MAX_CHARACTERS}. */
  readonly detail?: string
}

/** A detail has at most so many characters. */
export const DETAIL_MAX_CHARACTERS = 200
