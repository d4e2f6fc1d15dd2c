import type { Caller, Instance } from '../model/instance.ts'
import { abilitiesOf } from './abilities.ts'
import { cloudVendorData, type CloudVendorDataOptions } from './cloud-vendor-data.ts'
import { documentUseCases } from './documents.ts'
import { createConsoleListener } from './evidence.ts'
import { instanceUseCases } from './instances.ts'
import { projectLabels } from './labels.ts'
import { linkUseCases } from './links.ts'
import { makersOf } from './makers.ts'
import { networkUseCases } from './networks.ts'
import type { ServiceParts } from './parts.ts'
import { providerReports } from './provider-reports.ts'
import { createReconciler } from './reconcile.ts'
import type { Service } from './service.ts'
import { createSilenceWatch } from './silence.ts'
import { createTurnstile } from './turnstile.ts'
import { volumeUseCases } from './volumes.ts'

/** What a service is made of; the numbers have defaults and are there for tests. */
export interface ServiceOptions extends Omit<ServiceParts, 'closing'>, Pick<CloudVendorDataOptions, 'reportUrl'> {
  /** This node's name among those that share the store; the same after a restart. */
  readonly node: string
  readonly answerMs?: number
  readonly reconcileEveryMs?: number
  readonly listenEveryMs?: number
  readonly straysEveryMs?: number
  /** How long a guest may take until a way shows a sign of it, in milliseconds (default 120 s); a provider may allow more. */
  readonly signWithinMs?: number
}

/** A service with its work in the background. */
export interface RunningService {
  readonly service: Service
  /** Offers again what outlived the last run and begins to mend what it left unfinished. */
  start(): Promise<void>
  /** Begins nothing new and leaves what is under way for the next start. */
  close(): Promise<void>
}

/**
 * The use cases, the reconciler, and who listens to guests and waits for their signs, over one store.
 *
 * @example
 * const running = createService({ store, providers, recorder, rules, log, node: hostname() })
 * await running.start()
 */
export function createService(options: ServiceOptions): RunningService {
  const {
    node,
    answerMs = 10_000,
    reconcileEveryMs = 5000,
    listenEveryMs = 250,
    straysEveryMs = 300_000,
    signWithinMs = 120_000,
    reportUrl,
    ...rest
  } = options
  const closing = new AbortController()
  const parts: ServiceParts = { ...rest, closing: closing.signal }
  const turnstile = createTurnstile(parts, node)
  const consoles = createConsoleListener(parts, listenEveryMs)
  const silence = createSilenceWatch(parts, turnstile, signWithinMs)
  const onLaunched = (instance: Instance): void => {
    consoles.listen(instance)
    silence.watch(instance)
  }
  const onAsked = (instance: Instance, caller: Caller): Promise<void> => consoles.hear(instance, caller)
  const [volumes, networks] = [volumeUseCases(parts), networkUseCases(parts)]
  const links = linkUseCases(parts, turnstile)
  const mendResources = async (caller?: Caller): Promise<void> => {
    for (const resources of [volumes, networks, links]) await resources.mendAll(caller)
  }
  const everyMs = { everyMs: reconcileEveryMs, straysEveryMs }
  const reconciler = createReconciler(parts, { turnstile, onLaunched, mendResources, ...everyMs })
  return {
    service: {
      ...instanceUseCases(parts, { turnstile, links, onLaunched, onAsked, answerMs }),
      welcome: (caller) => reconciler.welcome(caller),
      makers: (of) => makersOf(parts, of),
      abilities: () => abilitiesOf(parts),
      providerReports: providerReports(parts),
      volumes,
      networks,
      links,
      labels: projectLabels(parts),
      documents: documentUseCases(parts),
      cloudVendorData: cloudVendorData({ ...parts, ...(reportUrl ? { reportUrl } : {}) }),
    },
    start: () => reconciler.start(),
    close: async () => {
      closing.abort()
      await Promise.all([reconciler.close(), turnstile.idle(), consoles.close(), silence.close()])
    },
  }
}
