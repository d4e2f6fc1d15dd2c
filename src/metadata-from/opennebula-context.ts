import { Buffer } from 'node:buffer'
import { isIPv6 } from 'node:net'
import { toAddress } from '../deliveries/metadata-addresses.ts'
import { isVariableName } from '../layouts/context-sh-variables.ts'
import {
  isHostname,
  toHostname,
  type Context,
  type InstanceFacts,
  type NetworkConfig,
  type Nic,
} from '../model/context.ts'
import { sha256, uuidOf } from '../model/digest.ts'
import { toInteger, type OneRecord } from '../providers/one-xml.ts'
import type { OneVm } from '../providers/opennebula/api-vms.ts'
import { networkOf } from '../providers/opennebula/vm-network.ts'
import type { GuestRecord } from './guest-records.ts'
import { publicKeysOf, userDataOf, type Tell } from './opennebula-given.ts'

/** What the site says of its OpenNebula. */
interface Site {
  readonly zone: string
  readonly availabilityZone?: string
}

const ACTIVE = 3

/** Whether a VM runs. Others keep their addresses, and nobody can ask from there. */
export function isServed({ state }: Pick<OneVm, 'state'>): boolean {
  return state === ACTIVE
}

/** All addresses of a card or an alias. */
export function addressesOf(card: OneRecord): readonly string[] {
  return ['IP', 'IP6', 'IP6_GLOBAL', 'IP6_ULA', 'IP6_LINK'].flatMap((name) => card[name] || [])
}

/** What of a VM its guest is told from. Its host is no part of that: it would change when the VM moves. */
interface Told extends Pick<OneVm, 'id' | 'name' | 'nics' | 'nicAliases'> {
  readonly context: OneRecord
  readonly sizeName: string
  readonly uuid: string
  readonly imageName?: string | undefined
  readonly imageId?: string | undefined
}

/**
 * What guests are told of a VM.
 *
 * @param tell is told what is odd
 */
export function recordOf(vm: OneVm, site: Site, tell: Tell = () => {}): GuestRecord {
  // As one text it is small, and holds nothing of the answer that it was read from.
  const content = JSON.stringify(toTold(vm))
  return {
    fingerprint: sha256(Buffer.from(content)),
    sizeBytes: content.length * 2,
    contextAt: ({ network, address }) => {
      const told = JSON.parse(content) as Told
      const cards = [...told.nics, ...told.nicAliases]
      const asked = cards.find((card) => card['NETWORK_ID'] === network && hasAddress(card, address))
      return asked && toContext(told, asked, site, tell)
    },
  }
}

function toTold(vm: OneVm): Told {
  const { id, name, nicAliases, template, disks } = vm
  // Before 4.0 cards have no numbers of their own.
  const nics = vm.nics.map((nic, index) => ({ NIC_ID: String(index), ...nic }))
  // What nobody is to be told is not even kept.
  const { PASSWORD: _password, ...context } = vm.context ?? {}
  // StratusLab's machines have the one that their template says; elsewhere TEMPLATE has none.
  const uuid = (template.single['UUID'] ?? template.vectors['OS']?.[0]?.['UUID'] ?? '').toLowerCase()
  const { IMAGE: imageName = marketplaceId(disks[0]), IMAGE_ID: imageId = marketplaceId(disks[0]) } = disks[0] ?? {}
  return { id, name, nics, nicAliases, context, sizeName: sizeNameOf(vm), uuid, imageName, imageId }
}

/** Of a disk of StratusLab's, which comes from the page of its image in a Marketplace. */
function marketplaceId(disk: OneRecord | undefined): string | undefined {
  return /\/metadata\/([\w-]{27})$/.exec(disk?.['SOURCE'] ?? '')?.[1]
}

function hasAddress(card: OneRecord, address: string): boolean {
  return addressesOf(card).some((each) => (toAddress(each) ?? each) === address)
}

function toContext(vm: Told, asked: OneRecord, site: Site, tell: Tell): Context {
  const { context } = vm
  const userData = userDataOf(vm.id, context, tell)
  const network = networkTold(vm)
  const hostname = hostnameOf(vm.name, context)
  return {
    guestId: guestIdOf(vm, site.zone),
    ...(hostname === undefined ? {} : { hostname }),
    facts: factsOf(vm, asked, site),
    ...(userData === undefined ? {} : { userData }),
    publicKeys: publicKeysOf(vm.id, context, tell),
    variables: Object.fromEntries(Object.entries(context).filter(([name]) => isVariableName(name))),
    files: [],
    ...(network ? { network } : {}),
  }
}

/** Where CONTEXT says nothing of a card, as StratusLab's never does, its guest has to ask for its addresses. */
function networkTold(vm: Told): NetworkConfig | undefined {
  const network = networkOf(vm)
  if (network === undefined) return undefined
  const told = new Set(Object.keys(vm.context).flatMap((key) => /^ETH(\d+)_/.exec(key)?.[1] ?? []))
  const asking = new Set(
    vm.nics.flatMap(({ MAC: mac, NIC_ID: nicId = '' }) => (mac && !told.has(nicId) ? [mac.toLowerCase()] : [])),
  )
  return { nics: network.nics.map((nic) => (asking.has(nic.mac) ? withoutAnswers(nic) : nic)) }
}

function withoutAnswers(nic: Nic): Nic {
  const addresses = nic.addresses.map((each) => {
    const assignment = isIPv6(each.address) ? 'slaac' : 'dhcp'
    return { ...each, assignment } as const
  })
  return { ...nic, addresses }
}

function guestIdOf({ id, uuid }: Told, zone: string): string {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) ? uuid : uuidOf(`opennebula ${zone} ${id}`)
}

function hostnameOf(name: string, { SET_HOSTNAME: wanted = '' }: OneRecord): string | undefined {
  return isHostname(wanted) ? wanted : toHostname(name)
}

function factsOf(vm: Told, asked: OneRecord, { availabilityZone }: Site): InstanceFacts {
  const { imageName, imageId, sizeName } = vm
  const localIpv4 = asked['IP'] || undefined
  const publicIpv4 = asked['EXTERNAL_IP'] || externalAliasOf(vm, asked) || localIpv4
  return {
    name: vm.name,
    launchIndex: 0,
    ...(imageName ? { imageName } : {}),
    sizeName,
    ...(availabilityZone === undefined ? {} : { zone: availabilityZone }),
    ...(localIpv4 === undefined ? {} : { localIpv4 }),
    ...(publicIpv4 === undefined ? {} : { publicIpv4 }),
    ec2: {
      // CirrOS takes nothing for one that does not begin so.
      instanceId: `i-${vm.id.toString(16).padStart(8, '0')}`,
      ...(imageId ? { imageId: `ami-${imageId}` } : {}),
      reservationId: `r-${vm.id}`,
    },
  }
}

/** An address that is the guest's outside only: an alias with `EXTERNAL`. */
function externalAliasOf({ nicAliases }: Told, { NIC_ID: nicId }: OneRecord): string | undefined {
  return nicAliases.find((alias) => alias['PARENT_ID'] === nicId && /^yes$/i.test(alias['EXTERNAL'] ?? ''))?.['IP']
}

function sizeNameOf({ template, userTemplate }: OneVm): string {
  const named = userTemplate.single['INSTANCE_TYPE'] || template.single['INSTANCE_TYPE']
  return named || `c${template.single['VCPU'] || 1}-m${toInteger(template.single['MEMORY']) ?? 0}`
}
