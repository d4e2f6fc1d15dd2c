import type { XmlElement } from '../../wire/xml.ts'
import { childOf, childrenOf, integerIn, readRecord, textIn, type OneRecord } from '../one-xml.ts'
import { readAttributes, type OneAttributes } from './api-attributes.ts'

/** A template: what VMs are made from. */
export interface OneTemplate {
  readonly id: number
  readonly uid: number
  readonly gid: number
  readonly name: string
  /** Everything but CONTEXT: CPU, MEMORY (MiB), VCPU, DISK, NIC, LABELS … */
  readonly attributes: OneAttributes
  /** Variables such as `$USER[…]` stand in it as they were written, a PASSWORD as ciphertext. Absent: it has none. */
  readonly context?: OneRecord
}

/** A VM, whole or as a pool has it. */
export interface OneVm {
  readonly id: number
  readonly uid: number
  readonly gid: number
  readonly name: string
  readonly state: number
  readonly lcmState: number
  /** Seconds since the epoch. */
  readonly createdAt: number
  /** Seconds since the epoch; absent while it exists. */
  readonly endedAt?: number
  /** Everything of TEMPLATE but CONTEXT, DISK, NIC and NIC_ALIAS: CPU, MEMORY (MiB), VCPU, OS, TEMPLATE_ID … */
  readonly template: OneAttributes
  /** Absent in a pool's short bodies, and where it has none. */
  readonly context?: OneRecord
  readonly disks: readonly OneRecord[]
  /** In a pool's short bodies an alias stands among them like any other. */
  readonly nics: readonly OneRecord[]
  readonly nicAliases: readonly OneRecord[]
  /** In a pool's short bodies only LABELS, ERROR, SCHED_… and the like. */
  readonly userTemplate: OneAttributes
  /** Where it was placed last. */
  readonly hostName?: string
}

/** Reads a `<VMTEMPLATE>`. @throws {CloudError} provider-failed naming what is missing */
export function readTemplate(element: XmlElement): OneTemplate {
  const { context, attributes } = withoutContext(childOf(element, 'TEMPLATE'))
  return { ...readOwned(element), attributes, ...context }
}

/** Reads a `<VM>`. @throws {CloudError} provider-failed naming what is missing */
export function readVm(element: XmlElement): OneVm {
  const { context, attributes } = withoutContext(childOf(element, 'TEMPLATE'))
  const { DISK: disks = [], NIC: nics = [], NIC_ALIAS: nicAliases = [], ...vectors } = attributes.vectors
  const endedAt = integerIn(element, 'ETIME')
  // The newest stands last; a pool has this one only.
  const hostName = childOf(childrenOf(childOf(element, 'HISTORY_RECORDS'), 'HISTORY').at(-1), 'HOSTNAME')?.text
  return {
    ...readOwned(element),
    state: integerIn(element, 'STATE'),
    lcmState: integerIn(element, 'LCM_STATE'),
    createdAt: integerIn(element, 'STIME'),
    ...(endedAt > 0 ? { endedAt } : {}),
    template: { single: attributes.single, vectors },
    ...context,
    disks,
    nics,
    nicAliases,
    userTemplate: readAttributes(childOf(element, 'USER_TEMPLATE')),
    ...(hostName === undefined ? {} : { hostName }),
  }
}

function readOwned(element: XmlElement): Pick<OneVm, 'id' | 'uid' | 'gid' | 'name'> {
  return {
    id: integerIn(element, 'ID'),
    uid: integerIn(element, 'UID'),
    gid: integerIn(element, 'GID'),
    name: textIn(element, 'NAME'),
  }
}

interface Parted {
  readonly context: { readonly context?: OneRecord }
  readonly attributes: OneAttributes
}

/** CONTEXT is there once at most; an empty one is one, too. */
function withoutContext(template: XmlElement | undefined): Parted {
  const context = childOf(template, 'CONTEXT')
  const { single, vectors } = readAttributes(template)
  const { CONTEXT: _text, ...otherSingle } = single
  const { CONTEXT: _vector, ...otherVectors } = vectors
  return {
    context: context ? { context: readRecord(context) } : {},
    attributes: { single: otherSingle, vectors: otherVectors },
  }
}
