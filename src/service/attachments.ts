import type { Link, NetworkLink, VolumeLink } from '../model/link.ts'
import { isCloudError } from '../model/errors.ts'
import type { Attached, NetworkAttachment, VolumeAttachment } from '../providers/provider.ts'
import type { Store } from '../store/store.ts'

/** A link as a provider has to know it. */
export function toVolumeAttachment({ id, targetRemoteId }: VolumeLink): VolumeAttachment {
  return { linkId: id, volumeRemoteId: targetRemoteId }
}

/** A link as a provider has to know it. */
export function toNetworkAttachment(link: NetworkLink): NetworkAttachment {
  const { id, targetRemoteId, mac, address, prefixLength, gateway } = link
  return {
    linkId: id,
    networkRemoteId: targetRemoteId,
    ...(mac === undefined ? {} : { mac }),
    ...(address === undefined ? {} : { address }),
    ...(prefixLength === undefined ? {} : { prefixLength }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

/** What a new instance has from its first boot on. */
export function toAttachments(links: readonly Link[]): {
  readonly volumes: readonly VolumeAttachment[]
  readonly networks: readonly NetworkAttachment[]
} {
  return {
    volumes: links.filter((link) => link.kind === 'volume').map(toVolumeAttachment),
    networks: links.filter((link) => link.kind === 'network').map(toNetworkAttachment),
  }
}

/** A link once its provider has made it. */
export function fromAttached(
  { kind }: Link,
  attached: Omit<Attached, 'linkId'>,
): Partial<VolumeLink> | Partial<NetworkLink> {
  const { device, mac, address, gateway } = attached
  const base = { state: 'active', ...(device === undefined ? {} : { device }) } as const
  if (kind === 'volume') return base
  return {
    ...base,
    ...(mac === undefined ? {} : { mac }),
    ...(address === undefined ? {} : { address }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

/** Records what a provider tells of an instance's links: those that came with it are there now, and devices are renamed. */
export async function settleLinks(
  store: Pick<Store, 'listResources' | 'updateResource'>,
  instanceId: string,
  attached: readonly Attached[],
): Promise<void> {
  for (const link of await store.listResources('link', { instanceId, states: ['creating', 'active'] })) {
    const known = attached.find(({ linkId }) => linkId === link.id) ?? {}
    const change = { ...fromAttached(link, known), updatedAt: Date.now() }
    await store.updateResource('link', link.id, change).catch(async (error: unknown) => {
      // The machine is there: what its cloud says that cannot be is the link's fault, not the machine's.
      if (!isCloudError(error, 'conflict')) throw error
      await store.updateResource('link', link.id, { state: 'error', reason: error.message })
    })
  }
}
