import type { HttpClient } from '../../wire/http.ts'
import { checkCall } from '../call.ts'
import { instancesOf, ourVms } from '../one-vms.ts'
import type { Provider } from '../provider.ts'
import { toSize } from '../site-sizes.ts'
import { finalize, perform, stepFor } from './actions.ts'
import { stratusLabApi } from './api.ts'
import { capabilitiesWith } from './capabilities.ts'
import { makeVm } from './creation.ts'
import { checkImages, toImages, type ImageOption } from './images.ts'
import type { ContextMethod } from './method.ts'
import { virtualNetworks } from './networks.ts'
import type { StratusLabSettings } from './settings.ts'
import { stateOf } from './states.ts'
import { ourIdOf, toRemoteInstance } from './vm.ts'

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
  const vms = ourVms({
    name,
    listed: (call) => api.vms('there', call),
    everMade: (call) => api.vms('ever', call),
    vm: api.vm,
    ourIdOf,
    isDeleted: (vm) => stateOf(vm) === 'deleted',
    end: (id, call) => finalize(api, id, call, name),
  })
  checkImages(images, settings)

  return {
    name,
    capabilities,
    images: async (call) => {
      checkCall(call, name)
      return await Promise.resolve(toImages(name, images))
    },
    sizes: async (call) => {
      checkCall(call, name)
      return await Promise.resolve(sizes.map((size) => toSize(name, size)))
    },
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
    close: () => http.close(),
  }
}
