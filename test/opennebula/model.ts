import type { Template, Vector } from './template.ts'

/** Which front end is played. Older ones differ only where it is known how. */
export type Version = '3.2' | '3.8' | '5.10' | '6.0' | '6.8'

/** What someone may do with an object. */
export type Right = 'USE' | 'MANAGE' | 'ADMIN'

/** What every object has. `mode` is three digits, owner, group, others: 4 use, 2 manage, 1 admin. */
export interface Owned {
  readonly id: number
  readonly name: string
  readonly owner: User
  readonly mode: string
}

/** An account. Group 0 (`oneadmin`) may everything. */
export interface User {
  readonly id: number
  readonly name: string
  readonly password: string
  readonly groupId: number
  readonly groupName: string
  readonly template: Template
  /** What it may make. */
  readonly creates: readonly ('VM' | 'TEMPLATE')[]
  /** How many VMs it may have; absent: any number. */
  readonly vmQuota?: number
  /** Login tokens, with the Unix second at which each ends (-1: never). */
  readonly tokens: Map<string, number>
}

/** A template that VMs are made from. */
export interface VmTemplate extends Owned {
  readonly template: Template
  readonly registered: number
}

/** An image of a disk, or a file for contexts. */
export interface Image extends Owned {
  /** 0 OS, 1 CDROM, 2 DATABLOCK, 3 KERNEL, 4 RAMDISK, 5 CONTEXT. */
  readonly type: number
  readonly sizeMiB: number
  readonly path: string
  readonly datastore: { readonly id: number; readonly name: string }
  readonly template: Template
  readonly registered: number
  /** 1 READY, 2 USED, 4 LOCKED, 5 ERROR. */
  readonly state: number
  /** What is in it, for images of type CONTEXT. */
  readonly content: Uint8Array
}

/** A virtual network. */
export interface Network extends Owned {
  /** 1 READY; in any other one leases are refused. */
  state: number
  readonly bridge: string
  readonly template: Template
  readonly range: AddressRange
  /** VM by address. */
  readonly leases: Map<string, Lease>
}

/** A host. `mode` stands for the rules by which others than administrators see it. */
export interface Host extends Owned {
  /** 2 MONITORED. */
  readonly state: number
  readonly total: HostCapacity
  /** What VMs may take of it: more where the site overcommits, less where it keeps some. */
  readonly max: HostCapacity
}

/** What a host has. */
export interface HostCapacity {
  /** In hundredths of a core. */
  readonly cpuPercent: number
  readonly memoryKiB: number
}

/** Addresses of a network, in one range. */
export interface AddressRange {
  readonly first: string
  readonly size: number
  /** Such as `2001:db8::`; the rest of the address is made from the MAC. */
  readonly globalPrefix?: string
  readonly ulaPrefix?: string
}

/** What one card of a VM has of a network. */
export interface Lease {
  readonly vmId: number
  readonly ip: string
  readonly mac: string
  readonly ip6?: { readonly global?: string; readonly ula?: string; readonly link: string }
}

/** One stay of a VM on a host. Times are Unix seconds; 0: not yet. */
export interface History {
  readonly seq: number
  readonly started: number
  ended: number
  prolog: readonly [number, number]
  running: readonly [number, number]
  epilog: readonly [number, number]
  action: number
  by: readonly [userId: number, groupId: number, request: number]
}

/** A virtual machine. */
export interface Vm extends Owned {
  readonly uuid: string
  readonly started: number
  ended: number
  state: number
  lcmState: number
  previous: readonly [state: number, lcmState: number]
  deployId: string
  /** What the front end understood and completed; `CONTEXT/PASSWORD` is ciphertext in it. */
  template: Template
  /** Whatever else was sent. */
  userTemplate: Template
  history: History[]
  /** A lock's holder. */
  locked: boolean
  /** What stands on the context disk; `undefined` until it was made. */
  disk: ContextFiles | undefined
}

/** Files of a context disk by name. */
export type ContextFiles = ReadonlyMap<string, Uint8Array>

/** Codes of failures, as the front end numbers them. */
type FailureCode = 256 | 512 | 1024 | 2048 | 4096 | 8192 | 16384

/** Why a call ends there: code and text of the failure, without the method's name before it. */
export interface Refusal extends Error {
  readonly failure: FailureCode
  readonly objectId: number
}

/** An error to throw for a refusal. */
export function refusal(failure: FailureCode, message: string, objectId = -1): Refusal {
  return Object.assign(new Error(message), { failure, objectId })
}

/** Whether an error is a refusal; any other is a mistake in the simulator. */
export function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && 'failure' in error
}

/** A vector with more keys, or with other values for some. */
export function withKeys(vector: Vector, more: Iterable<readonly [string, string]>): Vector {
  return new Map([...vector, ...more])
}
