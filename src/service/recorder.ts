import { setTimeout as sleep } from 'node:timers/promises'
import type { Recorder } from '../deliveries/delivery.ts'
import { reasonOf } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { Store } from '../store/store.ts'

/** Where events go in: off the hot path into the store, and out again to those who wait for them. */
export interface EventRecorder extends Recorder {
  /** Wakes those who wait for this instance: its events or its state are in the store. */
  notify(instanceId: string): void
  /** Resolves at the next change of the instance that this process knows of, after `ms`, or with `signal`. */
  changed(instanceId: string, ms: number, signal: AbortSignal): Promise<void>
  /** Resolves once all that was recorded is in the store, or was given up. */
  flush(): Promise<void>
  /** Flushes, and records no more. */
  close(): Promise<void>
}

/** How a recorder is made. */
export interface RecorderOptions {
  readonly store: Pick<Store, 'appendEvents'>
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void }
  /** Told of each event that is recorded, at once. */
  readonly onRecord?: (event: ContextEvent) => void
  /** Events that wait while the store does not answer; beyond this many, new ones of kind `access` are dropped (default 100,000). */
  readonly queueMax?: number
}

// Events of so long are written together: long enough for a boot's burst, too short for anybody to notice.
const GATHER_MS = 20
const BATCH_MAX = 5000
const RETRY_MS = 1000
/** A store that fails so often in a row while we close keeps us no longer. */
const CLOSING_TRIES = 3

/**
 * Writes events in batches, in the order in which they came; while the store fails they wait and are tried again.
 *
 * @example
 * const recorder = createRecorder({ store, log })
 * recorder.record({ at: Date.now(), instanceId, revision: 1, kind: 'access', source: 'metadata' })
 */
export function createRecorder({ store, log, onRecord, queueMax = 100_000 }: RecorderOptions): EventRecorder {
  const waiting = new Map<string, Set<() => void>>()
  let queue: ContextEvent[] = []
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let closing = false
  let dropped = 0

  const notify = (instanceId: string): void => {
    const wakers = waiting.get(instanceId)
    waiting.delete(instanceId)
    for (const wake of wakers ?? []) wake()
  }

  /** Writes until nothing is left. */
  async function drain(): Promise<void> {
    for (let failures = 0; queue.length > 0;) {
      const batch = queue.slice(0, BATCH_MAX)
      try {
        await store.appendEvents(batch)
        queue = queue.slice(batch.length)
        failures = 0
        for (const instanceId of new Set(batch.map((event) => event.instanceId))) notify(instanceId)
      } catch (error) {
        log.warn({ events: queue.length, reason: reasonOf(error) }, 'events could not be written; they wait')
        if (closing && ++failures >= CLOSING_TRIES) return
        await sleep(closing ? GATHER_MS : RETRY_MS)
      }
    }
  }

  function write(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    writing ??= drain().finally(() => (writing = undefined))
    return writing
  }

  function drop(): void {
    if (dropped++ === 0) log.warn({ queueMax }, 'the store is too slow: accesses are no longer recorded')
  }

  return {
    record(event) {
      if (closing) return
      if (queue.length >= queueMax && event.kind === 'access') return drop()
      queue.push(event)
      onRecord?.(event)
      timer ??= setTimeout(() => void write(), GATHER_MS)
    },

    notify,

    changed(instanceId, ms, signal) {
      return new Promise((resolve) => {
        const wakers = waiting.get(instanceId) ?? new Set()
        waiting.set(instanceId, wakers)
        const done = (): void => {
          clearTimeout(patience)
          signal.removeEventListener('abort', done)
          wakers.delete(done)
          if (wakers.size === 0 && waiting.get(instanceId) === wakers) waiting.delete(instanceId)
          resolve()
        }
        const patience = setTimeout(done, ms)
        wakers.add(done)
        signal.addEventListener('abort', done)
        if (signal.aborted) done()
      })
    },

    flush: write,

    async close() {
      closing = true
      await write()
    },
  }
}
