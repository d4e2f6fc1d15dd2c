import { CloudError } from '../../../model/errors.ts'
import {
  targetIdOf,
  type Link,
  type LinkSpec,
  type LinkState,
  type NetworkLink,
  type VolumeLink,
} from '../../../model/link.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { idIn, operationsOf, partOf, referenceTo, toResource, withAttributes } from '../resource.ts'
import { addressUrl, fromCard as toAddress, isAddressed } from './addresses.ts'
import { disksOf } from './machine-configurations.ts'
import { MACHINES } from './machine-map.ts'
import { deviceIn, toCard } from './machine-spec.ts'
import { toNaming } from './naming.ts'
import { networkUrl } from './networks.ts'
import { referring } from './references.ts'
import { volumeUrl } from './volumes.ts'

const DISKS = 'disks'
const VOLUMES = 'volumes'
const CARDS = 'network_interfaces'
const ADDRESSES = 'addresses'

/** States of a card; one that is on its way carries nothing. */
const CARD_STATES: Readonly<Record<LinkState, string>> = {
  creating: 'PASSIVE',
  active: 'ACTIVE',
  inactive: 'PASSIVE',
  deleting: 'PASSIVE',
  error: 'DISABLED',
}

/** What a machine has: its own disks, volumes and network cards. */
export function machineParts(service: Service, machineId: string): readonly Kind[] {
  return [disks(service, machineId), volumesOf(service, machineId), cardsOf(service, machineId)]
}

/** The disks that go with the machine. */
function disks(service: Service, machineId: string): Kind {
  const list = async ({ caller, url }: Exchange): Promise<readonly Resource[]> => {
    const { size, facts } = await service.get(machineId, caller)
    return disksOf(size).map((disk, index) =>
      withAttributes(disk, {
        id: url(MACHINES, machineId, DISKS, `${index + 1}`),
        name: 'root',
        initialLocation: facts.rootDevice ?? '/dev/vda',
      }),
    )
  }
  return {
    path: DISKS,
    type: 'Disk',
    collection: 'DiskCollection',
    list,
    get: async (id, exchange) =>
      (await list(exchange)).find((_, index) => `${index + 1}` === id) ?? missing('disk', id),
  }
}

/** The volumes that are attached to it. */
function volumesOf(service: Service, machineId: string): Kind {
  return {
    path: VOLUMES,
    type: 'MachineVolume',
    collection: 'MachineVolumeCollection',
    list: async (exchange) =>
      (await linksOf(service, machineId, isDisk, exchange)).map((link) => fromDisk(link, exchange)),
    get: async (id, exchange) => fromDisk(await linkOf(service, machineId, id, isDisk, exchange), exchange),
    create: async (exchange) => {
      const wanted = exchange.read('MachineVolume')
      const volume = partOf(wanted, 'volume')
      const volumeId = volume && idIn(volume)
      if (volumeId === undefined) throw new CloudError('invalid', 'volume: the href of the volume to attach is missing')
      const spec = { ...toNaming(wanted), kind: 'volume', volumeId, ...deviceIn(wanted) } as const
      return { resource: fromDisk(await attach(service, machineId, spec, isDisk, exchange), exchange) }
    },
    delete: async (id, exchange) =>
      await detach(service, await linkOf(service, machineId, id, isDisk, exchange), exchange),
  }
}

/** Its network cards. */
function cardsOf(service: Service, machineId: string): Kind {
  return {
    path: CARDS,
    type: 'MachineNetworkInterface',
    collection: 'MachineNetworkInterfaceCollection',
    list: async (exchange) =>
      (await linksOf(service, machineId, isCard, exchange)).map((link) => fromCard(link, exchange)),
    get: async (id, exchange) => fromCard(await linkOf(service, machineId, id, isCard, exchange), exchange),
    create: async (exchange) => {
      const wanted = exchange.read('MachineNetworkInterface')
      const spec = { ...toNaming(wanted), ...toCard(wanted) }
      return { resource: fromCard(await attach(service, machineId, spec, isCard, exchange), exchange) }
    },
    delete: async (id, exchange) =>
      await detach(service, await linkOf(service, machineId, id, isCard, exchange), exchange),
    within: (id) => [addressesOf(service, machineId, id)],
  }
}

/** The addresses of one of its cards. */
function addressesOf(service: Service, machineId: string, cardId: string): Kind {
  const list = async (exchange: Exchange): Promise<readonly Resource[]> => {
    const card = await linkOf(service, machineId, cardId, isCard, exchange)
    if (!isAddressed(card)) return []
    const id = exchange.url(MACHINES, machineId, CARDS, cardId, ADDRESSES, card.address)
    const address = withAttributes(toAddress(card, exchange), { href: addressUrl(exchange, card) })
    return [toResource('MachineNetworkInterfaceAddress', { id, name: card.address, address })]
  }
  return {
    path: ADDRESSES,
    type: 'MachineNetworkInterfaceAddress',
    collection: 'MachineNetworkInterfaceAddressCollection',
    list,
    get: async (id, exchange) =>
      (await list(exchange)).find(({ attributes }) => attributes.get('name') === id) ?? missing('address', id),
  }
}

function isDisk(link: Link): link is VolumeLink {
  return link.kind === 'volume'
}

function isCard(link: Link): link is NetworkLink {
  return link.kind === 'network'
}

async function linksOf<L extends Link>(
  service: Service,
  machineId: string,
  isWanted: (link: Link) => link is L,
  { caller }: Exchange,
): Promise<readonly L[]> {
  return (await service.links.ofInstance(machineId, caller)).filter(isWanted)
}

/**
 * By its own id, or by that of the volume or network, as some clients call it.
 *
 * @throws {CloudError} not-found, also where it is another machine's
 */
async function linkOf<L extends Link>(
  service: Service,
  machineId: string,
  id: string,
  isWanted: (link: Link) => link is L,
  exchange: Exchange,
): Promise<L> {
  const links = await linksOf(service, machineId, isWanted, exchange)
  const link = links.find((each) => each.id === id) ?? links.find((each) => targetIdOf(each) === id)
  return link ?? missing('attachment', id)
}

/** @throws {CloudError} invalid when there is no such volume or network */
async function attach<L extends Link>(
  service: Service,
  instanceId: string,
  spec: LinkSpec,
  isWanted: (link: Link) => link is L,
  exchange: Exchange,
): Promise<L> {
  const { caller, idempotencyKey } = exchange
  // The machine is named by the URL, what it is joined to by the body.
  await service.links.ofInstance(instanceId, caller)
  const key = idempotencyKey === undefined ? {} : { idempotencyKey }
  const link = await referring(() => service.links.create({ instanceId, spec, ...key }, caller))
  return isWanted(link) ? link : missing('attachment', link.id)
}

async function detach(service: Service, { id }: Link, { caller }: Exchange): Promise<void> {
  await service.links.delete(id, caller)
}

function fromDisk(link: VolumeLink, exchange: Pick<Exchange, 'url'>): Resource {
  const id = exchange.url(MACHINES, link.instanceId, VOLUMES, link.id)
  return toResource('MachineVolume', {
    id,
    name: link.name,
    initialLocation: link.device === undefined ? undefined : `/dev/${link.device}`,
    volume: referenceTo('Volume', volumeUrl(exchange, link.volumeId)),
    operations: operationsOf(['delete', id]),
  })
}

function fromCard(link: NetworkLink, exchange: Pick<Exchange, 'url'>): Resource {
  const id = exchange.url(MACHINES, link.instanceId, CARDS, link.id)
  return toResource('MachineNetworkInterface', {
    id,
    name: link.name ?? link.device,
    addresses: referenceTo('MachineNetworkInterfaceAddressCollection', `${id}/${ADDRESSES}`),
    network: referenceTo('Network', networkUrl(exchange, link.networkId)),
    state: CARD_STATES[link.state],
    macAddress: link.mac,
    operations: operationsOf(['delete', id]),
  })
}

function missing(what: string, id: string): never {
  throw new CloudError('not-found', `the machine has no ${what} ${id.slice(0, 100)}`)
}
