import { isIPv6 } from 'node:net'
import { CloudError } from '../../../model/errors.ts'
import type { Link, NetworkLink } from '../../../model/link.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { referenceTo, toResource, toTime } from '../resource.ts'
import { networkUrl } from './networks.ts'

const PATH = 'addresses'

/** A card that has an address. */
export type Addressed = NetworkLink & { readonly address: string }

/** The addresses that machines have. Behind several doors the same may be given twice, so each is called by its card's id. */
export function addresses(service: Service): Kind {
  return {
    path: PATH,
    type: 'Address',
    collection: 'AddressCollection',
    link: 'addresses',
    list: async (exchange) =>
      (await service.links.list(exchange.caller)).filter(isAddressed).map((card) => fromCard(card, exchange)),
    get: async (id, exchange) => {
      const link = await service.links.get(id, exchange.caller)
      if (isAddressed(link)) return fromCard(link, exchange)
      throw new CloudError('not-found', `there is no address ${id.slice(0, 100)}`)
    },
  }
}

/** Whether a link is a card that has an address. */
export function isAddressed(link: Link): link is Addressed {
  return link.kind === 'network' && link.address !== undefined
}

/** The URL of a card's address. */
export function addressUrl({ url }: Pick<Exchange, 'url'>, { id }: Addressed): string {
  return url(PATH, id)
}

/** A card's address. */
export function fromCard(card: Addressed, exchange: Pick<Exchange, 'url'>): Resource {
  const { address, allocation = 'dynamic', gateway, networkId, instanceId, createdAt, updatedAt } = card
  return toResource('Address', {
    id: addressUrl(exchange, card),
    name: address,
    description: `an address on ${networkId}`,
    created: toTime(createdAt),
    updated: toTime(updatedAt),
    ip: address,
    allocation,
    defaultGateway: gateway,
    protocol: isIPv6(address) ? 'ipv6' : 'ipv4',
    network: referenceTo('Network', networkUrl(exchange, networkId)),
    resource: referenceTo('Resource', exchange.url('machines', instanceId)),
  })
}
