import type { ContextEvent } from '../../../model/events.ts'
import type { Instance } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Exchange } from '../exchange.ts'

/** An instance with what happened to it, in order. Events are only ever added, so their place names them. */
export interface Course {
  readonly instance: Instance
  readonly events: readonly ContextEvent[]
}

/** Of one instance. @throws {CloudError} not-found */
export async function courseOf(service: Service, id: string, { caller }: Pick<Exchange, 'caller'>): Promise<Course> {
  const [instance, events] = await Promise.all([service.get(id, caller), service.events(id, caller)])
  return { instance, events }
}

/** Of all instances of the caller's project, as last seen. */
export async function coursesOf(service: Service, { caller }: Pick<Exchange, 'caller'>): Promise<readonly Course[]> {
  const [instances, events] = await Promise.all([service.list(caller), service.projectEvents(caller)])
  return instances.map((instance) => ({ instance, events: events.get(instance.id) ?? [] }))
}
