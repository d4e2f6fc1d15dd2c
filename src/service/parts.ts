import type { MetadataDelivery } from '../deliveries/delivery.ts'
import { CloudError } from '../model/errors.ts'
import type { Call, Provider } from '../providers/provider.ts'
import type { Store } from '../store/store.ts'
import type { PlanRules } from './plan.ts'
import type { EventRecorder } from './recorder.ts'

/** Where the service's own talk goes; a pino logger is one. */
interface ServiceLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** What all use cases work with. */
export interface ServiceParts {
  readonly store: Store
  /** By name, the one that is taken where nobody chooses first. */
  readonly providers: ReadonlyMap<string, Provider>
  /** Absent: there is no metadata server of ours. */
  readonly metadata?: MetadataDelivery
  readonly recorder: EventRecorder
  readonly rules: PlanRules
  readonly log: ServiceLog
  /** Fires when the service closes: nothing new is begun, and what is under way is left for the next start. */
  readonly closing: AbortSignal
}

/** @throws {CloudError} unavailable when the configuration no longer has the provider */
export function providerNamed({ providers }: Pick<ServiceParts, 'providers'>, name: string): Provider {
  const provider = providers.get(name)
  if (provider) return provider
  throw new CloudError('unavailable', `the provider ${name} is not configured here (any more)`)
}

/** A call that may take `ms`, and ends with any of `signals`. */
export function callWithin(ms: number, signals: readonly AbortSignal[], credential?: Call['credential']): Call {
  return {
    signal: AbortSignal.any([...signals, AbortSignal.timeout(ms)]),
    deadline: Date.now() + ms,
    ...(credential ? { credential } : {}),
  }
}

/** Waits, or until the signal fires: then it resolves at once. */
export function sleepUnless(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
