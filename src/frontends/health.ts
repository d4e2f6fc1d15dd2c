import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { ContextEvent } from '../model/events.ts'
import type { InstanceState } from '../model/instance.ts'
import { textResponse, type GuardedHandler, type HttpHandler } from './http.ts'

/** Whether the process lives: answers always. */
export const healthz: HttpHandler = async () => textResponse(200, 'ok\n')

/** Whether requests can be served. @param check rejects while they cannot */
export function readyz(check: () => Promise<void>): HttpHandler {
  return async () => {
    try {
      await check()
      return textResponse(200, 'ready\n')
    } catch {
      // Anybody may ask here, so the reason is not told; the log has it.
      return textResponse(503, 'not ready\n')
    }
  }
}

/** What is counted, and the handler that shows it in Prometheus' text format. */
export interface Metrics {
  readonly handler: GuardedHandler
  count(event: ContextEvent): void
}

/** @param instances how many there are, by state; asked when somebody looks */
export function createMetrics(instances: () => Promise<ReadonlyMap<InstanceState, number>>): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'bellhop_' })
  const events = new Counter({
    name: 'bellhop_guest_events_total',
    help: 'What guests did or said, by kind and by who saw it',
    labelNames: ['kind', 'source'] as const,
    registers: [registry],
  })
  registry.registerMetric(
    new Gauge({
      name: 'bellhop_instances',
      help: 'Instances that are kept, by state',
      labelNames: ['state'] as const,
      registers: [],
      async collect() {
        this.reset()
        for (const [state, number] of await instances()) this.set({ state }, number)
      },
    }),
  )
  return {
    handler: async () => textResponse(200, await registry.metrics(), [['Content-Type', registry.contentType]]),
    count: ({ kind, source }) => events.inc({ kind, source }),
  }
}
