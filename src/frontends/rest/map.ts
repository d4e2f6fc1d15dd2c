import type { ContextEvent } from '../../model/events.ts'
import type { Instance } from '../../model/instance.ts'

/** An instance as the REST API shows it: no user data, times as ISO 8601. */
export function toInstance(instance: Instance): Record<string, unknown> {
  const { id, provider, remoteId, state, reason, image, size, revision, userDataSha256 } = instance
  return {
    id,
    name: instance.spec.name,
    provider,
    remoteId,
    state,
    reason,
    image: image.name,
    size: size.name,
    revision,
    userDataSha256,
    createdAt: new Date(instance.createdAt).toISOString(),
    updatedAt: new Date(instance.updatedAt).toISOString(),
  }
}

/** An event as the REST API shows it: `at` as ISO 8601. */
export function toEvent(event: ContextEvent): Record<string, unknown> {
  return { ...event, at: new Date(event.at).toISOString() }
}
