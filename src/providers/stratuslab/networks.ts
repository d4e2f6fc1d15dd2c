import { prefixLengthOf } from '../../layouts/netmask.ts'
import { CloudError } from '../../model/errors.ts'
import type { Call, NetworkAttachment, NetworkGroup, RemoteNetwork } from '../provider.ts'
import type { StratusLabApi } from './api.ts'
import type { LabNetwork } from './api-bodies.ts'
import { stateOf } from './states.ts'
import type { TemplatePart } from './template.ts'
import { attachedTo, OUR_LINK, toLabId, vmIdOf } from './vm.ts'

/**
 * The site's virtual networks; VMs are put on them when they are made.
 *
 * @see StratusLab, User Guide: Networks
 */
export function virtualNetworks(api: StratusLabApi, check: (call: Call) => void, provider: string): NetworkGroup {
  async function get(remoteId: string, call: Call): Promise<LabNetwork> {
    check(call)
    return networkOf(await api.networks(call), remoteId)
  }

  async function linksOf(instanceRemoteId: string, call: Call): Promise<ReturnType<typeof attachedTo>> {
    check(call)
    const id = toLabId(instanceRemoteId)
    const vm = id === undefined ? undefined : (await api.vms('there', call)).find((each) => each.id === id)
    return vm && stateOf(vm) !== 'deleted' ? attachedTo(vm) : []
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
      check(call)
      if ((await api.networks(call)).some(({ id }) => String(id) === remoteId)) throw ofTheSite(provider, 'deleted')
    },
    attach: async (instanceRemoteId, { linkId, networkRemoteId }, call) => {
      await get(networkRemoteId, call)
      const card = attachedTo(await api.vm(vmIdOf(instanceRemoteId), call)).find((each) => each.linkId === linkId)
      if (card) return card
      throw new CloudError(
        'unsupported',
        `${provider}: a VM is put on networks when it is made; make one with a link to network ${networkRemoteId}`,
      )
    },
    detach: async (instanceRemoteId, { linkId }, call) => {
      if ((await linksOf(instanceRemoteId, call)).some((each) => each.linkId === linkId))
        throw new CloudError(
          'unsupported',
          `${provider}: a VM stays on the networks that it was made with; delete the VM`,
        )
    },
  }
}

/** A card on one of the networks that are there. @throws {CloudError} not-found, unsupported for an address that is not IPv4 */
export function toNic(networks: readonly LabNetwork[], attachment: NetworkAttachment): readonly TemplatePart[] {
  const { linkId, networkRemoteId, mac, address } = attachment
  const { owner, name } = networkOf(networks, networkRemoteId)
  if (address?.includes(':'))
    throw new CloudError(
      'unsupported',
      'address: StratusLab gives out IPv4 addresses alone; leave it out, or wish for one',
    )
  return [
    ['network_uname', owner],
    ['network', name],
    [OUR_LINK, linkId],
    ...(address === undefined ? [] : [['IP', address] as const]),
    ...(mac === undefined ? [] : [['MAC', mac] as const]),
  ]
}

function networkOf(networks: readonly LabNetwork[], remoteId: string): LabNetwork {
  const network = networks.find(({ id }) => String(id) === remoteId)
  if (network) return network
  throw new CloudError('not-found', `there is no network ${remoteId.slice(0, 50)}`)
}

function ofTheSite(provider: string, done: string): CloudError {
  return new CloudError(
    'unsupported',
    `${provider}: networks are not ${done} here, but by the site; whatever it lets us use is listed`,
  )
}

function toRemote({ id, template }: LabNetwork): RemoteNetwork {
  const { NETWORK_ADDRESS: address, NETWORK_MASK: mask = '', GATEWAY: gateway } = template
  const prefixLength = prefixLengthOf(mask)
  return {
    remoteId: String(id),
    state: 'active',
    ...(address && prefixLength !== undefined ? { cidr: `${address}/${prefixLength}` } : {}),
    ...(gateway ? { gateway } : {}),
  }
}
