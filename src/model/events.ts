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
export const EVENT_KINDS = [
  'planned',
  'offered',
  'access',
  'fetched',
  'finished',
  'applied',
  'failed',
  'silent',
  'state',
] as const

/** One of {@link EVENT_KINDS}. */
export type EventKind = (typeof EVENT_KINDS)[number]

/** Who saw it: our own servers, a program in the guest, or the console that we read. */
export type EventSource = 'service' | 'metadata' | 'console' | 'agent' | 'demo-guest' | 'cloud-init' | 'provider'

/**
 * Which kinds of sign there are that data arrived: our own servers see it, a stock cloud-init reports it, a program of ours in the guest
 * does, or the console says so, whoever speaks there.
 */
export type Evidence = 'access' | 'report' | 'agent' | 'console'

/** One thing that happened to an instance. Append-only; never holds user data. */
export interface ContextEvent {
  /** Milliseconds since the epoch, by our clock. */
  readonly at: number
  readonly instanceId: string
  /** The context's revision that it speaks of. */
  readonly revision: number
  readonly kind: EventKind
  readonly source: EventSource
  /** How we know of it; absent for what we did ourselves. */
  readonly evidence?: Evidence
  readonly method?: DeliveryMethod
  /** The state that the instance came to, and the one before. */
  readonly state?: InstanceState
  readonly previous?: InstanceState
  /** What was done to the instance because somebody asked for it. */
  readonly action?: Action
  /** The canonical path asked for (never one with a token in it). */
  readonly path?: string
  /** There are no user data, and the guest took what stands for them: the file with its instance id. */
  readonly isServed?: true
  readonly bytes?: number
  /** SHA-256 in hex of the user data's bytes that this event is about. */
  readonly sha256?: string
  /** SHA-256 in hex of the message that holds them, which the cloud is given in their place. With `planned` alone. */
  readonly wrappedSha256?: string
  /** What the user's program ended with, where the guest said so. */
  readonly exitCode?: number
  /** What its SSH server shows clients, as the guest told us: type and base64 of each key, and nothing more. */
  readonly hostKeys?: readonly string[]
  /** They came by the instance's own link or over https: nobody on the way can have put in his own. */
  readonly hostKeysVerified?: true
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
  for (const event of eventsOf(events, revision)) {
    if (event.kind === 'finished') finished = true
    if (event.kind === 'silent' && event.method) waitedFor.add(event.method)
    if (isSign(event)) seen.add(event.method)
    if (event.isServed) servedBy ??= event.method
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
  const own = eventsOf(events, revision)
  for (const { kind, method, at } of own) if (kind === 'offered' && method) unseen.set(method, at)
  for (const event of own) if (event.method && (event.kind === 'silent' || isSign(event))) unseen.delete(event.method)
  const { servedBy } = deliveryOf(events, revision)
  if (servedBy) unseen.delete(servedBy)
  return unseen
}

/**
 * Those of a revision. A guest that was at the former data when it got these speaks of them still, as their digest tells: that is no word
 * on these.
 */
function eventsOf(events: Iterable<ContextEvent>, revision: number): readonly ContextEvent[] {
  const former = new Set<string>()
  const own: ContextEvent[] = []
  for (const event of events) {
    const { sha256 } = event
    if (event.revision < revision) for (const digest of plannedDigests(event)) former.add(digest)
    if (event.revision !== revision) continue
    for (const digest of plannedDigests(event)) former.delete(digest)
    if (sha256 === undefined || !former.has(sha256)) own.push(event)
  }
  return own
}

/** By which a guest that has the data of this plan may call them: a word on other data has the digest that it found. */
function plannedDigests({ kind, sha256, wrappedSha256 }: ContextEvent): readonly string[] {
  if (kind !== 'planned') return []
  return [sha256, wrappedSha256].filter((digest) => digest !== undefined)
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
