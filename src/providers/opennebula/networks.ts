import { prefixLengthOf } from '../../layouts/netmask.ts'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { NetworkState } from '../../model/network.ts'
import type { Call, NetworkGroup, RemoteNetwork } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneNetwork } from './api-pools.ts'
import { phaseOf } from './states.ts'
import { attachedTo, toOneId, vmIdOf } from './vm.ts'

/** INIT, READY, LOCK_CREATE, LOCK_DELETE, DONE, ERROR. */
const STATES: readonly NetworkState[] = ['creating', 'active', 'creating', 'deleting', 'deleting', 'error']

/**
 * OpenNebula's virtual networks. Those that the account may use are for all; VMs are put on them when they are made.
 *
 * @see OpenNebula, Virtual Networks
 */
export function virtualNetworks(api: OpenNebulaApi, check: (call: Call) => void, provider: string): NetworkGroup {
  async function get(remoteId: string, call: Call): Promise<OneNetwork> {
    check(call)
    const id = toOneId(remoteId)
    if (id === undefined) throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
    return await api.network(id, call)
  }

  async function linkIdsOf(instanceRemoteId: string, call: Call): Promise<readonly string[]> {
    check(call)
    const vm = await api.vm(vmIdOf(instanceRemoteId), call)
    if (phaseOf(vm) === 'deleted') throw new CloudError('not-found', `VM ${instanceRemoteId} is deleted`)
    return attachedTo(vm).map(({ linkId }) => linkId)
  }

  const unlessGone = async <T>(found: Promise<T>): Promise<T | undefined> => {
    try {
      return await found
    } catch (error) {
      if (!isCloudError(error, 'not-found')) throw error
      return undefined
    }
  }

  return {
    actions: [],
    numberedBy: 'provider',
    shared: async (call) => {
      check(call)
      const found = (await api.networks(call)).toSorted((a, b) => a.id - b.id)
      return found.map((network) => ({
        ...toRemote(network),
        name: `${provider}-${network.id}`,
        provider,
        title: network.name,
      }))
    },
    create: () => Promise.reject(ofTheSite(provider, 'made')),
    find: () => Promise.resolve(undefined),
    get: async (remoteId, call) => toRemote(await get(remoteId, call)),
    act: async (remoteId, _action, call) => {
      await get(remoteId, call)
      throw ofTheSite(provider, 'changed')
    },
    delete: async (remoteId, call) => {
      if (await unlessGone(get(remoteId, call))) throw ofTheSite(provider, 'deleted')
    },
    attach: async (instanceRemoteId, { linkId, networkRemoteId }, call) => {
      await get(networkRemoteId, call)
      const vm = await api.vm(vmIdOf(instanceRemoteId), call)
      const card = attachedTo(vm).find((each) => each.linkId === linkId)
      if (card) return card
      throw new CloudError(
        'unsupported',
        `${provider}: a VM is put on networks when it is made; make one with a link to network ${networkRemoteId}`,
      )
    },
    detach: async (instanceRemoteId, { linkId }, call) => {
      const links = (await unlessGone(linkIdsOf(instanceRemoteId, call))) ?? []
      if (links.includes(linkId))
        throw new CloudError(
          'unsupported',
          `${provider}: a VM stays on the networks that it was made with; delete the VM, or have the site take the card away`,
        )
    },
  }
}

function ofTheSite(provider: string, done: string): CloudError {
  return new CloudError(
    'unsupported',
    `${provider}: networks are not ${done} here, but by the site, in OpenNebula; whatever it lets us use is listed`,
  )
}

function toRemote({ id, state, attributes: { single } }: OneNetwork): RemoteNetwork {
  const { NETWORK_ADDRESS: address, NETWORK_MASK: mask = '', GATEWAY: gateway } = single
  const prefixLength = prefixLengthOf(mask)
  return {
    remoteId: String(id),
    // Before 6.4 they have none.
    state: state === undefined ? 'active' : (STATES[state] ?? 'unknown'),
    ...(address && prefixLength !== undefined ? { cidr: `${address}/${prefixLength}` } : {}),
    ...(gateway ? { gateway } : {}),
  }
}
