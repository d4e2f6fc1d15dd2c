import type { ContextEvent } from '../../model/events.ts'
import type { Instance } from '../../model/instance.ts'
import type { ProviderReport } from '../../service/service.ts'

/** An instance as the REST API shows it: no user data, times as ISO 8601. */
export function fromInstance(instance: Instance): Record<string, unknown> {
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

/** Where its guest may be reached: public addresses first, each once. */
export function addressesOf({ facts, network }: Pick<Instance, 'facts' | 'network'>): readonly string[] {
  const { publicIpv4, localIpv4 } = facts
  const ofCards = network?.nics.flatMap(({ addresses }) => addresses.map(({ address }) => address)) ?? []
  return [...new Set([publicIpv4, localIpv4, ...ofCards].filter((address) => address !== undefined))]
}

/** An event as the REST API shows it: `at` as ISO 8601. @param sequence its place in the instance's timeline, from 1 */
export function fromEvent(event: ContextEvent, sequence: number): Record<string, unknown> {
  return { sequence, ...event, at: new Date(event.at).toISOString() }
}

/** A provider as the REST API shows it. */
export function fromProvider({ capabilities, deliveries, ...told }: ProviderReport): Record<string, unknown> {
  const { name, update, isReachable, savesImages, userDataMaxBytes, hasVolumes, hasNetworks } = told
  return {
    name,
    reachable: isReachable,
    rights: capabilities.rights ?? 'site',
    update: update === false ? 'none' : update,
    actions: capabilities.actions,
    userDataMaxBytes,
    keysMax: capabilities.keysMax,
    deliveries: deliveries.map(({ method, by, layouts, userDataMaxBytes: maxBytes, evidence }) => ({
      method,
      by,
      layouts,
      userDataMaxBytes: maxBytes,
      evidence,
    })),
    savesImages,
    volumes: hasVolumes,
    networks: hasNetworks,
  }
}
