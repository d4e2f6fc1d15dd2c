import { reasonOf } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { Webhook } from '../model/webhook.ts'
import type { ProjectEvent, Store } from '../store/store.ts'
import { toMessage, type ShowEvent } from './message.ts'
import { openReceiver, type Connection, type Outcome } from './post.ts'
import { signatureHeaders } from './signature.ts'
import type { Endpoints } from './endpoint.ts'

/** How events are told. */
export interface TellOptions {
  readonly store: Pick<Store, 'listEvents'>
  readonly endpoints: Pick<Endpoints, 'addresses'>
  readonly show: ShowEvent
  readonly userAgent: string
  readonly tryMs: number
  /** An event that is older is told no more while its receiver fails, in milliseconds. */
  readonly keepTryingMs: number
  readonly closing: AbortSignal
  readonly now: () => number
}

/** What became of a part of a webhook's events. */
export interface Told {
  /** The sequences of those that need nothing more. */
  readonly done: ReadonlySet<number>
  /** How many of these were given up. */
  readonly missed: number
  /** Why not all are. */
  readonly stop?: Exclude<Outcome, { readonly kind: 'done' }>
}

/** Runs a try in its turn: so many of one project are under way at once. */
export type InTurn = <T>(task: () => Promise<T>) => Promise<T>

/** So many messages of one webhook are under way at once, each of another instance. */
const CONNECTIONS = 4

/**
 * Tells events to a webhook's receiver: those of one instance one after the other, in their order. An instance waits behind its first
 * event that fails; a receiver that fails again and again is not asked for every instance.
 *
 * @param wanted whether the webhook is still there
 */
export async function tell(
  options: TellOptions,
  webhook: Webhook,
  events: readonly ProjectEvent[],
  { inTurn, wanted }: { readonly inTurn: InTurn; readonly wanted: () => boolean },
): Promise<Told> {
  const { store, endpoints, show, userAgent, tryMs, keepTryingMs, closing, now } = options
  const done = new Set<number>()
  let missed = 0
  let stop: Told['stop']
  const isLate = ({ event }: ProjectEvent): boolean => webhook.failures > 0 && now() - event.at > keepTryingMs
  for (const late of events.filter(isLate)) {
    done.add(late.sequence)
    missed++
  }
  const instances = [
    ...Map.groupBy(
      events.filter(({ sequence }) => !done.has(sequence)),
      ({ instance }) => instance.id,
    ),
  ]
  if (instances.length === 0) return { done, missed }
  const { url } = webhook
  const receiver = await openReceiver({ url, endpoints, tryMs, closing, now })
  if ('failure' in receiver) return { done, missed, stop: { kind: 'failed', why: receiver.failure, afterMs: 0 } }

  const post = async (
    connection: Connection,
    each: ProjectEvent,
    timeline: readonly ContextEvent[],
  ): Promise<Outcome> => {
    const { id, body } = toMessage(each, timeline.slice(0, each.place), show)
    const send = (): Promise<Outcome> => {
      const signature = signatureHeaders(webhook.secret, { id, at: now(), body })
      return connection.post(body, { 'Content-Type': 'application/json', 'User-Agent': userAgent, ...signature })
    }
    return await inTurn(send).catch((error: unknown): Outcome => {
      if (closing.aborted) return { kind: 'failed', why: reasonOf(error), afterMs: 0 }
      throw error
    })
  }
  /** Whether nothing more is sent now: nobody wants it, or the receiver asked for it. */
  const isOver = (): boolean =>
    closing.aborted || !wanted() || stop?.kind === 'gone' || (stop?.kind === 'failed' && stop.afterMs > 0)
  /** @returns whether the next instance may be told of */
  const tellInstance = async (connection: Connection, id: string, own: readonly ProjectEvent[]): Promise<boolean> => {
    const timeline = await store.listEvents(id, { limit: Math.max(...own.map(({ place }) => place)) })
    for (const each of own) {
      if (isOver()) return false
      const outcome = await post(connection, each, timeline)
      if (outcome.kind === 'done') done.add(each.sequence)
      // What broke off because we end is no failure of the receiver's.
      else if (closing.aborted) return false
      else {
        stop = worse(stop, outcome)
        return false
      }
    }
    return true
  }
  /**
   * Ends with its first failure, so that a receiver that is down is asked a few times, not once for each instance; and its connection
   * with it, for a receiver may serve one at a time.
   */
  const work = async (): Promise<void> => {
    const connection = receiver.connect()
    try {
      for (let next = instances.shift(); next; next = instances.shift())
        if (!(await tellInstance(connection, ...next))) return
    } finally {
      await connection.close()
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, instances.length) }, work))
  return { done, missed, ...(stop ? { stop } : {}) }
}

/** The one that asks for more patience. */
function worse(one: Told['stop'], other: NonNullable<Told['stop']>): NonNullable<Told['stop']> {
  if (one?.kind === 'gone' || other.kind === 'gone') return { kind: 'gone' }
  return one && one.afterMs >= other.afterMs ? one : other
}
