import { abilitiesOf } from './abilities.ts'
import { makersOf } from './makers.ts'
import type { ServiceParts } from './parts.ts'
import { deliveriesHere } from './plan.ts'
import { canAsk } from './rights.ts'
import type { Service } from './service.ts'
import { listSizes } from './templates.ts'
import { updateWayOf } from './update-way.ts'

/** What the providers can do, and which of them answer. */
export function providerReports(parts: ServiceParts): Service['providerReports'] {
  return async (caller) => {
    const silent = new Set<string>()
    // The cheapest question that every provider answers.
    await listSizes(parts, caller, silent)
    const [withVolumes, withNetworks] = [makersOf(parts, 'volumes'), makersOf(parts, 'networks')]
    return abilitiesOf(parts).flatMap(({ name, savesImages, userDataMaxBytes }) => {
      const provider = parts.providers.get(name)
      if (!provider) return []
      const { capabilities } = provider
      return {
        name,
        capabilities,
        update: updateWayOf(capabilities.deliveries, capabilities, parts.rules).update,
        deliveries: deliveriesHere(capabilities.deliveries, parts.rules),
        savesImages,
        userDataMaxBytes,
        hasVolumes: withVolumes.includes(name),
        hasNetworks: withNetworks.includes(name),
        ...(canAsk(provider, caller) ? { isReachable: !silent.has(name) } : {}),
      }
    })
  }
}
