import { CloudError } from '../model/errors.ts'
import type { NetworkGroup, Provider, VolumeGroup } from '../providers/provider.ts'
import { providerNamed, type ServiceParts } from './parts.ts'

/** What a provider may be able to make beside instances. */
export interface Groups {
  readonly volumes: VolumeGroup
  readonly networks: NetworkGroup
}

type Providers = Pick<ServiceParts, 'providers'>

/** @throws {CloudError} unsupported when the provider makes none; unavailable when it is not configured */
export function groupOf<K extends keyof Groups>(parts: Providers, provider: string, what: K): Groups[K] {
  const group: Provider[K] = providerNamed(parts, provider)[what]
  if (group) return group as Groups[K]
  throw new CloudError('unsupported', `${provider} has no ${what}`)
}

/** Names of the providers that make such, in the order of the configuration. */
export function makersOf({ providers }: Providers, what: keyof Groups): readonly string[] {
  return [...providers].filter(([, provider]) => provider[what]).map(([name]) => name)
}

/**
 * Who is to make one: the provider that the client names, else the first that can.
 *
 * @throws {CloudError} invalid when there is no such provider; unsupported when none can
 */
export function chooseMaker(parts: Providers, what: keyof Groups, wanted: string | undefined): string {
  const makers = makersOf(parts, what)
  const chosen = wanted ?? makers[0]
  if (chosen !== undefined && makers.includes(chosen)) return chosen
  if (chosen === undefined || parts.providers.has(chosen))
    throw new CloudError(
      'unsupported',
      `${chosen ?? 'no provider here'} has ${chosen === undefined ? '' : 'no '}${what}`,
    )
  throw new CloudError('invalid', `there is no provider "${chosen.slice(0, 100)}"; there are ${makers.join(', ')}`)
}
