import { Buffer } from 'node:buffer'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ContextEvent } from '../../model/events.ts'
import type { HttpResponse } from '../http.ts'
import { fromEvent } from './map.ts'

/** How clients wait before they come again, in milliseconds. */
const RETRY_MS = 2000

/** Ends a stream whose instance is gone: whoever comes again would find nothing. */
const END = Buffer.from('event: end\ndata: {}\n\n', 'utf8')
/** Shows a client, and whatever stands between, that we are there. */
const HEARTBEAT = Buffer.from(': here\n\n', 'utf8')

/** What is streamed, and from where. */
interface StreamOptions {
  /** Those after `after` that there are, then each as it comes; ends with its signal, or with the instance. */
  readonly watch: (signal: AbortSignal) => AsyncIterable<ContextEvent>
  /** The sequence of the last event that the client has; 0: none. */
  readonly after: number
  readonly heartbeatMs: number
}

/**
 * A timeline as server-sent events: each event's `id` is its sequence, with which a client goes on (`Last-Event-ID`).
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventStream({ watch, after, heartbeatMs }: StreamOptions): HttpResponse {
  async function* live(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let sequence = after
    for await (const event of withSilence(watch(signal), heartbeatMs)) {
      if (event === undefined) yield HEARTBEAT
      else yield toMessage(event, ++sequence)
    }
    if (!signal.aborted) yield END
  }
  return {
    status: 200,
    headers: [
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-store'],
      // nginx would gather what is to be seen at once.
      ['X-Accel-Buffering', 'no'],
    ],
    body: Buffer.from(`retry: ${RETRY_MS}\n\n`, 'utf8'),
    live,
  }
}

function toMessage(event: ContextEvent, sequence: number): Uint8Array {
  return Buffer.from(`id: ${sequence}\ndata: ${JSON.stringify(fromEvent(event, sequence))}\n\n`, 'utf8')
}

/** The same, with `undefined` for each `everyMs` in which nothing came. */
async function* withSilence<T>(source: AsyncIterable<T>, everyMs: number): AsyncGenerator<T | undefined> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (let next = iterator.next(); ;) {
      const woken = new AbortController()
      const silence = sleep(everyMs, 'silence' as const, { signal: woken.signal }).catch(() => 'silence' as const)
      const came = await Promise.race([next, silence])
      woken.abort()
      if (came === 'silence') {
        yield undefined
        continue
      }
      if (came.done === true) return
      yield came.value
      next = iterator.next()
    }
  } finally {
    await iterator.return?.()
  }
}
