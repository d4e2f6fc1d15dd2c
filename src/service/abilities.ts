import type { ServiceParts } from './parts.ts'
import { deliveriesHere } from './plan.ts'
import type { ProviderAbilities } from './service.ts'

/** What the providers can do here, as their capabilities and our rules say; in the order of the configuration. */
export function abilitiesOf({
  providers,
  rules,
}: Pick<ServiceParts, 'providers' | 'rules'>): readonly ProviderAbilities[] {
  return [...providers].map(([name, provider]) => {
    const { actions, deliveries: known } = provider.capabilities
    const deliveries = deliveriesHere(known, rules)
    const takenBytes = deliveries.map(({ userDataMaxBytes }) => userDataMaxBytes)
    return {
      name,
      methods: [...new Set(deliveries.map(({ method }) => method))],
      actions,
      savesImages: provider.saveImage !== undefined,
      userDataMaxBytes: Math.min(Math.max(0, ...takenBytes), rules.userDataMaxBytes),
    }
  })
}
