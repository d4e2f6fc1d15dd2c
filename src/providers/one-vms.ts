import { CloudError, isCloudError, reasonOf } from '../model/errors.ts'
import { checkCall } from './call.ts'
import { toOneId } from './one-xml.ts'
import type { Call, Provider, RemoteInstance } from './provider.ts'

/** The attribute of a VM that holds our id. */
export const OUR_ID = 'BELLHOP_ID'

/** What one version of OpenNebula has to do for {@link ourVms}; `Vm` is how it shows a VM. */
export interface OneVms<Vm extends { readonly id: number }> {
  /** The provider's name. */
  readonly name: string
  /** The account's own that are not deleted; each may be shown in short. */
  readonly listed: (call: Call) => Promise<readonly Vm[]>
  /** These, and such as were deleted not long ago; one may be there twice. */
  readonly everMade: (call: Call) => Promise<readonly Vm[]>
  /** Whole. One that was deleted is there, too. */
  readonly vm: (id: number, call: Call) => Promise<Vm>
  readonly ourIdOf: (vm: Vm) => string | undefined
  readonly isDeleted: (vm: Vm) => boolean
  /** Deletes one, and waits until it is gone; what is gone is no error. */
  readonly end: (id: number, call: Call) => Promise<void>
}

/** VMs that bear our ids. Of several with one id, the one that was made first counts. */
export interface OurVms<Vm> {
  /** One that is not deleted, whole. */
  readonly find: (ourId: string, call: Call) => Promise<Vm | undefined>
  /** @throws {CloudError} not-found for one that is deleted, too */
  readonly get: (remoteId: string, call: Call) => Promise<Vm>
  readonly list: (call: Call) => Promise<readonly Vm[]>
  /**
   * Makes one unless there is one with that id.
   *
   * @param make gives its number
   * @throws {CloudError} conflict where there was one, and it is deleted: nobody wants another in its place
   */
  readonly makeOnce: (ourId: string, make: () => Promise<number>, call: Call) => Promise<Vm>
  readonly delete: (remoteId: string, call: Call) => Promise<void>
  /** Deletes all that bear an id, but for the one that stays. */
  readonly discard: (ourId: string, call: Call, keep?: string) => Promise<void>
}

/** An OpenNebula can make nothing once by itself, and find nothing by an id of ours: this does, over its lists. */
export function ourVms<Vm extends { readonly id: number }>(vms: OneVms<Vm>): OurVms<Vm> {
  const { name, isDeleted, ourIdOf } = vms

  async function bearing(ourId: string, call: Call): Promise<readonly Vm[]> {
    checkCall(call, name)
    return (await vms.listed(call)).filter((vm) => ourIdOf(vm) === ourId && !isDeleted(vm))
  }

  /** What was made may well be there, even where it is not seen. */
  async function seen(id: number, call: Call): Promise<Vm> {
    try {
      return await vms.vm(id, call)
    } catch (cause) {
      if (isCloudError(cause, 'timeout')) throw cause
      const message = `${name}: VM ${id} is there, but cannot be seen: ${reasonOf(cause)}`
      throw new CloudError('unavailable', message, { cause })
    }
  }

  return {
    find: async (ourId, call) => {
      const found = first(await bearing(ourId, call))
      return found && (await vms.vm(found.id, call))
    },
    get: async (remoteId, call) => {
      checkCall(call, name)
      const vm = await vms.vm(vmIdOf(remoteId), call)
      if (isDeleted(vm)) throw new CloudError('not-found', `VM ${remoteId} is deleted`)
      return vm
    },
    list: async (call) => {
      checkCall(call, name)
      return (await vms.listed(call)).filter((vm) => ourIdOf(vm) !== undefined)
    },
    makeOnce: async (ourId, make, call) => {
      checkCall(call, name)
      const earlier = (await vms.everMade(call)).filter((vm) => ourIdOf(vm) === ourId)
      const [gone, there] = [first(earlier), first(earlier.filter((vm) => !isDeleted(vm)))]
      if (gone && !there)
        throw new CloudError('conflict', `VM ${gone.id} was made for instance ${ourId}, and is deleted`)
      return await seen(there?.id ?? (await make()), call)
    },
    delete: async (remoteId, call) => {
      checkCall(call, name)
      const id = toOneId(remoteId)
      if (id !== undefined) await vms.end(id, call)
    },
    discard: async (ourId, call, keep) => {
      for (const { id } of await bearing(ourId, call)) if (String(id) !== keep) await vms.end(id, call)
    },
  }
}

/** What a provider does with VMs of ours, whatever OpenNebula's version. */
export function instancesOf<Vm>(
  vms: OurVms<Vm>,
  toRemoteInstance: (vm: Vm) => RemoteInstance,
): Pick<Provider, 'find' | 'get' | 'list' | 'delete'> & Required<Pick<Provider, 'discard'>> {
  return {
    find: async (ourId, call) => {
      const vm = await vms.find(ourId, call)
      return vm && toRemoteInstance(vm)
    },
    get: async (remoteId, call) => toRemoteInstance(await vms.get(remoteId, call)),
    list: async (call) => (await vms.list(call)).map(toRemoteInstance),
    delete: vms.delete,
    discard: vms.discard,
  }
}

/** OpenNebula numbers its VMs in the order in which they are made, and no number comes again. */
function first<Vm extends { readonly id: number }>(vms: readonly Vm[]): Vm | undefined {
  return vms.toSorted((a, b) => a.id - b.id)[0]
}

/** @throws {CloudError} not-found for what can be no VM of OpenNebula's */
function vmIdOf(remoteId: string): number {
  const id = toOneId(remoteId)
  if (id !== undefined) return id
  throw new CloudError('not-found', `there is no VM ${remoteId.slice(0, 50)}`)
}
