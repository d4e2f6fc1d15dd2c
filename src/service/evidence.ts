import { Buffer } from 'node:buffer'
import { ofFormer, parseConsoleLine, toEvent } from '../formats/guest-report.ts'
import { reasonOf } from '../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Provider } from '../providers/provider.ts'
import { mayHave } from './former-data.ts'
import { sleepUnless, type ServiceParts } from './parts.ts'
import { refresh } from './refresh.ts'
import { callFor, waitsFor } from './rights.ts'

/** Listens to the consoles of guests that may say there what became of their data. */
export interface ConsoleListener {
  /** Listens until the delivery is settled or the instance gone. No effect where a plan expects nothing on the console. */
  listen(instance: Instance): void
  /**
   * Reads the console once on behalf of a caller, where nobody can listen without one: what it says is recorded when this
   * resolves. No effect where somebody listens, nothing is expected, or it was read a moment ago.
   */
  hear(instance: Instance, caller: Caller): Promise<void>
  /** Resolves once nobody listens any more; begin by firing `closing` of the parts. */
  close(): Promise<void>
}

const READ_MS = 5000
/** A guest that has said nothing for so long after its last change will not. */
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
  const heardAt = new Map<string, number>()

  /**
   * What a console said that is not recorded yet: after a restart it is read again from its beginning.
   *
   * @param end behind what was read
   */
  async function record(instance: Instance, said: readonly ContextEvent[], end: number): Promise<void> {
    if (said.length === 0) return
    // What it fetched before it spoke.
    await recorder.flush()
    const events = await store.listEvents(instance.id)
    const isCurrent = mayHave(instance, events)
    const heard = isCurrent ? said : said.map((event) => ofFormer(event, instance.userDataSha256))
    const known = new Set(events.map(keyOf))
    for (const event of heard) if (!known.has(keyOf(event))) recorder.record(event)
    await recorder.flush()
    if (!isCurrent) await passOver(instance.id, end)
  }

  /** Read again when the guest has the data, its former words would be taken for words on these. */
  async function passOver(id: string, end: number): Promise<void> {
    const { consoleFrom = 0 } = (await store.getInstance(id)) ?? { consoleFrom: end }
    if (consoleFrom < end) await store.updateInstance(id, { consoleFrom: end })
  }

  /** The instance as it is now: its data may be others by then. `undefined` once there is nothing more to hear. */
  async function unsettled(id: string): Promise<Instance | undefined> {
    const instance = await store.getInstance(id)
    return instance && instance.state !== 'deleting' && !(await isSettled(instance)) ? instance : undefined
  }

  async function isSettled({ id, revision }: Instance): Promise<boolean> {
    const events = await store.listEvents(id)
    const { state, finishedUnproven } = deliveryOf(events, revision)
    if (state === 'applied' || state === 'failed') return true
    const last = events.findLast(({ kind }) => kind === 'finished')
    return finishedUnproven && last !== undefined && Date.now() - last.at >= LAST_WORDS_MS
  }

  async function follow(id: string, remoteId: string, provider: Provider): Promise<void> {
    let [from, rest, refreshedAt] = [0, '', Date.now()]
    for (;;) {
      const instance = await unsettled(id)
      if (!instance || closing.aborted || Date.now() - instance.updatedAt >= LISTEN_MAX_MS) return
      // What it said before was of other data.
      if (from < (instance.consoleFrom ?? 0)) [from, rest] = [instance.consoleFrom ?? 0, '']
      const piece = await provider.console?.(remoteId, from, callFor(provider, undefined, READ_MS, [closing]))
      const { text, next } = piece ?? { text: '', next: from }
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-LINE_MAX_CHARACTERS)
      await record(
        instance,
        lines.flatMap((line) => heard(line, instance)),
        next - Buffer.byteLength(rest),
      )
      if (next === from) await sleepUnless(provider.capabilities.consoleEveryMs ?? everyMs, closing)
      from = next
      if (Date.now() - refreshedAt > REFRESH_EVERY_MS) {
        await refresh(parts, instance, undefined).catch(() => {})
        refreshedAt = Date.now()
      }
    }
  }

  /** Where something may be said. */
  function speaker({
    provider: name,
    remoteId,
    plan,
  }: Instance): { readonly provider: Provider; readonly remoteId: string } | undefined {
    const provider = parts.providers.get(name)
    const says = plan.deliveries.some(({ evidence }) => evidence.includes('console'))
    return provider?.console && says && remoteId !== undefined ? { provider, remoteId } : undefined
  }

  async function readOnce(
    instance: Instance,
    { provider, remoteId }: NonNullable<ReturnType<typeof speaker>>,
    caller: Caller,
  ): Promise<void> {
    const now = Date.now()
    const pauseMs = provider.capabilities.consoleEveryMs ?? everyMs
    if (now - (heardAt.get(instance.id) ?? -Infinity) < pauseMs || !(await unsettled(instance.id))) return
    for (const [id, at] of heardAt) if (now - at >= pauseMs) heardAt.delete(id)
    heardAt.set(instance.id, now)
    const from = instance.consoleFrom ?? 0
    const piece = await provider.console?.(remoteId, from, callFor(provider, caller, READ_MS, [closing]))
    const lines = piece?.text.split('\n') ?? []
    await record(
      instance,
      lines.flatMap((line) => heard(line, instance)),
      piece?.next ?? from,
    )
  }

  return {
    async hear(instance, caller) {
      const from = speaker(instance)
      if (!from || !waitsFor(from.provider, caller)) return
      await readOnce(instance, from, caller).catch((error: unknown) =>
        log.warn({ instanceId: instance.id, reason: reasonOf(error) }, 'its console could not be read'),
      )
    },
    listen(instance) {
      const { id } = instance
      const from = speaker(instance)
      if (!from || listening.has(id) || !waitsFor(from.provider, undefined)) return
      const { provider, remoteId } = from
      const following = follow(id, remoteId, provider)
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

function heard(line: string, { id, revision, spec, plan, userDataSha256 }: Instance): readonly ContextEvent[] {
  const word = parseConsoleLine(line, spec.userData)
  if (!word) return []
  const wrappedSha256 = plan.wrapped?.sha256
  return [
    toEvent(word, {
      instanceId: id,
      revision,
      at: Date.now(),
      evidence: 'console',
      ...(userDataSha256 === undefined ? {} : { userDataSha256 }),
      ...(wrappedSha256 === undefined ? {} : { wrappedSha256 }),
    }),
  ]
}

/** All of an event but when it was heard. */
function keyOf({ at: _, ...event }: ContextEvent): string {
  return JSON.stringify(event, Object.keys(event).toSorted())
}
