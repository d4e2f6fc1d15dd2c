import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sampleEvent } from '../../test/conformance/store-samples.ts'
import type { ContextEvent } from '../model/events.ts'
import { createRecorder } from './recorder.ts'

const log = { warn: () => {} }
const NEVER = new AbortController().signal

/** A store that keeps what it is given, after `failures` refusals. */
function keeping(failures = 0) {
  const kept: ContextEvent[] = []
  let calls = 0
  return {
    kept,
    appendEvents: async (events: readonly ContextEvent[]) => {
      if (calls++ < failures) throw new Error('busy')
      await sleep(1)
      kept.push(...events)
    },
  }
}

const numbered = (count: number): readonly ContextEvent[] =>
  Array.from({ length: count }, (_, index) => sampleEvent('i', { kind: 'access', path: `/${index}` }))

describe('recorder', () => {
  it('writes everything, in order, in few batches', async () => {
    const store = keeping()
    let batches = 0
    const counting = {
      appendEvents: (events: readonly ContextEvent[]) => {
        batches++
        return store.appendEvents(events)
      },
    }
    const recorder = createRecorder({ store: counting, log })
    const events = numbered(12_000)
    for (const event of events) recorder.record(event)
    await recorder.flush()
    assert.deepEqual(store.kept, events)
    assert.ok(batches <= 4, `${batches} batches`)
  })

  it('keeps what comes while it writes, and what the store refuses at first', async () => {
    const store = keeping(1)
    const recorder = createRecorder({ store, log })
    const events = numbered(30)
    for (const event of events.slice(0, 10)) recorder.record(event)
    const flushed = recorder.flush()
    for (const event of events.slice(10)) recorder.record(event)
    await flushed
    await recorder.close()
    assert.deepEqual(store.kept, events)
  })

  it('drops accesses, never words of guests, once too many wait', async () => {
    const store = keeping()
    const recorder = createRecorder({ store, log, queueMax: 5 })
    for (const event of numbered(10)) recorder.record(event)
    recorder.record(sampleEvent('i', { kind: 'applied' }))
    await recorder.close()
    assert.deepEqual(
      store.kept.map(({ kind }) => kind),
      ['access', 'access', 'access', 'access', 'access', 'applied'],
    )
  })

  it('gives up in the end where the store is broken while it closes', async () => {
    const recorder = createRecorder({ store: keeping(Infinity), log })
    recorder.record(sampleEvent('i'))
    await recorder.close()
  })

  it('wakes those who wait for this instance once its events are in the store, and nobody else', async () => {
    const store = keeping()
    const recorder = createRecorder({ store, log })
    const woken: string[] = []
    const own = recorder.changed('i', 60_000, NEVER).then(() => woken.push(`i, ${store.kept.length} kept`))
    const stop = new AbortController()
    const other = recorder.changed('j', 60_000, stop.signal).then(() => woken.push('j'))
    recorder.record(sampleEvent('i'))
    await own
    assert.deepEqual(woken, ['i, 1 kept'])
    stop.abort()
    await other
    await recorder.changed('k', 1, NEVER)
  })
})
