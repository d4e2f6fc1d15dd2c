import { CloudError } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import { checkCall } from '../call.ts'
import type { Call, Provider } from '../provider.ts'
import { perform, stepFor, terminate } from './actions.ts'
import { openNebulaApi } from './api.ts'
import type { OneTemplate, OneVm } from './api-vms.ts'
import { capabilitiesWith, USER_DATA_MAX_BYTES } from './capabilities.ts'
import { findAll, makeVm } from './creation.ts'
import { virtualNetworks } from './networks.ts'
import type { OneCredential } from './one-auth.ts'
import { SIZES, toSizes, type SizeOption } from './sizes.ts'
import { phaseOf } from './states.ts'
import { changeContext } from './update.ts'
import { ourIdOf, toOneId, toRemoteInstance, vmIdOf } from './vm.ts'

/** What an OpenNebula is reached with, and what the site decides for us. */
export interface OpenNebulaOptions {
  /** The provider's name; prefix of its images' and sizes' names. */
  readonly name: string
  readonly credential: OneCredential
  readonly http: HttpClient
  /** Default: three usual ones. */
  readonly sizes?: readonly SizeOption[]
  /** Default: 3 MiB. */
  readonly userDataMaxBytes?: number
  /** Ids of the templates whose guests have no cloud-init: one-context runs a script among the user data (default: none). */
  readonly startScripts?: readonly string[]
}

/**
 * An OpenNebula, asked with the site's credential by its XML-RPC. Its images are templates: what VMs are made from.
 *
 * @see OpenNebula, XML-RPC API
 */
export function openNebulaProvider(options: OpenNebulaOptions): Provider {
  const { name, credential, http, sizes = SIZES, userDataMaxBytes = USER_DATA_MAX_BYTES, startScripts = [] } = options
  const api = openNebulaApi({ ...credential, http, name })
  const capabilities = capabilitiesWith(userDataMaxBytes)
  const creation = { name, userDataMaxBytes, capabilities, sizes, startScripts: new Set(startScripts) }
  const check = (call: Call) => checkCall(call, name)

  async function templates(call: Call): Promise<readonly OneTemplate[]> {
    check(call)
    return (await api.templates(call)).toSorted((a, b) => a.id - b.id)
  }

  /** @throws {CloudError} not-found for one that is deleted, too */
  async function get(remoteId: string, call: Call): Promise<OneVm> {
    check(call)
    const vm = await api.vm(vmIdOf(remoteId), call)
    if (phaseOf(vm) === 'deleted') throw new CloudError('not-found', `VM ${remoteId} is deleted`)
    return vm
  }

  return {
    name,
    capabilities,
    images: async (call) =>
      (await templates(call)).map(({ id, name: title }) => ({
        name: `${name}-${id}`,
        provider: name,
        remoteId: String(id),
        title,
      })),
    sizes: async (call) => toSizes(name, sizes, await templates(call)),
    create: async (request, call) => {
      check(call)
      return toRemoteInstance(await makeVm(api, request, creation, call))
    },
    find: async (ourId, call) => {
      check(call)
      const found = (await findAll(api, ourId, call)).at(-1)
      return found && toRemoteInstance(await api.vm(found.id, call))
    },
    get: async (remoteId, call) => toRemoteInstance(await get(remoteId, call)),
    list: async (call) => {
      check(call)
      return (await api.vms({}, call)).filter((vm) => ourIdOf(vm) !== undefined).map(toRemoteInstance)
    },
    act: async (remoteId, action, call, method) => {
      const vm = await get(remoteId, call)
      await perform(api, vm, stepFor(vm, action, method), call, name)
    },
    delete: async (remoteId, call) => {
      check(call)
      const id = toOneId(remoteId)
      if (id !== undefined) await terminate(api, id, call, name)
    },
    discard: async (ourId, call, keep) => {
      check(call)
      for (const { id } of await findAll(api, ourId, call))
        if (String(id) !== keep) await terminate(api, id, call, name)
    },
    networks: virtualNetworks(api, check, name),
    updateContext: async (remoteId, { userData }, call) =>
      await changeContext(api, await get(remoteId, call), userData, { name, userDataMaxBytes }, call),
    close: () => http.close(),
  }
}
