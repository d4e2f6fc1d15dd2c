import { demand, may, type ObjectKind } from './access.ts'
import { lease } from './leases.ts'
import {
  isRefusal,
  refusal,
  withKeys,
  type Image,
  type Lease,
  type Network,
  type Owned,
  type User,
  type Vm,
} from './model.ts'
import { vectorsOf, type Attribute, type Vector } from './template.ts'

/** What a device may refer to. */
export interface Shelves {
  readonly images: readonly Image[]
  readonly networks: readonly Network[]
}

/** How one kind of device refers to its object. */
interface Referring {
  readonly device: 'DISK' | 'NIC'
  readonly key: 'IMAGE' | 'NETWORK'
  readonly kind: ObjectKind
  /** In messages. */
  readonly what: string
  readonly missing: string
}

const DISK: Referring = { device: 'DISK', key: 'IMAGE', kind: 'IMAGE', what: 'an image', missing: 'Image' }
const NIC: Referring = { device: 'NIC', key: 'NETWORK', kind: 'NET', what: 'a network', missing: 'Virtual network' }

/**
 * Completes the cards of a VM and leases their addresses. Aliases get their numbers after the cards.
 *
 * @throws {Refusal} 512 or 16384
 */
export function attachNics(
  given: readonly { readonly alias: boolean; readonly vector: Vector }[],
  vmId: number,
  user: User,
  { networks }: Shelves,
): readonly Attribute[] {
  const ordered = [...given.filter(({ alias }) => !alias), ...given.filter(({ alias }) => alias)]
  const names = new Map(ordered.map(({ vector }, id) => [vector.get('NAME') ?? `NIC${id}`, id]))
  const aliases = new Map<number, number[]>()
  const made = ordered.map(({ alias, vector }, nicId): Attribute => {
    const network = referredTo(vector, networks, user, NIC)
    const leased = lease(network, vmId, vector.get('IP'))
    const parent = alias ? names.get(vector.get('PARENT') ?? '') : undefined
    if (alias && parent === undefined) throw refusal(16384, 'NIC_ALIAS: its PARENT is no NIC of the virtual machine')
    const siblings = parent === undefined ? [] : (aliases.get(parent) ?? [])
    if (parent !== undefined) aliases.set(parent, [...siblings, nicId])
    const value = withKeys(
      cardOf(vector, { network, leased, vmId, nicId }),
      parent === undefined
        ? []
        : [
            ['PARENT_ID', String(parent)],
            ['ALIAS_ID', String(siblings.length)],
          ],
    )
    return { name: alias ? 'NIC_ALIAS' : 'NIC', value }
  })
  return made.map(({ name, value }, nicId) => {
    const ids = aliases.get(nicId)
    return typeof value === 'string' || ids === undefined
      ? { name, value }
      : { name, value: withKeys(value, [['ALIAS_IDS', ids.join(',')]]) }
  })
}

/**
 * One more card of a VM that is there, under a number that none of its cards has.
 *
 * @throws {Refusal} 512 or 2048
 */
export function plugNic(vector: Vector, vm: Vm, user: User, { networks }: Shelves): Vector {
  const present = ['NIC', 'NIC_ALIAS'].flatMap((name) => vectorsOf(vm.template, name))
  const nicId = Math.max(-1, ...present.map((nic) => Number(nic.get('NIC_ID')))) + 1
  try {
    const network = referredTo(vector, networks, user, NIC)
    const leased = lease(network, vm.id, vector.get('IP'))
    return withKeys(cardOf(vector, { network, leased, vmId: vm.id, nicId }), [['ATTACH', 'YES']])
  } catch (error) {
    // What cannot be had is said with the code of an action here.
    throw isRefusal(error) && error.failure === 16384 ? refusal(2048, error.message) : error
  }
}

/** What a card is given of the network that it is on. */
interface Place {
  readonly network: Network
  readonly leased: Lease
  readonly vmId: number
  readonly nicId: number
}

function cardOf(vector: Vector, { network, leased, vmId, nicId }: Place): Vector {
  return withKeys(vector, [
    ...copied(network, 'GATEWAY'),
    ['AR_ID', '0'],
    ['BRIDGE', network.bridge],
    ['BRIDGE_TYPE', 'linux'],
    ['CLUSTER_ID', '0'],
    ['IP', leased.ip],
    ...(leased.ip6?.global === undefined ? [] : [['IP6_GLOBAL', leased.ip6.global] as const]),
    ...(leased.ip6?.ula === undefined ? [] : [['IP6_ULA', leased.ip6.ula] as const]),
    ...(leased.ip6 ? [['IP6_LINK', leased.ip6.link] as const] : []),
    ['MAC', leased.mac],
    ['NAME', vector.get('NAME') ?? `NIC${nicId}`],
    ['NETWORK', network.name],
    ['NETWORK_ID', String(network.id)],
    ['NIC_ID', String(nicId)],
    ['SECURITY_GROUPS', '0'],
    ['TARGET', `one-${vmId}-${nicId}`],
    ['VN_MAD', 'dummy'],
  ])
}

function copied(network: Network, key: string): readonly (readonly [string, string])[] {
  const found = network.template.find(({ name }) => name === key)?.value
  return typeof found === 'string' ? [[key, found]] : []
}

/**
 * Completes the disks of a VM.
 *
 * @throws {Refusal} 512, 16384, or 8192 for a disk that is neither an image nor made new
 */
export function attachDisks(given: readonly Vector[], user: User, { images }: Shelves): readonly Attribute[] {
  const letters = new Map<string, number>()
  return given.map((vector, diskId) => {
    if (!vector.has('IMAGE') && !vector.has('IMAGE_ID')) {
      const type = vector.get('TYPE')?.toUpperCase()
      if (type !== 'FS' && type !== 'SWAP') throw refusal(8192, `DISK ${diskId}: Unknown disk type`)
      return { name: 'DISK', value: withKeys(vector, [['DISK_ID', String(diskId)], target(vector, 'sd', letters)]) }
    }
    const image = referredTo(vector, images, user, DISK)
    const prefix = image.template.find(({ name }) => name === 'DEV_PREFIX')?.value
    const size = String(image.sizeMiB)
    const value = withKeys(vector, [
      ['ALLOW_ORPHANS', 'NO'],
      ['CLONE', 'YES'],
      ['CLONE_TARGET', 'SYSTEM'],
      ['CLUSTER_ID', '0'],
      ['DATASTORE', image.datastore.name],
      ['DATASTORE_ID', String(image.datastore.id)],
      ['DEV_PREFIX', vector.get('DEV_PREFIX') ?? (typeof prefix === 'string' ? prefix : 'sd')],
      ['DISK_ID', String(diskId)],
      ['DISK_SNAPSHOT_TOTAL_SIZE', '0'],
      ['DISK_TYPE', 'FILE'],
      ['DRIVER', vector.get('DRIVER') ?? 'dummy_format'],
      ['FORMAT', 'dummy_format'],
      ['IMAGE', image.name],
      ['IMAGE_ID', String(image.id)],
      ['IMAGE_STATE', '2'],
      ['LN_TARGET', 'NONE'],
      ['ORIGINAL_SIZE', size],
      ['READONLY', 'NO'],
      ['SAVE', 'NO'],
      ['SIZE', vector.get('SIZE') ?? size],
      ['SOURCE', 'dummy_path'],
      target(vector, typeof prefix === 'string' ? prefix : 'sd', letters),
      ['TM_MAD', 'dummy'],
      ['TYPE', 'FILE'],
    ])
    return { name: 'DISK', value }
  })
}

function target(vector: Vector, prefix: string, letters: Map<string, number>): readonly [string, string] {
  const used = vector.get('DEV_PREFIX') ?? prefix
  const letter = letters.get(used) ?? 0
  letters.set(used, letter + 1)
  return ['TARGET', vector.get('TARGET') ?? `${used}${(10 + letter).toString(36)}`]
}

/** By id whatever may be used; by name only what is the caller's own, or that of the owner who is named beside it. */
function referredTo<T extends Owned>(vector: Vector, shelf: readonly T[], user: User, how: Referring): T {
  const { device, key, kind, what, missing } = how
  const id = vector.get(`${key}_ID`)
  if (id !== undefined) {
    const found = shelf.find((one) => String(one.id) === id)
    if (found === undefined) throw refusal(16384, `${missing} with ID: ${id} does not exist`)
    demand(user, 'USE', kind, found)
    return found
  }
  const name = vector.get(key)
  const ownerName = vector.get(`${key}_UNAME`)
  const ownerId = vector.get(`${key}_UID`) ?? String(user.id)
  const found = shelf.find(
    (one) =>
      one.name === name && (ownerName === undefined ? String(one.owner.id) === ownerId : one.owner.name === ownerName),
  )
  if (found === undefined || !may(user, 'USE', found))
    throw refusal(
      16384,
      `User ${ownerName ?? ownerId} does not own ${what} with name: ${name} . Set ${key}_UNAME or ${key}_UID of owner in ${device}.`,
    )
  return found
}
