import type { Context } from '../model/context.ts'
import type { Call } from '../providers/provider.ts'

/** Where a guest asks from: an address of a network, both as its front end spells them. */
export interface Seat {
  readonly network: string
  readonly address: string
}

/** What a front end knows of one guest, as it was read. */
export interface GuestRecord {
  /** The same for the same content. */
  readonly fingerprint: string
  /** An estimate of the memory that it takes. */
  readonly sizeBytes: number
  /** What to tell it there; `undefined` where it does not have that address. */
  contextAt(seat: Seat): Context | undefined
}

/**
 * A front end of a cloud that is not ours, read only. To add one: a file here, one line in `src/cli/metadata.ts`.
 *
 * @throws {CloudError} from both: whatever keeps it from answering
 */
export interface GuestRecords {
  /** Who has which address of a network now: the guest's id by address. Ids are words without blanks. */
  guestsOf(network: string, call: Call): Promise<ReadonlyMap<string, string>>
  /** @returns `undefined` for one that is not to be told anything: it does not run, or is gone */
  guest(id: string, call: Call): Promise<GuestRecord | undefined>
}

/** How old what guests are told may be, and how hard a front end is asked. */
export interface Freshness {
  /** Addresses are read again so often. */
  readonly pollMs: number
  /** For an address that is not known they are read at once, but not more often than this. */
  readonly lookMs: number
  /** A guest's record that is older is read again before it is told of again. */
  readonly recordMs: number
  /** While the front end does not answer, what was read last is told so long. */
  readonly keepMs: number
  /** No guest waits longer for the front end. */
  readonly patienceMs: number
  /** One call to the front end may take so long. */
  readonly callMs: number
  /** For records that were read. */
  readonly keptMaxBytes: number
}

/** What suits a front end with some thousand guests. */
export const FRESHNESS: Freshness = {
  pollMs: 3000,
  lookMs: 1000,
  recordMs: 10_000,
  keepMs: 3_600_000,
  patienceMs: 3000,
  callMs: 20_000,
  keptMaxBytes: 128 * 1024 * 1024,
}
