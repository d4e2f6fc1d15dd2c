import { setTimeout as sleep } from 'node:timers/promises'
import type { Static } from 'typebox'
import type { EventBody } from '../frontends/rest/schemas.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { ApiClient } from './api-client.ts'
import { readEventStream } from './event-stream.ts'

/** An event as the gateway shows it. */
export type ShownEvent = Static<typeof EventBody>

/** How a timeline is followed. */
export interface FollowEventsOptions {
  /** Ends it. */
  readonly signal: AbortSignal
  /** Told once each time when the gateway is away; it is come back to until the signal fires. */
  readonly onAway: () => void
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000
/** A gateway sends something every 15 s: one that is silent for so long is gone without a word. */
const SILENCE_MS = 60_000

/**
 * Each event of an instance's timeline once, from the first, then each as it comes, over restarts of the gateway. Ends with the
 * instance, or with the signal.
 *
 * @throws {CloudError} what the gateway refuses with; unavailable when it is not there at the beginning
 */
export async function* followEvents(
  client: ApiClient,
  id: string,
  { signal, onAway }: FollowEventsOptions,
): AsyncGenerator<ShownEvent> {
  let [sequence, wasThere, pauseMs] = [0, false, FIRST_PAUSE_MS]
  while (!signal.aborted) {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), SILENCE_MS)
    try {
      const ended = AbortSignal.any([signal, silence.signal])
      const pieces = await client.stream(`/instances/${encodeURIComponent(id)}/events`, sequence, ended)
      wasThere = true
      for await (const { event, data } of readEventStream(withEach(pieces, () => timer.refresh()))) {
        if (event === 'end') return
        const shown = toShown(data)
        pauseMs = FIRST_PAUSE_MS
        // What came twice is shown once.
        if (shown.sequence <= sequence) continue
        sequence = shown.sequence
        yield shown
      }
    } catch (error) {
      if (signal.aborted) return
      if (wasThere && isCloudError(error, 'not-found')) return
      if (!isPassing(error, wasThere)) throw error
    } finally {
      clearTimeout(timer)
    }
    if (pauseMs === FIRST_PAUSE_MS) onAway()
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

function toShown(data: string): ShownEvent {
  try {
    return JSON.parse(data) as ShownEvent
  } catch (cause) {
    throw new CloudError('provider-failed', 'the gateway sent an event that is no JSON', { cause })
  }
}

/** An event as the model has it. */
export function toContextEvent({ sequence: _, ...shown }: ShownEvent): ContextEvent {
  // Its words are those of the gateway, which may be newer than we are.
  return { ...shown, at: Date.parse(shown.at) } as ContextEvent
}

async function* withEach<T>(source: AsyncIterable<T>, onEach: () => void): AsyncGenerator<T> {
  for await (const each of source) {
    onEach()
    yield each
  }
}

/** A gateway that was there may come back; a stream that broke off is no word of the gateway's either. */
function isPassing(error: unknown, wasThere: boolean): boolean {
  if (!isCloudError(error)) return true
  return wasThere && error.code === 'unavailable'
}
