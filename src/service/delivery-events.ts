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
    }
  })
}
