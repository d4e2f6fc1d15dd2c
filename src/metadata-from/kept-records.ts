import { createBoundedCache } from '../deliveries/metadata-cache.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import type { Freshness, GuestRecord, GuestRecords } from './guest-records.ts'
import { callFor, endsWithin } from './timed.ts'

/** A record, and how it is told from others of the same guest. */
interface Revised {
  readonly record: GuestRecord
  /** Larger for what is newer. */
  readonly revision: number
  /** When it is to be read again, by `performance.now()`. */
  readonly dueAt: number
}

/** Records of guests that asked lately. */
interface KeptRecords {
  /**
   * One that is no older than the freshness allows, or the last that there was while the front end does not answer.
   *
   * @throws {CloudError} unavailable where there is none
   */
  find(id: string): Promise<Revised | undefined>
  close(): void
}

interface Entry {
  /** Absent: the guest is not to be told anything. */
  readonly known?: { readonly record: GuestRecord; readonly revision: number }
  /** When its reading began. */
  readonly readAt: number
  readonly dueAt: number
  /** The last reading failed. */
  readonly isFailing: boolean
}

/** Estimate of what an entry costs beside its record. */
const ENTRY_BYTES = 500

/** Keeps records, reads those that are asked for again in time, each once for all who wait. */
export function keepRecords(
  records: Pick<GuestRecords, 'guest'>,
  { lookMs, recordMs, keepMs, patienceMs, callMs, keptMaxBytes }: Freshness,
  log: (line: string) => void,
): KeptRecords {
  const kept = createBoundedCache<Entry>(keptMaxBytes)
  const reading = new Map<string, Promise<void>>()
  const closed = new AbortController()
  let revisions = 0

  async function read(id: string): Promise<void> {
    const began = performance.now()
    const old = kept.get(id)
    try {
      const record = await records.guest(id, callFor(callMs, closed.signal))
      if (record === undefined) {
        // Soon again: it may be about to start.
        kept.set(id, { readAt: began, dueAt: began + Math.min(lookMs, recordMs), isFailing: false }, ENTRY_BYTES)
        return
      }
      const isSame = old?.known?.record.fingerprint === record.fingerprint
      const revision = isSame && old?.known ? old.known.revision : ++revisions
      const entry = { known: { record, revision }, readAt: began, dueAt: began + recordMs, isFailing: false }
      kept.set(id, entry, ENTRY_BYTES + record.sizeBytes)
    } catch (error) {
      if (!closed.signal.aborted) log(`guest ${id}: its record cannot be read: ${reasonOf(error)}`)
      const dueAt = performance.now() + (old?.known ? recordMs : lookMs)
      const entry = { ...old, readAt: old?.readAt ?? -Infinity, dueAt, isFailing: true }
      kept.set(id, entry, ENTRY_BYTES + (old?.known?.record.sizeBytes ?? 0))
    } finally {
      reading.delete(id)
    }
  }

  function answerFrom(entry: Entry | undefined): Revised | undefined {
    if (entry === undefined || performance.now() - entry.readAt > keepMs + recordMs) throw unknown()
    // One that was not to be told anything may run by now.
    if (entry.known === undefined && entry.isFailing) throw unknown()
    return entry.known && { ...entry.known, dueAt: entry.dueAt }
  }

  return {
    async find(id) {
      const entry = kept.get(id)
      if (entry && performance.now() < entry.dueAt) return answerFrom(entry)
      const flight = reading.get(id) ?? read(id)
      if (!reading.has(id)) reading.set(id, flight)
      // Who has the last copy does not wait twice for a front end that does not answer.
      const isDone = await endsWithin(flight, entry?.known && entry.isFailing ? 0 : patienceMs)
      if (isDone) return answerFrom(kept.get(id))
      // It goes on, and the next to ask will have it.
      const answer = answerFrom(entry)
      if (answer === undefined) throw unknown()
      return { ...answer, dueAt: performance.now() + lookMs }
    },
    close: () => closed.abort(),
  }
}

function unknown(): CloudError {
  return new CloudError('unavailable', 'the front end does not say what this guest is to be told')
}
