import { CloudError } from '../../model/errors.ts'
import type { XmlElement } from '../../wire/xml.ts'
import { childOf, childrenOf, integerIn, readRecord, textIn, toInteger, type OneRecord } from '../one-xml.ts'
import { readAttributes, type OneAttributes } from './api-attributes.ts'

/** Whoever asks. Of what else OpenNebula tells of its users, much is secret. */
export interface OneUser {
  readonly id: number
  readonly name: string
  /** Of the primary group. */
  readonly gid: number
  /** What `$USER[SSH_PUBLIC_KEY]` stands for. */
  readonly sshPublicKey?: string
}

/** An image, of whatever kind. */
export interface OneImage {
  readonly id: number
  readonly uid: number
  readonly name: string
  /** 0 OS, 1 CDROM, 2 DATABLOCK, 3 KERNEL, 4 RAMDISK, 5 CONTEXT. */
  readonly type: number
  /** 1 READY, 2 USED, 4 LOCKED, 5 ERROR. */
  readonly state: number
  readonly sizeMiB: number
  readonly attributes: OneAttributes
}

/** An address that is taken. */
interface OneLease {
  /** Absent where a virtual router, another network or nobody has it. */
  readonly vmId?: number
  /** Of any kind: IPv4, and the global, unique local and link-local ones of IPv6. */
  readonly addresses: readonly string[]
  readonly mac?: string
}

/** A row of addresses of a network. */
interface OneAddressRange {
  /** AR_ID, TYPE, IP, MAC, SIZE, GLOBAL_PREFIX, and what this range says otherwise than its network. */
  readonly attributes: OneRecord
  /** Empty in a pool, and for whoever may not manage the network. */
  readonly leases: readonly OneLease[]
}

/** A virtual network. */
export interface OneNetwork {
  readonly id: number
  readonly uid: number
  readonly name: string
  /** 1 READY; before 6.4 networks have no state. */
  readonly state?: number
  /** DNS, GATEWAY, NETWORK_ADDRESS, NETWORK_MASK, GUEST_MTU … */
  readonly attributes: OneAttributes
  readonly ranges: readonly OneAddressRange[]
}

/** A host that VMs run on. */
export interface OneHost {
  readonly name: string
  /** 0 INIT, 1 and 2 monitored, 3 ERROR, 4 DISABLED, 5, 6 and 7 looked at in states 3, 0 and 4, 8 OFFLINE. */
  readonly state: number
  /** MAX_CPU: what all its VMs may take together, in hundredths of a core, with what the site overcommits or keeps. */
  readonly cpuPercent: number
  /** MAX_MEM, likewise. */
  readonly memoryKiB: number
}

/** Reads a `<USER>`, without its secrets. @throws {CloudError} provider-failed naming what is missing */
export function readUser(element: XmlElement): OneUser {
  const { single } = readAttributes(childOf(element, 'TEMPLATE'))
  const sshPublicKey = single['SSH_PUBLIC_KEY']
  return {
    id: integerIn(element, 'ID'),
    name: textIn(element, 'NAME'),
    gid: integerIn(element, 'GID'),
    ...(sshPublicKey === undefined ? {} : { sshPublicKey }),
  }
}

/** Reads an `<IMAGE>`. @throws {CloudError} provider-failed naming what is missing */
export function readImage(element: XmlElement): OneImage {
  return {
    id: integerIn(element, 'ID'),
    uid: integerIn(element, 'UID'),
    name: textIn(element, 'NAME'),
    type: integerIn(element, 'TYPE'),
    state: integerIn(element, 'STATE'),
    sizeMiB: integerIn(element, 'SIZE'),
    attributes: readAttributes(childOf(element, 'TEMPLATE')),
  }
}

/** Reads a `<VNET>`. @throws {CloudError} provider-failed naming what is missing */
export function readNetwork(element: XmlElement): OneNetwork {
  const state = childOf(element, 'STATE')
  return {
    id: integerIn(element, 'ID'),
    uid: integerIn(element, 'UID'),
    name: textIn(element, 'NAME'),
    ...(state ? { state: integerIn(element, 'STATE') } : {}),
    attributes: readAttributes(childOf(element, 'TEMPLATE')),
    ranges: childrenOf(childOf(element, 'AR_POOL'), 'AR').map((range) => {
      const { LEASES: _leases, ...attributes } = readRecord(range)
      return { attributes, leases: childrenOf(childOf(range, 'LEASES'), 'LEASE').map(readLease) }
    }),
  }
}

/** Reads a `<HOST>`. @throws {CloudError} provider-failed naming what is missing */
export function readHost(element: XmlElement): OneHost {
  const share = childOf(element, 'HOST_SHARE')
  if (!share) throw new CloudError('provider-failed', "OpenNebula's HOST has no HOST_SHARE")
  return {
    name: textIn(element, 'NAME'),
    state: integerIn(element, 'STATE'),
    cpuPercent: integerIn(share, 'MAX_CPU'),
    memoryKiB: integerIn(share, 'MAX_MEM'),
  }
}

const ADDRESSES = ['IP', 'IP6', 'IP6_GLOBAL', 'IP6_ULA', 'IP6_LINK']

function readLease(element: XmlElement): OneLease {
  const lease = readRecord(element)
  const vmId = toInteger(lease['VM'])
  const mac = lease['MAC']
  return {
    ...(vmId !== undefined && vmId >= 0 ? { vmId } : {}),
    addresses: ADDRESSES.flatMap((name) => lease[name] ?? []).filter((address) => address !== ''),
    ...(mac === undefined ? {} : { mac }),
  }
}
