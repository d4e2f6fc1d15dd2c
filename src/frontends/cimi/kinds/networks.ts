import type { Network, NetworkState } from '../../../model/network.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { toResource } from '../resource.ts'
import { namingAttributes } from './naming.ts'

const PATH = 'networks'

const STATES: Readonly<Record<NetworkState, string>> = {
  creating: 'CREATING',
  active: 'STARTED',
  inactive: 'STOPPED',
  deleting: 'DELETING',
  error: 'ERROR',
  unknown: 'STARTED',
}

/** The networks that the project has and those that are for all, to look at. */
export function networks(service: Service): Kind {
  return {
    path: PATH,
    type: 'Network',
    collection: 'NetworkCollection',
    link: 'networks',
    list: async (exchange) =>
      (await service.networks.list(exchange.caller)).map((network) => fromNetwork(network, exchange)),
    get: async (id, exchange) => fromNetwork(await service.networks.get(id, exchange.caller), exchange),
  }
}

/** The URL of a network. */
export function networkUrl({ url }: Pick<Exchange, 'url'>, id: string): string {
  return url(PATH, id)
}

function fromNetwork(network: Network, exchange: Pick<Exchange, 'url'>): Resource {
  const { id, provider, owner, state, spec } = network
  return toResource('Network', {
    id: networkUrl(exchange, id),
    // One that is for all was never made here.
    ...namingAttributes(spec, owner ? network : {}, { name: id, description: `a network of ${provider}` }),
    state: STATES[state],
    networkType: owner ? 'PRIVATE' : 'PUBLIC',
  })
}
