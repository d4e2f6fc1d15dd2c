import type { Action, InstanceState } from './instance.ts'

/** How data reaches a guest, least invasive first. `provider` is a cloud's own way, which we only hand it to. */
export type DeliveryMethod = 'metadata' | 'disk' | 'injection' | 'provider'

/** The order in which guests try the methods, and in which a plan names them. */
export const METHODS: readonly DeliveryMethod[] = ['metadata', 'disk', 'injection', 'provider']

/**
 * What was seen. `planned … failed` carry a delivery's state; `finished` is a guest whose boot ended without proof of
 * use; `silent` is a way by which no guest was seen in time; `state` and `access` are shown in the timeline. None of these three
 * changes a delivery's state.
 */
export type EventKind =
  | 'planned'
  | 'offered'
  | 'access'
  | 'fetched'
  | 'finished'
  | 'applied'
  | 'failed'
  | 'silent'
  | 'state'

/** Who saw it: our own servers, a program in the guest, or the console that we read. */
export type EventSource = 'service' | 'metadata' | 'console' | 'agent' | 'demo-guest' | 'cloud-init' | 'provider'

/** One thing that happened to an instance. Append-only; never holds user data. */
export interface ContextEvent {
  /** Milliseconds since the epoch, by our clock. */
  readonly at: number
  readonly instanceId: string
  /** The context's revision that it speaks of. */
  readonly revision: number
  readonly kind: EventKind
  readonly source: EventSource
  readonly method?: DeliveryMethod
  /** The state that the instance came to, and the one before. */
  readonly state?: InstanceState
  readonly previous?: InstanceState
  /** What was done to the instance because somebody asked for it. */
  readonly action?: Action
  /** The canonical path asked for (never one with a token in it). */
  readonly path?: string
  readonly bytes?: number
  /** SHA-256 in hex of the user data's bytes that this event is about. */
  readonly sha256?: string
  /** What the user's program ended with, where the guest said so. */
  readonly exitCode?: number
  /** One line for people. */
  readonly detail?: string
}

/** Where a delivery stands; it follows from the events alone. */
type DeliveryState = 'planned' | 'offered' | 'fetched' | 'applied' | 'failed'

/** The state of one instance's delivery, in all and by each method. */
export interface Delivery {
  readonly state: DeliveryState | undefined
  /** The method that served the guest, once one did. */
  readonly servedBy?: DeliveryMethod
  readonly methods: Readonly<Partial<Record<DeliveryMethod, DeliveryState>>>
  /** The methods by which no sign of the guest came in time, nor since. */
  readonly silent: readonly DeliveryMethod[]
  /** The guest finished its boot, yet nothing proves that it used the data. */
  readonly finishedUnproven: boolean
}

const RANK: Readonly<Record<DeliveryState, number>> = { planned: 0, offered: 1, fetched: 2, applied: 3, failed: 3 }

/**
 * Derives the delivery state of one revision from its events.
 *
 * States only advance; between `applied` and `failed` the first word stands, for a user's program runs once per
 * instance. An event without method (a console line) counts for the method that served, when only one can have.
 */
export function deliveryOf(events: Iterable<ContextEvent>, revision: number): Delivery {
  const methods: Partial<Record<DeliveryMethod, DeliveryState>> = {}
  let state: DeliveryState | undefined
  let servedBy: DeliveryMethod | undefined
  let finished = false
  const waitedFor = new Set<DeliveryMethod>()
  const seen = new Set<DeliveryMethod>()
  for (const event of events) {
    if (event.revision !== revision) continue
    if (event.kind === 'finished') finished = true
    if (event.kind === 'silent' && event.method) waitedFor.add(event.method)
    if (isSign(event)) seen.add(event.method)
    const next = toState(event)
    if (next === undefined) continue
    state = later(state, next)
    if (event.method) methods[event.method] = later(methods[event.method], next)
    if (event.method && RANK[next] >= RANK.fetched) servedBy ??= event.method
  }
  const settled = state === 'applied' || state === 'failed'
  if (settled) servedBy ??= onlyMethod(methods)
  if (settled && servedBy && state) methods[servedBy] = later(methods[servedBy], state)
  // A late sign counts as one that came in time.
  const silent = METHODS.filter((method) => waitedFor.has(method) && !seen.has(method) && method !== servedBy)
  return { state, methods, silent, finishedUnproven: finished && !settled, ...(servedBy ? { servedBy } : {}) }
}

/**
 * The methods by which data are offered and no guest was seen yet, each with when they were offered, in milliseconds since the
 * epoch. Those of which that is recorded already are not among them.
 */
export function unseenMethods(events: readonly ContextEvent[], revision: number): ReadonlyMap<DeliveryMethod, number> {
  const unseen = new Map<DeliveryMethod, number>()
  for (const { kind, method, at, revision: own } of events)
    if (own === revision && kind === 'offered' && method) unseen.set(method, at)
  for (const event of events)
    if (event.revision === revision && event.method && (event.kind === 'silent' || isSign(event)))
      unseen.delete(event.method)
  const { servedBy } = deliveryOf(events, revision)
  if (servedBy) unseen.delete(servedBy)
  return unseen
}

const OURS: ReadonlySet<EventKind> = new Set(['planned', 'offered', 'silent'])

/** Whether the event shows a guest that came by a method: whatever it says or asks for, and whoever heard it. */
function isSign(event: ContextEvent): event is ContextEvent & { readonly method: DeliveryMethod } {
  return event.method !== undefined && !OURS.has(event.kind)
}

/** A guest that finished and names the way has read what came by it, as cloud-init does with its last line. */
function toState({ kind, method }: ContextEvent): DeliveryState | undefined {
  if (kind === 'finished') return method && 'fetched'
  return kind in RANK ? (kind as DeliveryState) : undefined
}

function later(current: DeliveryState | undefined, next: DeliveryState): DeliveryState {
  return current === undefined || RANK[next] > RANK[current] ? next : current
}

function onlyMethod(methods: Partial<Record<DeliveryMethod, DeliveryState>>): DeliveryMethod | undefined {
  const used = METHODS.filter((method) => methods[method] !== undefined)
  return used.length === 1 ? used[0] : undefined
}
