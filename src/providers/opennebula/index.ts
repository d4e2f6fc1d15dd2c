import type { HttpClient } from '../../wire/http.ts'
import { checkCall } from '../call.ts'
import { instancesOf, ourVms } from '../one-vms.ts'
import type { Call, Provider } from '../provider.ts'
import { perform, stepFor, terminate } from './actions.ts'
import { openNebulaApi } from './api.ts'
import type { OneTemplate } from './api-vms.ts'
import { capabilitiesWith, USER_DATA_MAX_BYTES } from './capabilities.ts'
import { makeVm } from './creation.ts'
import { knownHosts } from './hosts.ts'
import { virtualNetworks } from './networks.ts'
import type { OneCredential } from './one-auth.ts'
import { SIZES, toSizes, type OneSizeOption } from './sizes.ts'
import { phaseOf } from './states.ts'
import { changeContext } from './update.ts'
import { listVms, recentVms } from './vm-list.ts'
import { ourIdOf, toRemoteInstance } from './vm.ts'

/** What an OpenNebula is reached with, and what the site decides for us. */
export interface OpenNebulaOptions {
  /** The provider's name; prefix of its images' and sizes' names. */
  readonly name: string
  readonly credential: OneCredential
  readonly http: HttpClient
  /** Default: three usual ones. */
  readonly sizes?: readonly OneSizeOption[]
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
  const creation = {
    name,
    userDataMaxBytes,
    capabilities,
    sizes,
    hosts: knownHosts(api),
    startScripts: new Set(startScripts),
  }
  const vms = ourVms({
    name,
    listed: (call) => listVms(api, call, name),
    everMade: async (call) => [...(await listVms(api, call, name)), ...(await recentVms(api, call))],
    vm: api.vm,
    ourIdOf,
    isDeleted: (vm) => phaseOf(vm) === 'deleted',
    end: (id, call) => terminate(api, id, call, name),
  })

  async function templates(call: Call): Promise<readonly OneTemplate[]> {
    checkCall(call, name)
    return (await api.templates(call)).toSorted((a, b) => a.id - b.id)
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
      checkCall(call, name)
      return toRemoteInstance(await makeVm(api, vms, request, creation, call))
    },
    ...instancesOf(vms, toRemoteInstance),
    act: async (remoteId, action, call, method) => {
      const vm = await vms.get(remoteId, call)
      await perform(api, vm, stepFor(vm, action, method), call, name)
    },
    networks: virtualNetworks(api, vms, name),
    updateContext: async (remoteId, { userData }, call) =>
      await changeContext(api, await vms.get(remoteId, call), userData, { name, userDataMaxBytes }, call),
    close: () => http.close(),
  }
}
