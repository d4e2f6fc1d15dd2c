import { createCloud } from './cloud.ts'
import { contextDisk } from './context-disk.ts'
import type { CallFault } from './faults.ts'
import { QUICK, type Delays } from './lifecycle.ts'
import type { AddressRange, HostCapacity, Owned, User, Version, Vm } from './model.ts'
import { openDoor, type LoggedCall } from './server.ts'
import type { Template } from './template.ts'
import { parseTemplate } from './template-parse.ts'

/** How a front end starts. */
export interface OpenNebulaOptions {
  /** Default: 6.8. */
  readonly version?: Version
  /** How long states last, in milliseconds; default: a moment. `pendingMs: Infinity` waits for one.vm.deploy. */
  readonly delays?: Partial<Delays>
  /** OneGate's address; `null`: the front end has none, and TOKEN=YES is refused. Default: `http://127.0.0.1:5030`. */
  readonly oneGate?: string | null
}

/** Whose an object is, and who else may use it. */
interface Ownership {
  /** The name of an account. Default: `oneadmin`. */
  readonly owner?: string
  /** Owner, group, others: 4 use, 2 manage, 1 admin. Default `600`; `604`: all may use it. */
  readonly mode?: string
}

/** An account to add. */
export interface NewUser {
  readonly name: string
  readonly password: string
  /** Default: 1, `users`. 0 is the administrators' group. */
  readonly groupId?: number
  readonly groupName?: string
  /** In the text form: `SSH_PUBLIC_KEY="…"`. */
  readonly template?: string
  /** Default: both. */
  readonly creates?: User['creates']
  readonly vmQuota?: number
}

/** A template to add. */
export interface NewTemplate extends Ownership {
  readonly name: string
  /** In either form. A PASSWORD in its CONTEXT is stored as ciphertext. */
  readonly template: string
}

/** An image to add. */
export interface NewImage extends Ownership {
  readonly name: string
  /** Default: 0, an OS image. 5: a file for contexts. */
  readonly type?: number
  readonly sizeMiB?: number
  readonly template?: string
  readonly state?: number
  readonly content?: Uint8Array
  readonly datastore?: { readonly id: number; readonly name: string }
  readonly path?: string
}

/** A network to add. */
export interface NewNetwork extends Ownership {
  readonly name: string
  readonly template?: string
  readonly range: AddressRange
  /** Default: 1, READY. */
  readonly state?: number
}

/** A host to add. VMs run without any, and take nothing of it. */
export interface NewHost extends Ownership {
  readonly name: string
  readonly total: HostCapacity
  /** Default: all of it. */
  readonly max?: HostCapacity
  /** Default: 2, MONITORED. */
  readonly state?: number
}

/** A front end that runs. What is added is there at once; ids count from 0, those of accounts go on from 2. */
export interface OpenNebula {
  /** Where XML-RPC is asked. */
  readonly url: string
  /** The administrator's. */
  readonly session: string
  /** Every call that was understood, in order. */
  readonly calls: readonly LoggedCall[]
  addUser(user: NewUser): number
  setQuota(userId: number, vmQuota: number): void
  addTemplate(template: NewTemplate): number
  setTemplateMode(id: number, mode: string): void
  addImage(image: NewImage): number
  addNetwork(network: NewNetwork): number
  addHost(host: NewHost): number
  setNetworkState(id: number, state: number): void
  vms(): readonly Vm[]
  /** Has these VMs, numbered from 0, in place of those that it had. */
  setVms(vms: readonly Vm[]): void
  /** Puts a VM into a state of the test's choice. */
  setVmState(id: number, state: number, lcmState?: number): void
  /** Whether cards can be plugged while a VM runs, and guests let go of them; at first they do. */
  setPlugging(works: boolean): void
  /** A lock, as one.vm.lock sets it. */
  setVmLock(id: number, locked: boolean): void
  /** `context.sh` as the guest reads it; `undefined` until the VM was deployed, or where it has no context. */
  contextOf(id: number): string | undefined
  /** Files of the context disk by name; `undefined` as above. */
  diskOf(id: number): ReadonlyMap<string, Uint8Array> | undefined
  /** That disk as an ISO 9660 image, made by genisoimage where it is installed. */
  imageOf(id: number): Promise<Uint8Array | undefined>
  /** Replaces everything that goes wrong; counting begins anew. */
  setFaults(faults: readonly CallFault[]): void
}

/**
 * Plays an OpenNebula front end on loopback until the test ends: the real one's answers, refusals, and what it does to
 * values on their way into a guest.
 *
 * @example
 * const one = await startOpenNebula(t)
 * one.addTemplate({ name: 'small', template: 'CPU=1 MEMORY=64 CONTEXT=[ NETWORK="YES" ]' })
 */
export async function startOpenNebula(
  t: { readonly after: (close: () => Promise<void>) => unknown },
  options: OpenNebulaOptions = {},
): Promise<OpenNebula> {
  const { version = '6.8', delays = {}, oneGate = 'http://127.0.0.1:5030' } = options
  const cloud = createCloud({ version, delays: { ...QUICK, ...delays }, oneGate: oneGate ?? undefined })
  const door = await openDoor(cloud)
  t.after(async () => {
    cloud.lifecycle.close()
    await door.close()
  })

  const read = (source: string): Template => {
    const parsed = parseTemplate(source, { ...cloud.profile.syntax, xml: true })
    if ('error' in parsed) throw new Error(`a test's template: ${parsed.error}`)
    return parsed.template
  }
  const owned = (shelf: readonly Owned[], name: string, { owner = 'oneadmin', mode = '600' }: Ownership): Owned => {
    const user = cloud.users.find((one) => one.name === owner)
    if (user === undefined) throw new Error(`there is no account ${owner}`)
    return { id: shelf.length, name, owner: user, mode }
  }
  const add = <T extends Owned>(shelf: T[], one: T): number => {
    shelf.push(one)
    return one.id
  }
  const addUser = (id: number, user: NewUser): number => {
    const {
      groupId = 1,
      groupName = groupId === 0 ? 'oneadmin' : 'users',
      template = '',
      creates = ['VM', 'TEMPLATE'],
    } = user
    cloud.users.push({ ...user, id, groupId, groupName, creates, template: read(template), tokens: new Map() })
    return id
  }
  const vmAt = (id: number): Vm => {
    const vm = cloud.vms[id]
    if (vm === undefined) throw new Error(`there is no VM ${id}`)
    return vm
  }
  const replaceAt = <T extends Owned>(shelf: T[], id: number, change: (one: T) => T): void => {
    const one = shelf[id]
    if (one === undefined) throw new Error(`there is no object ${id}`)
    shelf[id] = change(one)
  }
  const encrypted = (template: Template): Template =>
    template.map((one) => {
      const password = one.name === 'CONTEXT' && typeof one.value !== 'string' ? one.value.get('PASSWORD') : undefined
      return password === undefined || typeof one.value === 'string'
        ? one
        : { ...one, value: new Map([...one.value, ['PASSWORD', cloud.encrypt(password)]]) }
    })

  addUser(0, {
    name: 'oneadmin',
    password: 'opennebula',
    groupId: 0,
    template: 'SSH_PUBLIC_KEY="ssh-ed25519 AAAAC3Nza admin@example.org" TOKEN_PASSWORD="token-password"',
  })

  return {
    url: door.url,
    session: 'oneadmin:opennebula',
    calls: door.calls,
    addUser: (user) => addUser(cloud.users.length + 1, user),
    setQuota: (userId, vmQuota) => {
      const index = cloud.users.findIndex(({ id }) => id === userId)
      const user = cloud.users[index]
      if (user === undefined) throw new Error(`there is no account ${userId}`)
      cloud.users[index] = { ...user, vmQuota }
    },
    addTemplate: ({ name, template, ...ownership }) =>
      add(cloud.templates, {
        ...owned(cloud.templates, name, ownership),
        template: encrypted(read(template)),
        registered: now(),
      }),
    setTemplateMode: (id, mode) => replaceAt(cloud.templates, id, (one) => ({ ...one, mode })),
    addImage: ({ name, type = 0, sizeMiB = 1024, template = '', state = 1, ...more }) =>
      add(cloud.images, {
        ...owned(cloud.images, name, more),
        type,
        sizeMiB,
        template: read(template),
        state,
        registered: now(),
        path: more.path ?? `/srv/images/${name}`,
        datastore: more.datastore ?? (type === 5 ? { id: 102, name: 'dfile' } : { id: 100, name: 'dimg' }),
        content: more.content ?? new Uint8Array(),
      }),
    addNetwork: ({ name, template = '', range, state = 1, ...ownership }) =>
      add(cloud.networks, {
        ...owned(cloud.networks, name, ownership),
        bridge: 'vbr0',
        template: read(template),
        range,
        state,
        leases: new Map(),
      }),
    addHost: ({ name, total, max = total, state = 2, ...ownership }) =>
      add(cloud.hosts, { ...owned(cloud.hosts, name, ownership), total, max, state }),
    setNetworkState: (id, state) => {
      const network = cloud.networks[id]
      if (network === undefined) throw new Error(`there is no network ${id}`)
      network.state = state
    },
    vms: () => cloud.vms,
    setVms: (vms) => {
      cloud.vms.splice(0, Infinity, ...vms)
    },
    setVmState: (id, state, lcmState) => cloud.lifecycle.enter(vmAt(id), state, lcmState),
    setPlugging: (works) => {
      cloud.canPlug = works
    },
    setVmLock: (id, locked) => {
      vmAt(id).locked = locked
    },
    contextOf: (id) => {
      const script = vmAt(id).disk?.get('context.sh')
      return script && new TextDecoder().decode(script)
    },
    diskOf: (id) => vmAt(id).disk,
    imageOf: async (id) => {
      const { disk } = vmAt(id)
      return disk && (await contextDisk(disk, cloud.profile.label))
    },
    setFaults: (faults) => door.faults.set(faults),
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
