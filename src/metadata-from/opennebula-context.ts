import { Buffer } from 'node:buffer'
import { toAddress } from '../deliveries/metadata-addresses.ts'
import { isVariableName } from '../layouts/context-sh-variables.ts'
import {
  isHostname,
  toHostname,
  toPublicKey,
  type Context,
  type InstanceFacts,
  type PublicKey,
} from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { reasonOf } from '../model/errors.ts'
import { toInteger, type OneRecord } from '../providers/opennebula/api-attributes.ts'
import type { OneVm } from '../providers/opennebula/api-vms.ts'
import { networkOf } from '../providers/opennebula/vm-network.ts'
import { decodeBase64 } from '../wire/base64.ts'
import type { GuestRecord } from './guest-records.ts'

/** What the site says of its OpenNebula. */
interface Site {
  readonly zone: string
  readonly availabilityZone?: string
}

/** Told what is odd about a VM; never a value of its CONTEXT. */
type Tell = (line: string) => void

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
  const { id, name, nics, nicAliases, template, disks } = vm
  // What nobody is to be told is not even kept.
  const { PASSWORD: _password, ...context } = vm.context ?? {}
  const uuid = template.vectors['OS']?.[0]?.['UUID']?.toLowerCase() ?? ''
  const { IMAGE: imageName, IMAGE_ID: imageId } = disks[0] ?? {}
  return { id, name, nics, nicAliases, context, sizeName: sizeNameOf(vm), uuid, imageName, imageId }
}

function hasAddress(card: OneRecord, address: string): boolean {
  return addressesOf(card).some((each) => (toAddress(each) ?? each) === address)
}

function toContext(vm: Told, asked: OneRecord, site: Site, tell: Tell): Context {
  const { context } = vm
  const userData = userDataOf(vm.id, context, tell)
  const network = networkOf(vm)
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

function guestIdOf({ id, uuid }: Told, zone: string): string {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) ? uuid : madeUuid(`opennebula ${zone} ${id}`)
}

/** RFC 9562 section 5.8: a UUID of our own making, the same for the same text. */
function madeUuid(text: string): string {
  const [, ...groups] = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(sha256(Buffer.from(text))) ?? []
  const [a = '', b = '', c = '', d = '', e = ''] = groups
  return [a, b, `8${c}`, `8${d}`, e].join('-')
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

/** Where keys are, by the names that guests and front ends know; the same one in several of them is one key. */
const KEYS = ['SSH_KEY', 'SSH_PUBLIC_KEY', 'EC2_PUBLIC_KEY', 'PUBLIC_KEY']

function publicKeysOf(id: number, context: OneRecord, tell: Tell): readonly PublicKey[] {
  const lines = new Set(
    KEYS.flatMap((name) => (context[name] ?? '').split('\n'))
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  )
  const first = context['EC2_KEYNAME'] || 'key-0'
  const keys: PublicKey[] = []
  for (const line of lines)
    try {
      keys.push(toPublicKey(line, keys.length === 0 ? first : `key-${keys.length}`))
    } catch {
      tell(`VM ${id}: a line among its public keys is none; its guest is not told of it`)
    }
  return keys
}

/**
 * As cloud-init does, which the same CONTEXT may reach by disk: one encoding of two is enough, and what then is no base64
 * counts as text. The guest's own words for that are better than no data at all.
 */
function userDataOf(id: number, context: OneRecord, tell: Tell): Uint8Array | undefined {
  const isEncoded = [context['USER_DATA_ENCODING'], context['USERDATA_ENCODING']].includes('base64')
  for (const name of ['USER_DATA', 'USERDATA', 'EC2_USER_DATA']) {
    const text = context[name]
    if (text === undefined || text === '') continue
    if (!isEncoded && name !== 'EC2_USER_DATA') return new TextEncoder().encode(text)
    try {
      // A copy: small buffers are cut from larger ones, which they would keep.
      return new Uint8Array(decodeBase64(text, name))
    } catch (error) {
      tell(`VM ${id}: ${reasonOf(error)}; its guest gets it as it stands`)
      return new TextEncoder().encode(text)
    }
  }
  return undefined
}
