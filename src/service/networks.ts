import { CloudError, reasonOf } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { Network } from '../model/network.ts'
import type { RemoteNetwork, SharedNetwork } from '../providers/provider.ts'
import { requireMember } from './access.ts'
import { checkNumbering } from './addresses.ts'
import { isOwnId, newId, remoteIdOf } from './ids.ts'
import { resourceLifecycle, type ResourceWork } from './lifecycle.ts'
import { chooseMaker, groupOf } from './makers.ts'
import { callWithin, type ServiceParts } from './parts.ts'
import { renamed } from './renaming.ts'
import type { NetworkUseCases } from './service.ts'

const ACT_MS = 60_000
const LIST_MS = 10_000

/** The use cases of networks, and what finishes those that are unfinished. */
export function networkUseCases(parts: ServiceParts): NetworkUseCases & { readonly mendAll: () => Promise<void> } {
  const { store, closing } = parts
  const lifecycle = resourceLifecycle(parts, 'network', networkWork(parts))

  /** @throws {CloudError} not-found; forbidden when it is for all */
  async function changeable(id: string, caller: Caller): Promise<Network> {
    const network = await findNetwork(parts, id, caller)
    requireMember(caller)
    if (!network.owner) throw new CloudError('forbidden', `network ${id} is for all; nobody can change it here`)
    return network
  }

  return {
    async create({ spec, provider, id, idempotencyKey }, caller) {
      requireMember(caller)
      checkNumbering(spec)
      const { subject, project } = caller
      const now = Date.now()
      const network: Network = {
        id: newId({ id, idempotencyKey }, project, 'network'),
        provider: chooseMaker(parts, 'networks', provider),
        owner: { subject, project },
        state: 'creating',
        spec,
        createdAt: now,
        updatedAt: now,
      }
      const isRepeat = idempotencyKey === undefined ? undefined : isSameNetwork(network)
      return (await lifecycle.insert(network, isRepeat)) ?? (await lifecycle.make(network))
    },
    get: async (id, caller) => {
      const network = await findNetwork(parts, id, caller)
      return network.owner ? await lifecycle.refresh(network) : network
    },
    list: async ({ project }) => {
      const [shared, own] = await Promise.all([sharedNetworks(parts), store.listResources('network', { project })])
      return [...shared.map(({ network }) => network), ...own]
    },
    async rename(id, change, caller) {
      const { spec } = await changeable(id, caller)
      return await store.updateResource('network', id, { spec: renamed(spec, change), updatedAt: Date.now() })
    },
    async act(id, action, caller) {
      await changeable(id, caller)
      return await lifecycle.inTurn(id, async () => {
        const network = await changeable(id, caller)
        const group = groupOf(parts, network.provider, 'networks')
        if (!group.actions.includes(action))
          throw new CloudError('unsupported', `${network.provider} cannot bring networks ${action}`)
        await group.act(remoteIdOf(network), action, callWithin(ACT_MS, [closing]))
        return await lifecycle.refresh(network)
      })
    },
    async delete(id, caller) {
      const network = await changeable(id, caller)
      const [link] = await store.listResources('link', { targetId: id })
      if (link)
        throw new CloudError('conflict', `instance ${link.instanceId} is on network ${id}; take the link away first`)
      await lifecycle.remove(network)
    },
    mendAll: lifecycle.mendAll,
  }
}

/** A network that is for all, and whether every machine of its provider is on it. */
export interface Shared {
  readonly network: Network
  readonly isFixed: boolean
}

/** What providers have for all; one that does not answer is passed over, with a line in the log. */
export async function sharedNetworks(parts: ServiceParts, only?: string): Promise<readonly Shared[]> {
  const asked = [...parts.providers.values()].filter(({ name }) => only === undefined || name === only)
  const found = await Promise.all(
    asked.map(async ({ name, networks }): Promise<readonly SharedNetwork[]> => {
      if (!networks) return []
      try {
        const shared = await networks.shared(callWithin(LIST_MS, [parts.closing]))
        return await parts.store.nameTemplates('network', shared)
      } catch (error) {
        parts.log.warn({ provider: name, reason: reasonOf(error) }, 'the provider does not tell its networks')
        return []
      }
    }),
  )
  return found.flat().map(toShared)
}

/**
 * A network that the caller can see: his project's, or one that is for all.
 *
 * @param shared those that are for all, where they are known already
 * @throws {CloudError} not-found
 */
export async function findNetwork(
  parts: ServiceParts,
  id: string,
  { project }: Pick<Caller, 'project'>,
  shared?: readonly Shared[],
): Promise<Network> {
  const network = isOwnId(id)
    ? await parts.store.getResource('network', id)
    : (shared ?? (await sharedNetworks(parts))).find((each) => each.network.id === id)?.network
  if (network && (!network.owner || network.owner.project === project)) return network
  throw new CloudError('not-found', `there is no network ${id.slice(0, 100)}`)
}

function toShared(shared: SharedNetwork): Shared {
  const { name, provider, title, isFixed, cidr, gateway, remoteId, state, reason } = shared
  const spec = {
    name: title,
    ...(cidr === undefined ? {} : { cidr }),
    ...(gateway === undefined ? {} : { gateway }),
    labels: {},
  }
  const network = { id: name, provider, remoteId, state, spec, createdAt: 0, updatedAt: 0 }
  return { network: reason === undefined ? network : { ...network, reason }, isFixed: isFixed === true }
}

function isSameNetwork({ spec }: Network): (earlier: Network) => boolean {
  return (earlier) => earlier.spec.name === spec.name && earlier.spec.cidr === spec.cidr
}

function networkWork(parts: ServiceParts): ResourceWork<Network> {
  return {
    make: async (network, call) => {
      const { labels: _, ...spec } = network.spec
      const group = groupOf(parts, network.provider, 'networks')
      return fromRemote(network, await group.create({ id: network.id, ...spec }, call))
    },
    look: async (network, call) =>
      fromRemote(network, await groupOf(parts, network.provider, 'networks').get(network.remoteId ?? network.id, call)),
    unmake: async ({ id, provider, remoteId }, call) => {
      const group = groupOf(parts, provider, 'networks')
      const there = remoteId ?? (await group.find(id, call))?.remoteId
      if (there !== undefined) await group.delete(there, call)
    },
  }
}

function fromRemote({ spec }: Network, { remoteId, state, reason, cidr, gateway }: RemoteNetwork): Partial<Network> {
  return {
    remoteId,
    state,
    ...(reason === undefined ? {} : { reason }),
    spec: { ...spec, ...(cidr === undefined ? {} : { cidr }), ...(gateway === undefined ? {} : { gateway }) },
  }
}
