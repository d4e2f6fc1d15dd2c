import { reasonOf } from '../model/errors.ts'
import type { Instance } from '../model/instance.ts'
import { launch } from './launch.ts'
import { offerAgain } from './offers.ts'
import { sleepUnless, type ServiceParts } from './parts.ts'
import { refreshAll } from './refresh.ts'
import { remove } from './removal.ts'
import type { Turnstile } from './turnstile.ts'

/** How the reconciler works with the rest. */
export interface ReconcilerOptions {
  readonly turnstile: Turnstile
  readonly onLaunched: (instance: Instance) => void
  /** Finishes what is beside instances. */
  readonly mendResources: () => Promise<void>
  /** How often unfinished instances are looked for, in milliseconds. */
  readonly everyMs: number
}

/** Mends what a crash left half done. */
export interface Reconciler {
  /** Offers again what lives on, listens to it, and mends what is unfinished; resolves when the first is done. */
  start(): Promise<void>
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
  { turnstile, onLaunched, mendResources, everyMs }: ReconcilerOptions,
): Reconciler {
  const { store, log, closing } = parts
  let running: readonly Promise<void>[] = []

  async function mend(id: string): Promise<void> {
    await turnstile.pass(id, async () => {
      // Whoever held the turn before may have finished it.
      const instance = await store.getInstance(id)
      if (instance?.state === 'deleting') await remove(parts, instance)
      if (instance && isUnlaunched(instance)) {
        log.info({ instanceId: id }, 'an unfinished create is mended')
        onLaunched(await launch(parts, instance, { isNew: false, signal: closing, takesRefusal: () => false }))
      }
    })
  }

  async function round(): Promise<void> {
    const found = await store.listInstances({ states: UNFINISHED })
    const unfinished = found.filter(
      (each) => (each.state === 'deleting' || isUnlaunched(each)) && !turnstile.isBusy(each.id),
    )
    await eachAtOnce(unfinished, ({ id }) =>
      mend(id).catch((error: unknown) => {
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

  async function refreshStates(): Promise<void> {
    for (const provider of parts.providers.values())
      await refreshAll(parts, provider).catch((error: unknown) => {
        if (!closing.aborted)
          log.warn({ provider: provider.name, reason: reasonOf(error) }, 'states could not be asked')
      })
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
        every(everyMs, 'mending unfinished instances', round),
        every(everyMs, 'mending unfinished volumes, networks and links', mendResources),
        every(REFRESH_EVERY_MS, 'refreshing states', refreshStates),
        every(PRUNE_EVERY_MS, 'forgetting deleted instances', () => store.pruneEvents(Date.now() - KEEP_DELETED_MS)),
      ]
    },
    close: async () => void (await Promise.all(running)),
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
