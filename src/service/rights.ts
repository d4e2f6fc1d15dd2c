import { CloudError } from '../model/errors.ts'
import type { Caller, Credential } from '../model/instance.ts'
import type { Call, Provider } from '../providers/provider.ts'
import { callWithin } from './parts.ts'

type Acting = Pick<Provider, 'name' | 'capabilities' | 'tokens'>

/** On whose behalf a provider is asked: a caller's, or nobody's where we finish what is unfinished. */
export type OnBehalf = Pick<Caller, 'credential'> | undefined

/** Whether the provider can be asked on behalf of this one: with the site's rights it always can. */
export function canAsk({ capabilities, tokens }: Omit<Acting, 'name'>, whose: OnBehalf): boolean {
  return capabilities.rights !== 'caller' || whose?.credential?.issuer === tokens?.issuer
}

/** Whether what is unfinished there is finished on behalf of this one: nobody's rights are taken where the site's will do. */
export function waitsFor(provider: Omit<Acting, 'name'>, whose: OnBehalf): boolean {
  const needsNobody = canAsk(provider, undefined)
  return whose ? !needsNobody && canAsk(provider, whose) : needsNobody
}

/** @throws {CloudError} forbidden as {@link callFor}, before anything is begun */
export function requireRights(provider: Acting, whose: OnBehalf): void {
  credentialFor(provider, whose)
}

/**
 * A call with the rights that it takes: the site's, or the caller's own.
 *
 * @param ms how long it may take
 * @throws {CloudError} forbidden when the provider acts with its callers' tokens, and this one has none of its
 */
export function callFor(provider: Acting, whose: OnBehalf, ms: number, signals: readonly AbortSignal[]): Call {
  return callWithin(ms, signals, credentialFor(provider, whose))
}

function credentialFor(provider: Acting, whose: OnBehalf): Credential | undefined {
  if (provider.capabilities.rights !== 'caller') return undefined
  if (canAsk(provider, whose)) return whose?.credential
  throw new CloudError(
    'forbidden',
    `${provider.name} is asked with its users' own tokens: get one from ${provider.tokens?.issuer ?? 'its Keystone'}, and send it with the request`,
  )
}
