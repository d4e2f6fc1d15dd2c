import { CloudError, reasonOf } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { Network } from '../model/network.ts'
import type { RemoteNetwork, SharedNetwork } from '../providers/provider.ts'
import { requireMember } from './access.ts'
import { checkNumbering } from './addresses.ts'
import { isOwnId, newId, remoteIdOf } from './ids.ts'
import { resourceLifecycle, type Lifecycle, type ResourceWork } from './lifecycle.ts'
import { chooseMaker, groupOf } from './makers.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { renamed } from './renaming.ts'
import { callFor, canAsk } from './rights.ts'
import { unanswered } from './templates.ts'
import type { NetworkUseCases } from './service.ts'

const ACT_MS = 60_000
const LIST_MS = 10_000

/** The use cases of networks, and what finishes those that are unfinished. */
export function networkUseCases(parts: ServiceParts): NetworkUseCases & Pick<Lifecycle<Network>, 'mendAll'> {
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
      return (await lifecycle.insert(network, isRepeat)) ?? (await lifecycle.make(network, caller))
    },
    get: async (id, caller) => {
      const network = await findNetwork(parts, id, caller)
      return network.owner ? await lifecycle.refresh(network, caller) : network
    },
    list: async (caller) => {
      const { project } = caller
      const [shared, own] = await Promise.all([
        sharedNetworks(parts, caller),
        store.listResources('network', { project }),
      ])
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
        const call = callFor(providerNamed(parts, network.provider), caller, ACT_MS, [closing])
        await group.act(remoteIdOf(network), action, call)
        return await lifecycle.refresh(network, caller)
      })
    },
    async delete(id, caller) {
      const network = await changeable(id, caller)
      const [link] = await store.listResources('link', { targetId: id })
      if (link)
        throw new CloudError('conflict', `instance ${link.instanceId} is on network ${id}; take the link away first`)
      await lifecycle.remove(network, caller)
    },
    mendAll: lifecycle.mendAll,
  }
}

/** A network that is for all, and whether every machine of its provider is on it. */
export interface Shared {
  readonly network: Network
  readonly isFixed: boolean
  /** Whether nobody is on it without being asked for. */
  readonly onlyAsked: boolean
}

/**
 * What providers that the caller can ask have for all; of several, one that does not answer is passed over, with a line in
 * the log.
 *
 * @param silent gets the names of those that do not answer
 * @throws {CloudError} what the `only` one fails with
 */
export async function sharedNetworks(
  parts: ServiceParts,
  caller: Pick<Caller, 'credential'>,
  only?: string,
  silent?: Set<string>,
): Promise<readonly Shared[]> {
  const asked = [...parts.providers.values()].filter(
    (provider) => (only === undefined || provider.name === only) && canAsk(provider, caller),
  )
  const found = await Promise.all(
    asked.map(async (provider): Promise<readonly SharedNetwork[]> => {
      if (!provider.networks) return []
      try {
        const shared = await provider.networks.shared(callFor(provider, caller, LIST_MS, [parts.closing]))
        return await parts.store.nameTemplates('network', shared)
      } catch (error) {
        // Who is to be on a network of its must know which there are.
        if (only !== undefined) throw error
        silent?.add(provider.name)
        parts.log.warn({ provider: provider.name, reason: reasonOf(error) }, 'the provider does not tell its networks')
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
 * @throws {CloudError} not-found; unavailable when a provider that may have it does not answer
 */
export async function findNetwork(
  parts: ServiceParts,
  id: string,
  caller: Pick<Caller, 'project' | 'credential'>,
  shared?: readonly Shared[],
): Promise<Network> {
  const silent = new Set<string>()
  const network = isOwnId(id)
    ? await parts.store.getResource('network', id)
    : (shared ?? (await sharedNetworks(parts, caller, undefined, silent))).find((each) => each.network.id === id)
        ?.network
  if (network && (!network.owner || network.owner.project === caller.project)) return network
  if (silent.size > 0) throw unanswered(`network ${id.slice(0, 100)}`, silent)
  throw new CloudError('not-found', `there is no network ${id.slice(0, 100)}`)
}

function toShared(shared: SharedNetwork): Shared {
  const { name, provider, title, isFixed = false, onlyAsked = false, cidr, gateway, remoteId, state, reason } = shared
  const spec = {
    name: title,
    ...(cidr === undefined ? {} : { cidr }),
    ...(gateway === undefined ? {} : { gateway }),
    labels: {},
  }
  const network = { id: name, provider, remoteId, state, spec, createdAt: 0, updatedAt: 0 }
  return { network: reason === undefined ? network : { ...network, reason }, isFixed, onlyAsked }
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
