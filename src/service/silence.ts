import { reasonOf } from '../model/errors.ts'
import { deliveryOf, unseenMethods, type ContextEvent, type DeliveryMethod, type Evidence } from '../model/events.ts'
import type { Instance } from '../model/instance.ts'
import type { Provider } from '../providers/provider.ts'
import { sleepUnless, type ServiceParts } from './parts.ts'
import { waitsFor } from './rights.ts'
import type { Turnstile } from './turnstile.ts'

/** Records by which ways no guest was seen in time. */
export interface SilenceWatch {
  /** Watches until each way of the plan has shown a sign of the guest, or its time was up; after a restart, too. */
  watch(instance: Instance): void
  /** Resolves once nothing is watched any more; begin by firing `closing` of the parts. */
  close(): Promise<void>
}

/** Another node works on it: look again after this. */
const BUSY_MS = 1000
/** What a guest said on its console while nobody listened is read first. */
const READ_FIRST_MS = 1000

/**
 * The time runs from the event of the offer, so a restart neither begins it anew nor forgets it.
 *
 * @param withinMs how long a guest may take until it is seen, in milliseconds; a provider may allow more
 */
export function createSilenceWatch(
  parts: ServiceParts,
  turnstile: Pick<Turnstile, 'pass'>,
  withinMs: number,
): SilenceWatch {
  const { store, recorder, providers, closing, log } = parts
  const watching = new Map<string, Promise<void>>()

  function boundFor({ capabilities }: Provider): number {
    return Math.max(withinMs, capabilities.signWithinMs ?? 0)
  }

  async function follow(instance: Instance): Promise<void> {
    let leastMs = READ_FIRST_MS
    for (let current: Instance | undefined = instance; current; current = await store.getInstance(instance.id)) {
      const provider = providers.get(current.provider)
      if (!provider || closing.aborted || current.state === 'deleting') return
      const waits = [...unseen(current, provider, await store.listEvents(current.id)).values()].map(
        (at) => at + boundFor(provider) - Date.now(),
      )
      if (waits.length === 0) return
      const nextMs = Math.min(...waits)
      if (nextMs > 0) await sleepUnless(nextMs, closing)
      else if (leastMs > 0) await sleepUnless(leastMs, closing)
      else if (!(await record(instance.id, provider))) await sleepUnless(BUSY_MS, closing)
      leastMs = 0
    }
  }

  /** Those by which it could be seen, each with when it was offered. */
  function unseen(
    { revision, plan }: Instance,
    provider: Provider,
    events: readonly ContextEvent[],
  ): ReadonlyMap<DeliveryMethod, number> {
    const methods = unseenMethods(events, revision)
    // Where nobody listens without its owner's rights, silence says nothing.
    const isHeard = provider.console !== undefined && waitsFor(provider, undefined)
    const shows = (each: Evidence): boolean => (each === 'console' ? isHeard : each !== 'agent')
    const visible = plan.deliveries.filter(({ evidence }) => evidence.some(shows))
    return new Map([...methods].filter(([method]) => visible.some((each) => each.method === method)))
  }

  /** In its turn, so that no other node records the same. @returns whether it was its turn */
  async function record(id: string, provider: Provider): Promise<boolean> {
    const done = await turnstile.pass(id, async () => {
      const instance = await store.getInstance(id)
      if (!instance || instance.state === 'deleting') return true
      // What a guest did a moment ago counts.
      await recorder.flush()
      const now = Date.now()
      const boundMs = boundFor(provider)
      const events = await store.listEvents(id)
      const due = [...unseen(instance, provider, events)].filter(([, at]) => at + boundMs <= now)
      if (due.length === 0) return true
      const { servedBy } = deliveryOf(events, instance.revision)
      await store.appendEvents(due.map(([method]) => silentEvent(instance, { method, boundMs, at: now, servedBy })))
      recorder.notify(id)
      return true
    })
    return done ?? false
  }

  return {
    watch(instance) {
      const { id } = instance
      // After whoever watches it already: he may have looked before what is new now.
      const before = watching.get(id) ?? Promise.resolve()
      const mine = before
        .then(() => follow(instance))
        .catch((error: unknown) => {
          if (!closing.aborted)
            log.warn({ instanceId: id, reason: reasonOf(error) }, 'whether its guest is silent is no longer watched')
        })
        .finally(() => {
          if (watching.get(id) === mine) watching.delete(id)
        })
      watching.set(id, mine)
    },
    close: async () => void (await Promise.all(watching.values())),
  }
}

function silentEvent(
  { id, revision }: Instance,
  {
    method,
    boundMs,
    at,
    servedBy,
  }: {
    readonly method: DeliveryMethod
    readonly boundMs: number
    readonly at: number
    readonly servedBy: DeliveryMethod | undefined
  },
): ContextEvent {
  const came = servedBy === undefined ? '' : `; it was served by ${servedBy}`
  const detail = `no sign of the guest by ${method} within ${boundMs / 1000} s${came}`
  return { at, instanceId: id, revision, kind: 'silent', source: 'service', method, detail }
}
