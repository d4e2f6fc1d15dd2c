import type { ContextEvent } from '../model/events.ts'
import type { Instance } from '../model/instance.ts'

type Planned = Pick<Instance, 'id' | 'revision' | 'plan' | 'userDataSha256'>

/** What begins the timeline of a revision: each way by which its data shall come, and why. @param at epoch, in ms */
export function plannedEvents(instance: Planned, at: number): readonly ContextEvent[] {
  return eventsOf(instance, 'planned', at, ({ why }) => why)
}

/** Its data are where the guest can get them, by each way of the plan. */
export function offeredEvents(instance: Planned): readonly ContextEvent[] {
  return eventsOf(instance, 'offered', Date.now(), () => undefined)
}

/** As {@link offeredEvents} of a guest that runs: our metadata server has them at once, a disk at its next start. */
export function offeredAtOnce(instance: Planned): readonly ContextEvent[] {
  return offeredEvents(instance).filter(({ method }) => method === 'metadata')
}

/**
 * The ways that wait for the guest to be started anew, which it is now. Where none is offered yet, nobody knows what became of the
 * data: then nothing is said of the rest either.
 *
 * @param events all of the instance
 */
export function offeredAtStart(instance: Planned, events: readonly ContextEvent[]): readonly ContextEvent[] {
  const offered = new Set(
    events.flatMap(({ kind, revision, method }) =>
      kind === 'offered' && revision === instance.revision && method ? [method] : [],
    ),
  )
  if (offered.size === 0) return []
  return offeredEvents(instance).filter(({ method }) => method && !offered.has(method))
}

function eventsOf(
  { id, revision, plan, userDataSha256 }: Planned,
  kind: 'planned' | 'offered',
  at: number,
  detailOf: (delivery: Planned['plan']['deliveries'][number]) => string | undefined,
): readonly ContextEvent[] {
  return plan.deliveries.map((delivery) => {
    const detail = detailOf(delivery)
    return {
      at,
      instanceId: id,
      revision,
      kind,
      source: 'service',
      method: delivery.method,
      ...(detail === undefined ? {} : { detail }),
      ...(userDataSha256 === undefined ? {} : { sha256: userDataSha256 }),
      ...(kind === 'planned' && plan.wrapped?.sha256 !== undefined ? { wrappedSha256: plan.wrapped.sha256 } : {}),
    }
  })
}
