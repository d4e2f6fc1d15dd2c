import type { HttpClient } from '../../wire/http.ts'
import type { XmlElement } from '../../wire/xml.ts'
import { AGAIN, ONCE, oneClient } from '../one-client.ts'
import { childrenOf } from '../one-xml.ts'
import type { Call } from '../provider.ts'
import { toCloudError } from './api-faults.ts'
import {
  readHost,
  readImage,
  readNetwork,
  readUser,
  type OneHost,
  type OneImage,
  type OneNetwork,
  type OneUser,
} from './api-pools.ts'
import { readTemplate, readVm, type OneTemplate, type OneVm } from './api-vms.ts'

/** Where an OpenNebula is, and who asks it. */
export interface OpenNebulaApiOptions {
  /** Of its XML-RPC: `http://one.example.org:2633/RPC2`. */
  readonly url: string
  /** `user:password` or `user:token`. It is in no message. */
  readonly session: string
  readonly http: HttpClient
  /** The provider's name; errors begin with it. */
  readonly name: string
}

/** Which VMs: whose, in which state, and which part of them. */
interface VmSelection {
  /** -4 those of the primary group, -3 mine, -2 all that may be used, -1 mine and my groups', from 0 on: that user's (default -3). */
  readonly filter?: number
  /** -2 any, deleted ones too; -1 all but the deleted; else the number of a state (default -1). */
  readonly state?: number
  /** Ids from and to; a negative `to` below -1 is a page of so many rows from row `from` on; default: all. */
  readonly range?: readonly [from: number, to: number]
}

/** What a VM gets beside its template. */
interface Instantiation {
  /** Absent: OpenNebula makes one. */
  readonly name?: string
  /** Attributes in OpenNebula's XML or text form; each replaces the template's of that name whole. */
  readonly extra?: string
  /** Whether it waits for `release` (default false). */
  readonly isHeld?: boolean
}

/** Whether attributes that are not named stay (`merge`) or go (`replace`). */
type UpdateMode = 'replace' | 'merge'

/** `one.vm.recover` by its numbers' names. */
type RecoverOperation = 'failure' | 'success' | 'retry' | 'delete' | 'recreate' | 'delete-db'

/**
 * OpenNebula's XML-RPC, as far as we need it. What reads, `terminate…` and `updateConf` is repeated where the way there has
 * trouble; of all else, `unavailable` and `timeout` mean that nobody knows whether it was done.
 *
 * @throws {CloudError} from every call: unauthenticated, forbidden, not-found, conflict, invalid, unsupported, unavailable,
 *   timeout, rate-limited, provider-failed; no message holds the session or a value of a CONTEXT
 * @see OpenNebula, XML-RPC API
 */
export interface OpenNebulaApi {
  /** Such as `6.8.0`. */
  readonly version: (call: Call) => Promise<string>
  /** Who asks. */
  readonly user: (call: Call) => Promise<OneUser>
  /** All that may be used. */
  readonly templates: (call: Call) => Promise<readonly OneTemplate[]>
  readonly template: (id: number, call: Call) => Promise<OneTemplate>
  /** All that may be used. */
  readonly images: (call: Call) => Promise<readonly OneImage[]>
  /** All that may be used, without leases. */
  readonly networks: (call: Call) => Promise<readonly OneNetwork[]>
  /** With its leases, where it may be managed. */
  readonly network: (id: number, call: Call) => Promise<OneNetwork>
  /** All that may be used: to most accounts none is. */
  readonly hosts: (call: Call) => Promise<readonly OneHost[]>
  /** @returns the id of the new VM */
  readonly instantiate: (templateId: number, how: Instantiation, call: Call) => Promise<number>
  /** Makes a VM of attributes alone. @returns its id */
  readonly allocate: (attributes: string, how: Pick<Instantiation, 'isHeld'>, call: Call) => Promise<number>
  /** Whole. One that was deleted is there, in state 6; not-found is what never was. */
  readonly vm: (id: number, call: Call) => Promise<OneVm>
  /** In short bodies, the newest first. */
  readonly vms: (selection: VmSelection, call: Call) => Promise<readonly OneVm[]>
  /** By their ids, in short bodies; what is not there is left out. From 5.12 on. */
  readonly vmSet: (ids: readonly number[], call: Call) => Promise<readonly OneVm[]>
  /** Begins an action (`resume`, `poweroff`, `terminate-hard` …); what it changes follows later. */
  readonly act: (id: number, action: string, call: Call) => Promise<void>
  /** Gives a VM other CONTEXT, OS, GRAPHICS …: with `merge`, from 6.2 on, parts that are not named stay. */
  readonly updateConf: (id: number, attributes: string, mode: UpdateMode, call: Call) => Promise<void>
  /** Changes USER_TEMPLATE alone. */
  readonly updateVm: (id: number, attributes: string, mode: UpdateMode, call: Call) => Promise<void>
  /** Begins to plug a card: attributes with one NIC. Another follows when this one is there. */
  readonly attachNic: (id: number, attributes: string, call: Call) => Promise<void>
  /** Begins to take a card away, by its NIC_ID. */
  readonly detachNic: (id: number, nicId: number, call: Call) => Promise<void>
  /** For administrators. */
  readonly recover: (id: number, operation: RecoverOperation, call: Call) => Promise<void>
}

const MODES: Readonly<Record<UpdateMode, number>> = { replace: 0, merge: 1 }

const OPERATIONS: Readonly<Record<RecoverOperation, number>> = {
  failure: 0,
  success: 1,
  retry: 2,
  delete: 3,
  recreate: 4,
  'delete-db': 5,
}

const ME = -1
const MINE = -3
const ALL_USABLE = -2
const ALL_BUT_DONE = -1
const ALL_IDS = [-1, -1] as const

/** OpenNebula's calls, made with one credential. */
export function openNebulaApi({ url, session, http, name }: OpenNebulaApiOptions): OpenNebulaApi {
  const password = session.slice(session.indexOf(':') + 1)
  const { ask, read, make } = oneClient({
    url,
    session,
    http,
    name,
    explain: (refusal, { what, parameters }) => {
      const texts = parameters.filter((parameter) => typeof parameter === 'string')
      return toCloudError(refusal, what, { password, texts })
    },
  })

  return {
    version: async (call) => String(await ask('one.system.version', [], AGAIN, call)),
    user: (call) => read(['one.user.info', ME], 'USER', readUser, call),
    templates: (call) =>
      read(
        ['one.templatepool.info', ALL_USABLE, ...ALL_IDS],
        'VMTEMPLATE_POOL',
        (pool) => childrenOf(pool, 'VMTEMPLATE').map(readTemplate),
        call,
      ),
    template: (id, call) => read(['one.template.info', id], 'VMTEMPLATE', readTemplate, call),
    images: (call) =>
      read(
        ['one.imagepool.info', ALL_USABLE, ...ALL_IDS],
        'IMAGE_POOL',
        (pool) => childrenOf(pool, 'IMAGE').map(readImage),
        call,
      ),
    networks: (call) =>
      read(
        ['one.vnpool.info', ALL_USABLE, ...ALL_IDS],
        'VNET_POOL',
        (pool) => childrenOf(pool, 'VNET').map(readNetwork),
        call,
      ),
    network: (id, call) => read(['one.vn.info', id], 'VNET', readNetwork, call),
    hosts: (call) => read(['one.hostpool.info'], 'HOST_POOL', (pool) => childrenOf(pool, 'HOST').map(readHost), call),
    instantiate: (templateId, { name: vmName = '', extra = '', isHeld = false }, call) =>
      // The last one: no copies of its images that outlive it.
      make('one.template.instantiate', [templateId, vmName, isHeld, extra, false], call),
    allocate: (attributes, { isHeld = false }, call) => make('one.vm.allocate', [attributes, isHeld], call),
    vm: (id, call) => read(['one.vm.info', id], 'VM', readVm, call),
    vms: ({ filter = MINE, state = ALL_BUT_DONE, range = ALL_IDS }, call) =>
      read(['one.vmpool.info', filter, ...range, state], 'VM_POOL', readVms, call),
    vmSet: (ids, call) => read(['one.vmpool.infoset', ids.join(','), false], 'VM_POOL', readVms, call),
    act: async (id, action, call) => {
      // Deleting what is deleted succeeds again; other actions may do twice what was asked for once.
      await ask('one.vm.action', [action, id], action.startsWith('terminate') ? AGAIN : ONCE, call)
    },
    updateConf: async (id, attributes, mode, call) => {
      // Before 6.2 it always replaces, and takes no mode.
      await ask('one.vm.updateconf', [id, attributes, ...(mode === 'merge' ? [MODES.merge] : [])], AGAIN, call)
    },
    updateVm: async (id, attributes, mode, call) => {
      await ask('one.vm.update', [id, attributes, MODES[mode]], ONCE, call)
    },
    attachNic: async (id, attributes, call) => {
      await ask('one.vm.attachnic', [id, attributes], ONCE, call)
    },
    detachNic: async (id, nicId, call) => {
      // The number of a card that is gone may be another's by then.
      await ask('one.vm.detachnic', [id, nicId], ONCE, call)
    },
    recover: async (id, operation, call) => {
      await ask('one.vm.recover', [id, OPERATIONS[operation]], ONCE, call)
    },
  }
}

function readVms(pool: XmlElement): readonly OneVm[] {
  return childrenOf(pool, 'VM').map(readVm)
}
