import { createHash } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { Attached, NetworkAttachment, VolumeAttachment } from '../provider.ts'
import type { Machine } from './machine.ts'
import { macOf, NETWORK, USER_NETWORK } from './network.ts'

/** A volume that a machine has, and what the guest calls it. */
export interface Disk extends VolumeAttachment {
  readonly device: string
}

/** A network card that a machine has, and what the guest calls it. */
export interface Card extends NetworkAttachment {
  readonly device: string
  readonly mac: string
}

// PCI has 32 places for everything; QEMU says so when they are full. Linux names disks by letters.
const DISK_NAMES = 'abcdefghijklmnopqrstuvwxyz'.split('').map((letter) => `vd${letter}`)

/** The machine with one more volume, by the name that Linux gives it: the first that is free. */
export function withDisk(machine: Machine, attachment: VolumeAttachment): Machine {
  const { disks = [] } = machine
  const taken = new Set([...DISK_NAMES.slice(0, ownDisks(machine)), ...disks.map(({ device }) => device)])
  const device = DISK_NAMES.find((name) => !taken.has(name))
  if (device === undefined)
    throw new CloudError('conflict', `instance ${machine.id} has ${taken.size} disks, which is all`)
  return { ...machine, disks: [...disks, { ...attachment, device }] }
}

/** The machine with one more card; the one that every machine has is only given a link. */
export function withCard(machine: Machine, attachment: NetworkAttachment): Machine {
  const { id, cards = [] } = machine
  if (attachment.networkRemoteId === USER_NETWORK) {
    if (cards.some(({ networkRemoteId }) => networkRemoteId === USER_NETWORK))
      throw new CloudError('conflict', `instance ${id} has its one card on network ${USER_NETWORK} already`)
    const { linkId, networkRemoteId } = attachment
    const fixed = { linkId, networkRemoteId, device: 'eth0', mac: macOf(id), address: NETWORK.dhcpstart }
    return { ...machine, cards: [...cards, { ...fixed, gateway: NETWORK.host }] }
  }
  const taken = new Set(['eth0', ...cards.map(({ device }) => device)])
  let number = 1
  while (taken.has(`eth${number}`)) number++
  const card = { ...attachment, mac: attachment.mac ?? macOf(attachment.linkId), device: `eth${number}` }
  return { ...machine, cards: [...cards, card] }
}

/** The machine with everything that it is to have from its first boot on. */
export function withAttachments(
  machine: Machine,
  volumes: readonly VolumeAttachment[] = [],
  networks: readonly NetworkAttachment[] = [],
): Machine {
  return networks.reduce(withCard, volumes.reduce(withDisk, machine))
}

/** What it is when it is started anew: then the guest counts its devices in their order, without gaps. */
export function renumbered(machine: Machine): Machine {
  const { disks = [], cards = [], ...bare } = machine
  return withAttachments(
    bare,
    disks.map(({ device: _, ...attachment }) => attachment),
    cards.map(({ device: _, ...attachment }) => attachment),
  )
}

/** The cards that are on networks that users made. */
export function ownCards({ cards = [] }: Pick<Machine, 'cards'>): readonly Card[] {
  return cards.filter(({ networkRemoteId }) => networkRemoteId !== USER_NETWORK)
}

export function toAttachedDisk({ linkId, device }: Disk): Attached {
  return { linkId, device }
}

export function toAttachedCard({ linkId, device, mac, address, gateway }: Card): Attached {
  return {
    linkId,
    device,
    mac,
    ...(address === undefined ? {} : { address }),
    ...(gateway === undefined ? {} : { gateway }),
  }
}

/** A part that can be put into a machine, as QEMU wants it on its command line and over QMP alike. */
export interface Part {
  /** What is behind the device: a block node or a network. */
  readonly backend:
    | { readonly kind: 'blockdev'; readonly id: string; readonly options: Readonly<Record<string, unknown>> }
    | { readonly kind: 'netdev'; readonly id: string; readonly options: Readonly<Record<string, unknown>> }
  readonly device: Readonly<Record<string, unknown>> & { readonly id: string }
}

/** The disk of a volume. @param path of its qcow2 file */
export function diskPart({ linkId, volumeRemoteId }: VolumeAttachment, path: string): Part {
  const id = diskNode(linkId)
  const file = { driver: 'file', filename: path }
  return {
    backend: { kind: 'blockdev', id, options: { driver: 'qcow2', 'node-name': id, discard: 'unmap', file } },
    // The guest finds it by its serial number, of which there are 20 characters, in /dev/disk/by-id.
    device: {
      driver: 'virtio-blk-pci',
      id: `dev-${id}`,
      drive: id,
      serial: volumeRemoteId.replaceAll('-', '').slice(0, 20),
    },
  }
}

/** The name of the block node of a volume that is attached. */
export function diskNode(linkId: string): string {
  return `vol-${shortHash(linkId)}`
}

/**
 * The card on a network that a user made: what one machine sends, all machines on it get, by multicast on the loopback
 * device. That needs no rights and no daemon; other users of this host could listen and send, too.
 */
export function cardPart({ linkId, networkRemoteId, mac }: Card): Part {
  const id = `net-${shortHash(linkId)}`
  const options = { type: 'socket', id, mcast: multicastOf(networkRemoteId), localaddr: '127.0.0.1' }
  return {
    backend: { kind: 'netdev', id, options },
    device: { driver: 'virtio-net-pci', id: `dev-${id}`, netdev: id, mac, romfile: '' },
  }
}

/** A group of those that never leave a site (RFC 2365), and a port. */
function multicastOf(networkId: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = createHash('sha256').update(networkId).digest()
  return `239.${a}.${b}.${c}:${20_000 + ((d * 256 + e) % 40_000)}`
}

/** Names in QEMU have at most 31 characters. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20)
}

function ownDisks({ source, seed }: Machine): number {
  const hasOverlay = source.kind === 'disk' || source.disk !== undefined
  return (hasOverlay ? 1 : 0) + (seed === 'vfat' ? 1 : 0)
}
