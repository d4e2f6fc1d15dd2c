import { prefixLengthOf } from '../layouts/netmask.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { NetworkState } from '../model/network.ts'
import { checkCall } from './call.ts'
import type { OneRecord } from './one-xml.ts'
import type { Call, NetworkGroup, RemoteNetwork } from './provider.ts'

/** A virtual network of the site's. */
export interface SiteNetwork {
  readonly id: number
  readonly name: string
  readonly state: NetworkState
  /** NETWORK_ADDRESS, NETWORK_MASK, GATEWAY …, as far as the site says them. */
  readonly template: OneRecord
}

/** What one version of OpenNebula has to do for {@link siteNetworks}. */
export interface SiteNetworks extends Pick<NetworkGroup, 'attach' | 'detach'> {
  /** The provider's name. */
  readonly name: string
  /** Whatever the account may use. */
  readonly all: (call: Call) => Promise<readonly SiteNetwork[]>
  /** @throws {CloudError} not-found */
  readonly network: (remoteId: string, call: Call) => Promise<SiteNetwork>
}

/** Networks that the site has made, in OpenNebula itself: whatever an account may use is for all, and nobody changes it. */
export function siteNetworks({ name: provider, all, network, attach, detach }: SiteNetworks): NetworkGroup {
  const get = (remoteId: string, call: Call) => {
    checkCall(call, provider)
    return network(remoteId, call)
  }
  const refusal = (done: string) =>
    new CloudError(
      'unsupported',
      `${provider}: networks are not ${done} here, but by the site, in OpenNebula; whatever it lets us use is listed`,
    )

  return {
    actions: [],
    numberedBy: 'provider',
    shared: async (call) => {
      checkCall(call, provider)
      const found = (await all(call)).toSorted((a, b) => a.id - b.id)
      return found.map((each) => ({
        ...toRemote(each),
        name: `${provider}-${each.id}`,
        provider,
        title: each.name,
      }))
    },
    create: () => Promise.reject(refusal('made')),
    find: () => Promise.resolve(undefined),
    get: async (remoteId, call) => toRemote(await get(remoteId, call)),
    act: async (remoteId, _action, call) => {
      await get(remoteId, call)
      throw refusal('changed')
    },
    delete: async (remoteId, call) => {
      if (await unlessGone(get(remoteId, call))) throw refusal('deleted')
    },
    attach: async (instanceRemoteId, attachment, call) => {
      await get(attachment.networkRemoteId, call)
      return await attach(instanceRemoteId, attachment, call)
    },
    detach: async (instanceRemoteId, attachment, call) => {
      checkCall(call, provider)
      await unlessGone(detach(instanceRemoteId, attachment, call))
    },
  }
}

async function unlessGone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (!isCloudError(error, 'not-found')) throw error
    return undefined
  }
}

function toRemote({ id, state, template }: SiteNetwork): RemoteNetwork {
  const { NETWORK_ADDRESS: address, NETWORK_MASK: mask = '', GATEWAY: gateway } = template
  const prefixLength = prefixLengthOf(mask)
  return {
    remoteId: String(id),
    state,
    ...(address && prefixLength !== undefined ? { cidr: `${address}/${prefixLength}` } : {}),
    ...(gateway ? { gateway } : {}),
  }
}
