import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { ProjectEvent } from '../store/store.ts'

/** How the API shows an event, so that receivers need to know it in one form only. */
export type ShowEvent = (event: ContextEvent, place: number) => unknown

/** One message: the same in each try, but for what the instance has come to meanwhile. */
export interface Message {
  /** Unique, and the same for each receiver: they know by it what they have. */
  readonly id: string
  readonly body: string
}

/**
 * What a receiver is told of an event: never user data.
 *
 * @param timeline the instance's events up to this one
 * @see Standard Webhooks 1.0.0, "Payload structure"
 */
export function toMessage(
  { place, event, instance }: ProjectEvent,
  timeline: readonly ContextEvent[],
  show: ShowEvent,
): Message {
  const { id, name, provider, state } = instance
  const delivery = deliveryOf(timeline, event.revision)
  return {
    id: `evt_${id}_${place}`,
    body: JSON.stringify({
      type: `instance.${event.kind}`,
      timestamp: new Date(event.at).toISOString(),
      data: { event: show(event, place), instance: { id, name, provider, state, delivery } },
    }),
  }
}
