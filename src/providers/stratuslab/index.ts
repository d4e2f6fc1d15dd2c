import { CloudError } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import { checkCall } from '../call.ts'
import type { Call, Provider } from '../provider.ts'
import { finalize, perform, stepFor } from './actions.ts'
import { stratusLabApi } from './api.ts'
import type { LabVm } from './api-bodies.ts'
import { capabilitiesWith } from './capabilities.ts'
import { findAll, makeVm } from './creation.ts'
import { checkImages, toImages, type ImageOption } from './images.ts'
import type { ContextMethod } from './method.ts'
import { virtualNetworks } from './networks.ts'
import type { StratusLabSettings } from './settings.ts'
import { toSizes } from './sizes.ts'
import { stateOf } from './states.ts'
import { ourIdOf, toLabId, toRemoteInstance, vmIdOf } from './vm.ts'

/** What a StratusLab is reached with, and what the site decides for us. */
export interface StratusLabOptions {
  /** The provider's name; prefix of its images' and sizes' names. */
  readonly name: string
  readonly settings: Omit<StratusLabSettings, 'tls'>
  readonly http: HttpClient
  readonly images: readonly ImageOption[]
  /** Which disk every instance gets; default: what its data are for. */
  readonly contextMethod?: ContextMethod
  /** Where a VM is put that no user puts anywhere (default `public`). */
  readonly network?: string
}

/**
 * A StratusLab, asked with the site's credential by the XML-RPC of its OpenNebula 3.2. Images and sizes stand in the configuration, for
 * the front end knows neither.
 *
 * @throws {CloudError} invalid naming an image that is none
 * @see StratusLab, User Guide
 */
export function stratusLabProvider(options: StratusLabOptions): Provider {
  const { name, settings, http, images, contextMethod, network = 'public' } = options
  const api = stratusLabApi({ ...settings, http, name })
  const { sizes, defaultContextMethod } = settings
  const rules = { defaultContextMethod, ...(contextMethod === undefined ? {} : { contextMethod }) }
  const capabilities = capabilitiesWith(rules)
  const creation = { ...settings, ...rules, name, images, network, capabilities }
  const check = (call: Call) => checkCall(call, name)
  checkImages(images, settings)

  /** @throws {CloudError} not-found for one that is deleted, too */
  async function get(remoteId: string, call: Call): Promise<LabVm> {
    check(call)
    const vm = await api.vm(vmIdOf(remoteId), call)
    if (stateOf(vm) === 'deleted') throw new CloudError('not-found', `VM ${remoteId} is deleted`)
    return vm
  }

  return {
    name,
    capabilities,
    images: async (call) => {
      check(call)
      return await Promise.resolve(toImages(name, images))
    },
    sizes: async (call) => {
      check(call)
      return await Promise.resolve(toSizes(name, sizes))
    },
    create: async (request, call) => {
      check(call)
      return toRemoteInstance(await makeVm(api, request, creation, call))
    },
    find: async (ourId, call) => {
      check(call)
      const found = (await findAll(api, ourId, call)).at(-1)
      return found && toRemoteInstance(found)
    },
    get: async (remoteId, call) => toRemoteInstance(await get(remoteId, call)),
    list: async (call) => {
      check(call)
      const mine = await api.vms('there', call)
      return mine.filter((vm) => ourIdOf(vm) !== undefined).map(toRemoteInstance)
    },
    act: async (remoteId, action, call, method) => {
      const vm = await get(remoteId, call)
      await perform(api, vm, stepFor(vm, action, method), call, name)
    },
    delete: async (remoteId, call) => {
      check(call)
      const id = toLabId(remoteId)
      if (id !== undefined) await finalize(api, id, call, name)
    },
    discard: async (ourId, call, keep) => {
      check(call)
      for (const { id } of await findAll(api, ourId, call)) if (String(id) !== keep) await finalize(api, id, call, name)
    },
    networks: virtualNetworks(api, check, name),
    close: () => http.close(),
  }
}
