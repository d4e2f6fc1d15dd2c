import type { ContextEvent } from '../model/events.ts'
import type { Instance } from '../model/instance.ts'

/**
 * Whether the guest may have an instance's data as they are now. Those that came by an update reach a guest that runs when it asks our
 * metadata server for them, and by any other way once they are offered, for which it starts anew. Till then it works with the former.
 *
 * @param events all of the instance
 */
export function mayHave(
  { revision, plan }: Pick<Instance, 'revision' | 'plan'>,
  events: readonly ContextEvent[],
): boolean {
  if (revision === 1) return true
  const asks = plan.deliveries.some(({ method, by }) => method === 'metadata' && by === undefined)
  const own = events.filter((event) => event.revision === revision)
  return own.some(({ kind, method }) => kind === 'fetched' || (kind === 'offered' && !(asks && method === 'metadata')))
}
