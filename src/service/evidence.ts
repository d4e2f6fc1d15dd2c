import { parseConsoleLine, toEvent } from '../formats/guest-report.ts'
import { reasonOf } from '../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { Instance } from '../model/instance.ts'
import type { Provider } from '../providers/provider.ts'
import { callWithin, sleepUnless, type ServiceParts } from './parts.ts'
import { refresh } from './refresh.ts'

/** Listens to the consoles of guests that may say there what became of their data. */
export interface ConsoleListener {
  /** Listens until the delivery is settled or the instance gone. No effect where a plan expects nothing on the console. */
  listen(instance: Instance): void
  /** Resolves once nobody listens any more; begin by firing `closing` of the parts. */
  close(): Promise<void>
}

const READ_MS = 5000
/** A guest that has said nothing for so long after its creation will not. */
const LISTEN_MAX_MS = 3_600_000
/** A guest may say that it finished before it says that it used the data. */
const LAST_WORDS_MS = 30_000
const REFRESH_EVERY_MS = 3000
/** A line longer than this is none that we look for. */
const LINE_MAX_CHARACTERS = 64 * 1024

/** @param everyMs how often a console is read, in milliseconds */
export function createConsoleListener(parts: ServiceParts, everyMs: number): ConsoleListener {
  const { store, recorder, closing, log } = parts
  const listening = new Map<string, Promise<void>>()

  /** What a console said that is not recorded yet: after a restart it is read again from its beginning. */
  async function record(instance: Instance, said: readonly ContextEvent[]): Promise<void> {
    if (said.length === 0) return
    const known = new Set((await store.listEvents(instance.id)).map(keyOf))
    for (const event of said) if (!known.has(keyOf(event))) recorder.record(event)
    await recorder.flush()
  }

  async function isOver(id: string): Promise<boolean> {
    const instance = await store.getInstance(id)
    if (!instance || instance.state === 'deleting') return true
    const events = await store.listEvents(id)
    const { state, finishedUnproven } = deliveryOf(events, instance.revision)
    if (state === 'applied' || state === 'failed') return true
    const last = events.findLast(({ kind }) => kind === 'finished')
    return finishedUnproven && last !== undefined && Date.now() - last.at >= LAST_WORDS_MS
  }

  async function follow(instance: Instance, remoteId: string, provider: Provider): Promise<void> {
    let [from, rest, refreshedAt] = [0, '', Date.now()]
    while (!closing.aborted && Date.now() - instance.createdAt < LISTEN_MAX_MS && !(await isOver(instance.id))) {
      const piece = await provider.console?.(remoteId, from, callWithin(READ_MS, [closing]))
      const { text, next } = piece ?? { text: '', next: from }
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-LINE_MAX_CHARACTERS)
      await record(
        instance,
        lines.flatMap((line) => heard(line, instance)),
      )
      if (next === from) await sleepUnless(provider.capabilities.consoleEveryMs ?? everyMs, closing)
      from = next
      if (Date.now() - refreshedAt > REFRESH_EVERY_MS) {
        await refresh(parts, (await store.getInstance(instance.id)) ?? instance).catch(() => {})
        refreshedAt = Date.now()
      }
    }
  }

  return {
    listen(instance) {
      const { id, remoteId, plan } = instance
      const provider = parts.providers.get(instance.provider)
      const says = plan.deliveries.some(({ evidence }) => evidence.includes('console'))
      if (!provider?.console || !says || remoteId === undefined || listening.has(id)) return
      const following = follow(instance, remoteId, provider)
        .catch((error: unknown) => {
          if (!closing.aborted)
            log.warn({ instanceId: id, reason: reasonOf(error) }, 'its console is no longer listened to')
        })
        .finally(() => listening.delete(id))
      listening.set(id, following)
    },
    close: async () => void (await Promise.all(listening.values())),
  }
}

function heard(line: string, { id, revision, spec, userDataSha256 }: Instance): readonly ContextEvent[] {
  const word = parseConsoleLine(line, spec.userData)
  if (!word) return []
  const about = { instanceId: id, revision, at: Date.now(), source: 'console' } as const
  return [toEvent(word, userDataSha256 === undefined ? about : { ...about, userDataSha256 })]
}

/** All of an event but when it was heard. */
function keyOf({ at: _, ...event }: ContextEvent): string {
  return JSON.stringify(event, Object.keys(event).toSorted())
}
