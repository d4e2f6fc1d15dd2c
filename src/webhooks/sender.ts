import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { reasonOf } from '../model/errors.ts'
import type { Webhook, WebhookProgress } from '../model/webhook.ts'
import type { EventsToTell, Store } from '../store/store.ts'
import { atMost } from '../wire/at-most.ts'
import { createWebhookLeases } from './leases.ts'
import { pauseMs } from './pauses.ts'
import { tell, type InTurn, type Told, type TellOptions } from './tell.ts'

/** Tells webhooks' receivers what happens, for as long as it is open. */
export interface WebhookSender {
  /** Breaks off what is under way; it is told again at the next start. */
  close(): Promise<void>
}

/** What a sender is made of; the numbers have defaults and are there for tests. */
export interface SenderOptions extends Pick<TellOptions, 'endpoints' | 'show' | 'userAgent'> {
  readonly store: Pick<
    Store,
    | 'listWebhooks'
    | 'leaseWebhook'
    | 'releaseWebhooks'
    | 'updateWebhook'
    | 'newestEvent'
    | 'listEventsToTell'
    | 'listEvents'
  >
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void }
  /** How often the store is asked for something new, in milliseconds (default 1 s). */
  readonly everyMs?: number
  /** For how long a webhook is this process's alone, in milliseconds (default 10 s); renewed in time. */
  readonly leaseMs?: number
  readonly tryMs?: number
  readonly keepTryingMs?: number
  /** As {@link pauseMs}, which it is by default. */
  readonly pause?: (failures: number, askedMs: number) => number
  readonly now?: () => number
}

/** So many of one project's messages are under way at once. */
const PROJECT_MAX = 8
/** So many events are read at once, and so far ahead: a read holds up all else that this process does. */
const PART_MAX = 50
const SPAN = 2000
/** Where nothing was told, the store hears of it each so many events. */
const UNTOLD_MAX = 10_000
const DAY_MS = 86_400_000

/**
 * Begins to tell: for each webhook, from where the store says that it is, and never from memory; so what is recorded is told, also when
 * this process is killed in between. A receiver may then hear something twice, never not at all. Of several processes that share the
 * store, one has a webhook's lease and tells it; where that one dies, another goes on.
 */
export function createWebhookSender({
  store,
  log,
  everyMs = 1000,
  leaseMs = 10_000,
  tryMs = 10_000,
  keepTryingMs = DAY_MS,
  pause = (failures, askedMs) => pauseMs(failures, askedMs, Math.random),
  now = Date.now,
  ...rest
}: SenderOptions): WebhookSender {
  const closing = new AbortController()
  const holder = randomUUID()
  const inOwnTurn = oneAfterAnother()
  const options: TellOptions = {
    ...rest,
    store: { listEvents: (id, range) => inOwnTurn(() => store.listEvents(id, range)) },
    tryMs,
    keepTryingMs,
    closing: closing.signal,
    now,
  }
  const leases = createWebhookLeases({ store, holder, leaseMs, now })
  const working = new Map<string, Promise<void>>()
  /** How far each has read, where that is further than the store knows. */
  const readTo = new Map<string, number>()
  /** What was told behind something that was not. */
  const ahead = new Map<string, ReadonlySet<number>>()
  const turns = new Map<string, InTurn>()
  let there: ReadonlySet<string> = new Set()
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    const webhooks = await store.listWebhooks()
    there = new Set(webhooks.map(({ id }) => id))
    for (const known of [readTo, ahead]) for (const id of known.keys()) if (!there.has(id)) known.delete(id)
    const projects = new Set(webhooks.map(({ project }) => project))
    for (const project of turns.keys()) if (!projects.has(project)) turns.delete(project)
    // What was told behind something that was not is known here alone: another would tell it again.
    await leases.renew((id) => working.has(id) || ahead.has(id))
    const due = webhooks.filter((each) => isDue(each) && leases.mayTake(each) && !working.has(each.id))
    if (due.length === 0) return
    const newest = await store.newestEvent()
    for (const webhook of due) {
      if (closing.signal.aborted || Math.max(webhook.after, readTo.get(webhook.id) ?? 0) >= newest) continue
      const work = goOn(webhook, newest)
        .catch((error: unknown) => log.warn({ webhook: webhook.id, reason: reasonOf(error) }, 'a webhook is held up'))
        .finally(() => working.delete(webhook.id))
      working.set(webhook.id, work)
    }
  }

  function isDue({ state, nextAt = 0 }: WebhookProgress): boolean {
    return state === 'on' && nextAt <= now()
  }

  /** Tells all up to the newest event, or as much as its receiver takes, for as long as the lease is ours. */
  async function goOn({ id, project, kinds, after: kept }: Webhook, newest: number): Promise<void> {
    const wanted = (): boolean => there.has(id) && leases.has(id)
    for (let after = Math.max(kept, readTo.get(id) ?? 0); after < newest && there.has(id); readTo.set(id, after)) {
      const upTo = Math.min(newest, after + SPAN)
      const range = { project, kinds, after, upTo, limit: PART_MAX }
      const part = await inOwnTurn(() => store.listEventsToTell(range))
      if (part.events.length === 0 && part.upTo - kept <= UNTOLD_MAX) {
        ahead.delete(id)
        after = part.upTo
        continue
      }
      const webhook = await leases.take(id)
      if (!webhook || !isDue(webhook)) return
      if (webhook.after > after) {
        // Another has told this part meanwhile.
        after = kept = webhook.after
        continue
      }
      const known = ahead.get(id)
      const events = part.events.filter(({ sequence }) => known?.has(sequence) !== true)
      const told = await tell(options, webhook, events, { inTurn: turnOf(project), wanted })
      after = kept = reached(id, part, told)
      const progress = next(webhook, after, told)
      if (!(await store.updateWebhook(id, holder, progress))) return
      report(webhook, progress, told)
      if (progress.state === 'off') ahead.delete(id)
      if (told.stop || closing.signal.aborted) return
    }
  }

  /** @returns the sequence before which nothing is left; what is done behind it is remembered */
  function reached(id: string, { events, upTo }: EventsToTell, { done }: Told): number {
    const known = ahead.get(id)
    const isDone = (sequence: number): boolean => done.has(sequence) || known?.has(sequence) === true
    const left = events.find(({ sequence }) => !isDone(sequence))
    ahead.delete(id)
    if (!left) return upTo
    ahead.set(id, new Set(events.map(({ sequence }) => sequence).filter(isDone)))
    return left.sequence - 1
  }

  function next(progress: WebhookProgress, after: number, { done, missed, stop }: Told): WebhookProgress {
    const base = { after, state: progress.state, missed: progress.missed + missed }
    // Whether it would take anything now was not asked where all was given up.
    if (!stop) return done.size > missed ? { ...base, failures: 0 } : { ...progress, ...base }
    if (stop.kind === 'gone') return { ...base, state: 'off', failures: 0, reason: 'answers 410: it wants no more' }
    const failures = progress.failures + 1
    return { ...base, failures, nextAt: now() + pause(failures, stop.afterMs), reason: stop.why }
  }

  /** Without its URL, which may be a secret. */
  function report({ id, project }: Webhook, { state, failures, reason }: WebhookProgress, { missed }: Told): void {
    const about = { webhook: id, project, ...(reason === undefined ? {} : { reason }) }
    if (state === 'off') log.warn(about, 'a webhook is off')
    else if (failures === 1) log.warn(about, 'a webhook fails; it is tried again')
    if (missed > 0) log.warn({ ...about, missed }, 'events were not told: their receiver failed for too long')
  }

  function turnOf(project: string): InTurn {
    const known = turns.get(project)
    if (known) return known
    const withTurn = atMost(PROJECT_MAX)
    const turn: InTurn = (task) => withTurn(task, { signal: closing.signal, deadline: Infinity }, 'a webhook')
    turns.set(project, turn)
    return turn
  }

  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'webhooks wait: the store does not answer'))
      .finally(() => (looking = undefined))
  }, everyMs)

  return {
    async close() {
      clearInterval(timer)
      closing.abort()
      await looking
      await Promise.all(working.values())
      // Else they run out.
      await leases
        .release()
        .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'others must wait with webhooks of ours'))
    },
  }
}

/** Runs reads one after the other, each in a turn of the event loop: many webhooks that fall due together hold up nobody else. */
function oneAfterAnother(): <T>(read: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (read) => {
    const own = last.then(() => nextTurn()).then(read)
    last = own.catch(() => {})
    return own
  }
}
