import { CloudError } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { Plan, PlannedDelivery, PlanWarning } from '../model/plan.ts'
import type { Capabilities, DeliveryCapability, Provider } from '../providers/provider.ts'
import { deliveriesHere, planDelivery, type PlanRules } from './plan.ts'

/** How an instance that is there gets other user data, and whether by us alone. */
export interface UpdateWay {
  readonly update: Capabilities['update']
  /** Its cloud has no part in it: our metadata server tells its guest the new ones. */
  readonly isOurs: boolean
}

type Way = Pick<PlannedDelivery, 'method'> & Partial<Pick<DeliveryCapability, 'by' | 'isLastResort'>>

/**
 * As its cloud can; where that cannot, our metadata server tells its guest at once, if it is one of the ways. What stands in the
 * machine's own disk stays there, and guests look there first: then there is no way.
 *
 * @param ways those of an instance's plan, or those that its provider has
 */
export function updateWayOf(
  ways: readonly Way[],
  { update }: Pick<Capabilities, 'update'>,
  rules: Pick<PlanRules, 'servesMetadata'>,
): UpdateWay {
  if (update !== false) return { update, isOurs: false }
  const ours = deliveriesHere(ways, rules).filter(({ by }) => by !== 'provider')
  const isServed = ours.some(({ method }) => method === 'metadata')
  const isInside = ours.some(({ method, isLastResort }) => method === 'injection' && !isLastResort)
  return { update: isServed && !isInside ? 'live' : false, isOurs: true }
}

/**
 * The plan for other data of an instance that our metadata server serves: of the ways that it was made with, those by which the new
 * data can come.
 *
 * @throws {CloudError} too-large, and as {@link planDelivery}
 */
export function planUpdate(spec: InstanceSpec, before: Plan, provider: Provider, rules: PlanRules): Plan {
  const { name, capabilities } = provider
  const made = new Set(before.deliveries.map(({ method }) => method))
  const deliveries = capabilities.deliveries.filter(({ method }) => made.has(method))
  const plan = planDelivery(spec, { name, capabilities: { ...capabilities, deliveries } }, rules)
  if (!plan.deliveries.some(({ method }) => method === 'metadata'))
    throw new CloudError(
      'too-large',
      `userData is ${spec.userData?.byteLength ?? 0} bytes, more than the metadata server tells guests of ${name}; start another instance with them`,
    )
  const renews = provider.renewDisk !== undefined
  return {
    ...plan,
    deliveries: plan.deliveries.filter(({ method }) => method === 'metadata' || renews),
    warnings: [...plan.warnings, ...formerWarnings(before, made.has('disk'), renews)],
  }
}

function formerWarnings(before: Plan, hasDisk: boolean, renews: boolean): readonly PlanWarning[] {
  // Once it is no way any more, it is no less true.
  if (!hasDisk) return before.warnings.filter(({ code }) => code === 'keeps-former')
  const message = renews
    ? 'disk: a guest that runs finds the former data there until it is started or restarted through Bellhop'
    : 'disk: it was made before and keeps the former data; the metadata server alone has the new ones'
  return [{ code: 'keeps-former', message }]
}
