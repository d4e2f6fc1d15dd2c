import { CloudError } from '../model/errors.ts'
import { checkCall } from './call.ts'
import { unlessGone } from './outcome.ts'
import type { Call, NetworkGroup, RemoteNetwork } from './provider.ts'

/** A network of the site's; its addresses as far as the site says them. */
export interface SiteNetwork extends Pick<RemoteNetwork, 'remoteId' | 'state' | 'cidr' | 'gateway'> {
  readonly title: string
}

/** What a cloud has to do for {@link siteNetworks}. */
export interface SiteNetworks extends Pick<NetworkGroup, 'attach' | 'detach'> {
  /** The provider's name. */
  readonly name: string
  /** Who makes and changes networks, and where, for people: `by the site, in OpenNebula`. */
  readonly changed: string
  /** Whatever the account may use. */
  readonly all: (call: Call) => Promise<readonly SiteNetwork[]>
  /** @throws {CloudError} not-found */
  readonly network: (remoteId: string, call: Call) => Promise<SiteNetwork>
}

/** Networks that are made in the cloud itself: whatever an account may use is for all, and nobody changes it by us. */
export function siteNetworks({ name: provider, changed, all, network, attach, detach }: SiteNetworks): NetworkGroup {
  async function get(remoteId: string, call: Call): Promise<RemoteNetwork> {
    checkCall(call, provider)
    const { title: _title, ...remote } = await network(remoteId, call)
    return remote
  }
  const refusal = (done: string) =>
    new CloudError(
      'unsupported',
      `${provider}: networks are not ${done} here, but ${changed}; whatever the account may use is listed`,
    )

  return {
    actions: [],
    numberedBy: 'provider',
    shared: async (call) => {
      checkCall(call, provider)
      const found = (await all(call)).toSorted((a, b) => Number(a.remoteId) - Number(b.remoteId))
      // Who asks for none has the cards that its template gives a machine, or the site.
      return found.map((each) => ({ ...each, name: `${provider}-${each.remoteId}`, provider, onlyAsked: true }))
    },
    create: () => Promise.reject(refusal('made')),
    find: () => Promise.resolve(undefined),
    get,
    act: async (remoteId, _action, call) => {
      await get(remoteId, call)
      throw refusal('changed')
    },
    delete: async (remoteId, call) => {
      await unlessGone(
        get(remoteId, call).then(() => {
          throw refusal('deleted')
        }),
      )
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
