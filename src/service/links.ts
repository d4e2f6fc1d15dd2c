import { CloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { Link, LinkSpec } from '../model/link.ts'
import type { Call } from '../providers/provider.ts'
import { oneAtATime } from '../providers/turns.ts'
import { ownInstance, requireMember } from './access.ts'
import { fromAttached, toNetworkAttachment, toVolumeAttachment } from './attachments.ts'
import { remoteIdOf } from './ids.ts'
import { resourceLifecycle, type Lifecycle, type ResourceWork } from './lifecycle.ts'
import { groupOf } from './makers.ts'
import { sharedNetworks } from './networks.ts'
import { missingNetworks, needsNumber, toLink, type LinkOwner } from './new-link.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { renamed } from './renaming.ts'
import type { LinkUseCases } from './service.ts'
import type { Turnstile } from './turnstile.ts'

/** The use cases of links, what a new instance needs of them, and what finishes those that are unfinished. */
export interface LinkWork extends LinkUseCases {
  /**
   * Makes the links of a new instance, with those networks that every machine of its provider is on, and keeps them by
   * `insert`: until it has, nobody else gets their addresses.
   *
   * @throws {CloudError} as {@link toLink}
   */
  withNew<T>(
    owner: LinkOwner,
    specs: readonly LinkSpec[],
    caller: Caller,
    insert: (links: readonly Link[]) => Promise<T>,
  ): Promise<T>
  readonly mendAll: Lifecycle<Link>['mendAll']
}

/** @param turnstile so that nothing is attached to an instance that is just being deleted */
export function linkUseCases(parts: ServiceParts, turnstile: Pick<Turnstile, 'pass'>): LinkWork {
  const { store } = parts
  const lifecycle = resourceLifecycle(parts, 'link', linkWork(parts, turnstile))
  const turns = oneAtATime()
  // An address is chosen by looking which are taken.
  const numbering = <T>(specs: readonly LinkSpec[], task: () => Promise<T>): Promise<T> =>
    specs.some(needsNumber) ? turns('addresses', task) : task()

  async function own(id: string, { project }: Caller): Promise<Link> {
    const link = await store.getResource('link', id)
    if (link?.project === project) return link
    throw new CloudError('not-found', `there is no link ${id.slice(0, 100)}`)
  }

  return {
    async withNew(owner, specs, caller, insert) {
      const shared = await sharedNetworks(parts, caller, owner.provider)
      const all = [...specs, ...missingNetworks(shared, specs)]
      return await numbering(all, async () => {
        const links: Link[] = []
        for (const spec of all) links.push(await toLink(parts, owner, spec, { caller, beside: links, shared }))
        return await insert(links)
      })
    },
    async create({ instanceId, spec, id, idempotencyKey }, caller) {
      const instance = await ownInstance(store, instanceId, caller)
      requireMember(caller)
      remoteIdOf(instance)
      const [link, earlier] = await numbering([spec], async () => {
        const link = await toLink(parts, instance, spec, { caller, beside: [] }, { id, idempotencyKey })
        return [link, await lifecycle.insert(link, idempotencyKey === undefined ? undefined : isSameLink(link))]
      })
      return earlier ?? (await lifecycle.make(link, caller))
    },
    get: own,
    list: ({ project }) => store.listResources('link', { project }),
    ofInstance: async (instanceId, caller) => {
      const { id } = await ownInstance(store, instanceId, caller)
      return await store.listResources('link', { instanceId: id })
    },
    async rename(id, change, caller) {
      const link = await own(id, caller)
      requireMember(caller)
      const { name, labels } = renamed(link, change)
      return await store.updateResource('link', id, { name, labels, updatedAt: Date.now() })
    },
    async delete(id, caller) {
      const link = await own(id, caller)
      requireMember(caller)
      await lifecycle.remove(link, caller)
    },
    mendAll: lifecycle.mendAll,
  }
}

function isSameLink({ instanceId, targetRemoteId }: Link): (earlier: Link) => boolean {
  return (earlier) => earlier.instanceId === instanceId && earlier.targetRemoteId === targetRemoteId
}

/** A guest that asks again is told of the cards that it has now. */
async function renewNetwork(
  parts: ServiceParts,
  { provider, instanceId }: Link,
  remoteId: string,
  call: Call,
): Promise<void> {
  const { network } = await providerNamed(parts, provider).get(remoteId, call)
  if (!network) return
  await parts.store.updateInstance(instanceId, { network, updatedAt: Date.now() })
  parts.metadata?.refresh(instanceId)
}

function linkWork(parts: ServiceParts, turnstile: Pick<Turnstile, 'pass'>): ResourceWork<Link> {
  const { store } = parts

  /** Nothing else is done to the instance meanwhile; one that is gone needs nothing. */
  async function withInstance<T>(link: Link, task: (remoteId: string) => Promise<T>): Promise<T | undefined> {
    const done = await turnstile.pass(link.instanceId, async () => {
      const instance = await store.getInstance(link.instanceId)
      return { value: instance && (await task(remoteIdOf(instance))) }
    })
    if (done) return done.value
    throw new CloudError(
      'unavailable',
      `instance ${link.instanceId} is being changed by another node; it is tried again`,
    )
  }

  return {
    make: async (link, call) => {
      const attached = await withInstance(link, async (remoteId) => {
        if (link.kind === 'volume')
          return await groupOf(parts, link.provider, 'volumes').attach(remoteId, toVolumeAttachment(link), call)
        const card = await groupOf(parts, link.provider, 'networks').attach(remoteId, toNetworkAttachment(link), call)
        await renewNetwork(parts, link, remoteId, call)
        return card
      })
      if (attached) return fromAttached(link, attached)
      throw new CloudError('not-found', `there is no instance ${link.instanceId}`)
    },
    look: async () => ({}),
    unmake: async (link, call) => {
      await withInstance(link, async (remoteId) => {
        if (link.kind === 'volume')
          return await groupOf(parts, link.provider, 'volumes').detach(remoteId, toVolumeAttachment(link), call)
        await groupOf(parts, link.provider, 'networks').detach(remoteId, toNetworkAttachment(link), call)
        return await renewNetwork(parts, link, remoteId, call)
      })
    },
    // It comes with its instance, or not at all.
    waits: async ({ instanceId }) => {
      const instance = await store.getInstance(instanceId)
      return instance !== undefined && instance.remoteId === undefined
    },
  }
}
