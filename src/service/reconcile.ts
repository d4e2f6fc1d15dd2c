import { reasonOf } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import { launch } from './launch.ts'
import { offerAgain } from './offers.ts'
import { sleepUnless, type ServiceParts } from './parts.ts'
import { refreshAll } from './refresh.ts'
import { remove } from './removal.ts'
import { settleStrays } from './strays.ts'
import { waitsFor } from './rights.ts'
import type { Turnstile } from './turnstile.ts'

/** How the reconciler works with the rest. */
export interface ReconcilerOptions {
  readonly turnstile: Turnstile
  readonly onLaunched: (instance: Instance) => void
  /** Finishes what is beside instances. */
  readonly mendResources: (caller?: Caller) => Promise<void>
  /** How often unfinished instances are looked for, in milliseconds. */
  readonly everyMs: number
  /** How often clouds are looked through for machines that nobody has, in milliseconds. */
  readonly straysEveryMs: number
}

/** Mends what a crash left half done. */
export interface Reconciler {
  /** Offers again what lives on, listens to it, and mends what is unfinished; resolves when the first is done. */
  start(): Promise<void>
  /**
   * Finishes and refreshes, in the background, what could not be without the rights of this caller, who is here now. What
   * he can see may be fresh at his next look.
   */
  welcome(caller: Caller): void
  /** Resolves once nothing is under way; begin by firing `closing` of the parts. */
  close(): Promise<void>
}

const UNFINISHED = ['creating', 'deleting'] as const
const AT_ONCE = 8
/** What is deleted is forgotten after so long, with its events and idempotency keys. */
const KEEP_DELETED_MS = 30 * 24 * 3_600_000
const PRUNE_EVERY_MS = 3_600_000
const REFRESH_EVERY_MS = 15_000

/**
 * An instance that is `creating` without a `remoteId`, or `deleting`, is unfinished: whoever worked on it may have died. It
 * is finished here: looked for at its provider by our id and adopted, created or deleted.
 */
export function createReconciler(
  parts: ServiceParts,
  { turnstile, onLaunched, mendResources, everyMs, straysEveryMs }: ReconcilerOptions,
): Reconciler {
  const { store, log, closing } = parts
  let running: readonly Promise<void>[] = []
  const welcomes = new Map<string, Promise<void>>()
  const lookedAt = new Map<string, number>()

  async function mend(id: string, caller?: Caller): Promise<void> {
    await turnstile.pass(id, async () => {
      // Whoever held the turn before may have finished it.
      const instance = await store.getInstance(id)
      if (instance?.state === 'deleting') await remove(parts, instance, caller)
      if (instance && isUnlaunched(instance)) {
        log.info({ instanceId: id }, 'an unfinished create is mended')
        const options = { isNew: false, whose: caller, signal: closing, takesRefusal: () => false }
        onLaunched(await launch(parts, instance, options))
      }
    })
  }

  /** Of one that is not configured any more it is said each time that its instances wait. */
  function isFor({ provider: name }: Instance, caller: Caller | undefined): boolean {
    const provider = parts.providers.get(name)
    return provider ? waitsFor(provider, caller) : caller === undefined
  }

  async function round(isMine: (provider: string) => boolean, caller?: Caller): Promise<void> {
    const found = await store.listInstances({ states: UNFINISHED, ...(caller ? { project: caller.project } : {}) })
    const unfinished = found.filter(
      (each) =>
        isMine(each.provider) &&
        (each.state === 'deleting' || isUnlaunched(each)) &&
        !turnstile.isBusy(each.id) &&
        isFor(each, caller),
    )
    await eachAtOnce(unfinished, ({ id }) =>
      mend(id, caller).catch((error: unknown) => {
        if (!closing.aborted) log.warn({ instanceId: id, reason: reasonOf(error) }, 'an unfinished instance waits')
      }),
    )
  }

  /** The guests outlived us: their metadata sockets must be there again, and what they said meanwhile is read. */
  async function welcomeBack(): Promise<void> {
    const alive = (await store.listInstances({})).filter(
      ({ remoteId, state }) => remoteId !== undefined && state !== 'deleting',
    )
    await eachAtOnce(alive, async (instance) => {
      await offerAgain(instance, parts.metadata).catch((error: unknown) =>
        log.error({ instanceId: instance.id, reason: reasonOf(error) }, 'its metadata socket is not there'),
      )
      onLaunched(instance)
    })
  }

  async function refreshStates(caller?: Caller): Promise<void> {
    const asked = [...parts.providers.values()].filter((each) => waitsFor(each, caller))
    await Promise.all(
      asked.map((provider) =>
        refreshAll(parts, provider, caller).catch((error: unknown) => {
          if (!closing.aborted)
            log.warn({ provider: provider.name, reason: reasonOf(error) }, 'states could not be asked')
        }),
      ),
    )
  }

  async function strays(caller?: Caller): Promise<void> {
    const asked = [...parts.providers.values()].filter((each) => waitsFor(each, caller))
    await Promise.all(
      asked.map((provider) =>
        settleStrays({ parts, turnstile, onLaunched }, provider, caller).catch((error: unknown) => {
          if (!closing.aborted)
            log.warn({ provider: provider.name, reason: reasonOf(error) }, 'machines could not be looked through')
        }),
      ),
    )
  }

  /** As seldom as where nobody's rights are needed. */
  function isDue(project: string): boolean {
    const now = Date.now()
    for (const [each, at] of lookedAt) if (now - at >= straysEveryMs) lookedAt.delete(each)
    if (lookedAt.has(project)) return false
    lookedAt.set(project, now)
    return true
  }

  async function finishFor(caller: Caller): Promise<void> {
    if (caller.role === 'member') {
      await round(() => true, caller)
      await mendResources(caller)
      if (isDue(caller.project)) await strays(caller)
    }
    await refreshStates(caller)
    // He may ask on and on: once in a while is enough.
    await sleepUnless(everyMs, closing)
  }

  async function every(ms: number, what: string, task: () => Promise<void>): Promise<void> {
    while (!closing.aborted) {
      await task().catch((error: unknown) => {
        if (!closing.aborted) log.warn({ reason: reasonOf(error) }, `${what} failed; it is tried again`)
      })
      await sleepUnless(ms, closing)
    }
  }

  return {
    async start() {
      await welcomeBack()
      running = [
        // Each provider by itself: what waits for one that does not answer keeps nothing from the others.
        ...[...parts.providers.keys()].map((name) =>
          every(everyMs, `mending unfinished instances of ${name}`, () => round((each) => each === name)),
        ),
        every(everyMs, 'mending unfinished instances', () => round((each) => !parts.providers.has(each))),
        every(straysEveryMs, 'looking for machines that nobody has', () => strays()),
        every(everyMs, 'mending unfinished volumes, networks and links', () => mendResources()),
        every(REFRESH_EVERY_MS, 'refreshing states', () => refreshStates()),
        every(PRUNE_EVERY_MS, 'forgetting deleted instances', () => store.pruneEvents(Date.now() - KEEP_DELETED_MS)),
      ]
    },
    welcome(caller) {
      const key = `${caller.role} ${caller.project}`
      const isNeeded = [...parts.providers.values()].some((provider) => waitsFor(provider, caller))
      if (!isNeeded || closing.aborted || welcomes.has(key)) return
      const finishing = finishFor(caller)
        .catch((error: unknown) => {
          if (!closing.aborted) log.warn({ reason: reasonOf(error) }, 'what waits for its owner was not finished')
        })
        .finally(() => welcomes.delete(key))
      welcomes.set(key, finishing)
    },
    close: async () => void (await Promise.all([...running, ...welcomes.values()])),
  }
}

function isUnlaunched({ state, remoteId }: Instance): boolean {
  return state === 'creating' && remoteId === undefined
}

async function eachAtOnce<T>(all: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values()
  const worker = async (): Promise<void> => {
    for (const one of rest) await task(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
