import { detect } from '../formats/index.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { Evidence } from '../model/events.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { Plan, PlannedDelivery } from '../model/plan.ts'
import { chooseLayout } from '../providers/layout-choice.ts'
import type { Capabilities, DeliveryCapability, LayoutOption } from '../providers/provider.ts'
import { checkLimits } from './plan-limits.ts'
import { carriedByLayouts, declaredTitle, planWarnings } from './plan-warnings.ts'
import { wrappedData } from './wrapping.ts'

/** What is true of this Bellhop, whatever the provider. */
export interface PlanRules {
  /** Whether a metadata server of ours runs. */
  readonly servesMetadata: boolean
  /** The most that any front end may bring, decoded. */
  readonly userDataMaxBytes: number
  /** Providers whose clouds have us answer their guests in the place of their own metadata service. */
  readonly answersFor?: ReadonlyMap<string, Answering>
  /** Whether guests are told to report at all; absent: they are. */
  readonly tracks?: boolean
  /** Where the guest of an instance may report; absent: where no guest of a cloud can reach us. */
  readonly reportUrl?: (instanceId: string) => string
  /** Providers whose clouds have us tell their guests where to report, by vendor data. */
  readonly hearsFrom?: ReadonlySet<string>
}

interface Answering {
  /** Whether a disk that the cloud makes is planned too, unasked: a guest that takes it never asks us. */
  readonly keepsDisk: boolean
}

/** Who would carry it. */
interface Target {
  readonly name: string
  readonly capabilities: Pick<Capabilities, 'deliveries' | 'keysMax' | 'files' | 'otherWays'>
}

/** A way whose layouts are those that the guest really gets. */
interface Settled extends DeliveryCapability, Pick<LayoutOption, 'doubts'> {
  /** Why it gets this one, where there was a choice. */
  readonly whyLayout?: string
}

/**
 * Decides how an instance's data will reach it: every way that fits, in the order in which guests try them. A last resort is one of
 * them only where there is no other, or where the user asks for it.
 *
 * @param instanceId absent in a plan that is of no instance yet
 * @throws {CloudError} too-large when no way takes the user data, naming limit and size; unsupported when the provider
 *   has no way to deliver, or not the one that the user insists on; as {@link checkLimits} and {@link chooseLayout}
 */
export function planDelivery(
  spec: InstanceSpec,
  { name, capabilities }: Target,
  rules: PlanRules,
  instanceId?: string,
): Plan {
  const { userData } = spec
  const givenBytes = userData?.byteLength ?? 0
  if (givenBytes > rules.userDataMaxBytes) throw tooLarge(givenBytes, 'this server', rules.userDataMaxBytes)
  checkLimits(spec, capabilities, name)
  const isTracked = spec.tracking !== false && rules.tracks !== false
  const told = heard(witnessed(capabilities.deliveries, rules.answersFor?.get(name), spec), name, rules)
  const wrapped = wrappedData(isTracked ? spec : { ...spec, tracking: false }, told, rules.reportUrl, instanceId)
  const carried = wrapped ? { ...spec, userData: wrapped } : spec
  const sizeBytes = carried.userData?.byteLength ?? 0
  const seen = told.map((each) => (isTracked ? (wrapped ? reporting(each) : each) : unheard(each)))
  const possible = choose(spec, name, seen, rules).map((each) => settled(each, carried))
  const fitting = possible.filter(({ userDataMaxBytes }) => sizeBytes <= userDataMaxBytes)
  if (fitting.length === 0)
    throw tooLarge(
      sizeBytes,
      name,
      Math.max(...possible.map(({ userDataMaxBytes }) => userDataMaxBytes)),
      wrapped && givenBytes,
    )
  const gentle = fitting.filter(({ isLastResort }) => !isLastResort)
  const planned = gentle.length > 0 ? gentle : fitting
  const detected = userData && detect(userData)
  return {
    provider: name,
    deliveries: planned.map((delivery, index) => toPlanned(delivery, index, spec)),
    ...(userData && detected
      ? { userData: { sizeBytes: givenBytes, sha256: sha256(userData), format: declaredTitle(spec) ?? detected.title } }
      : {}),
    warnings: planWarnings(spec, detected, planned),
    ...(isTracked ? {} : { tracking: false }),
    ...(wrapped ? { wrapped: { sizeBytes, ...(instanceId === undefined ? {} : { sha256: sha256(wrapped) }) } } : {}),
  }
}

/** Those that work here: metadata by us only where a server of ours runs. */
export function deliveriesHere<D extends Pick<PlannedDelivery, 'method'> & { readonly by?: DeliveryCapability['by'] }>(
  deliveries: readonly D[],
  { servesMetadata }: Pick<PlanRules, 'servesMetadata'>,
): readonly D[] {
  return deliveries.filter(({ method, by }) => servesMetadata || method !== 'metadata' || by === 'provider')
}

/** Where a cloud has us answer its guests, we see what they fetch and hear what they report, though it carries the data. */
function witnessed(
  deliveries: Capabilities['deliveries'],
  answering: Answering | undefined,
  { by: wanted }: InstanceSpec,
): Capabilities['deliveries'] {
  if (!answering) return deliveries
  const isKept = answering.keepsDisk || wanted === 'disk'
  return deliveries
    .filter(({ method, by }) => isKept || method !== 'disk' || by !== 'provider')
    .map((each): DeliveryCapability => {
      if (each.method !== 'metadata' || each.by !== 'provider') return each
      // What it says then is what our layouts say, and not what the cloud makes of it.
      const { hostnameIsLabel: _, ...ours } = each
      return {
        ...ours,
        carries: carriedByLayouts(each),
        evidence: [...new Set(['access' as const, ...POSTED, ...each.evidence])],
      }
    })
}

const POSTED = ['report', 'agent'] as const

/** Vendor data of ours come with whatever the cloud carries. */
function heard(
  deliveries: Capabilities['deliveries'],
  name: string,
  { hearsFrom }: PlanRules,
): Capabilities['deliveries'] {
  if (!hearsFrom?.has(name)) return deliveries
  return deliveries.map((each) =>
    each.by === 'provider' && !each.evidence.includes('report') ? reporting(each) : each,
  )
}

function reporting(delivery: DeliveryCapability): DeliveryCapability {
  return { ...delivery, evidence: [...new Set([...POSTED, ...delivery.evidence])] }
}

/** Where no guest is told to, none reports. Its console shows what it, or our agent in it, says unasked. */
function unheard(delivery: DeliveryCapability): DeliveryCapability {
  const silent: readonly Evidence[] = delivery.evidence.includes('console') ? ['report'] : POSTED
  return { ...delivery, evidence: delivery.evidence.filter((each) => !silent.includes(each)) }
}

function choose(
  { by }: InstanceSpec,
  name: string,
  deliveries: Capabilities['deliveries'],
  rules: PlanRules,
): Capabilities['deliveries'] {
  const possible = deliveriesHere(deliveries, rules)
  const wanted = possible.filter(({ method }) => by === undefined || method === by)
  if (wanted.length > 0) return wanted
  if (possible.length === 0)
    throw new CloudError(
      'unsupported',
      `${name} has no way to deliver data: switch the metadata server on (metadata.enabled)`,
    )
  const ways = possible.map(({ method }) => method).join(', ')
  const off = by === 'metadata' && deliveries.length > possible.length ? '; the metadata server is switched off' : ''
  throw new CloudError('unsupported', `${name} does not deliver by ${by}${off}; it delivers by ${ways}`)
}

/** Where a guest gets but one of several layouts, it is chosen here, once: whoever carries it obeys the plan. */
function settled(delivery: DeliveryCapability, spec: InstanceSpec): Settled {
  if (!delivery.oneOf) return delivery
  const { option, why } = chooseLayout(spec, delivery.oneOf)
  const { layout, title, carries, doubts, userDataMaxBytes } = option
  const settled = { ...delivery, layouts: [layout], carries, userDataMaxBytes, whyLayout: `${title}, because ${why}` }
  return doubts ? { ...settled, doubts } : settled
}

function toPlanned(
  { method, by, layouts, evidence, disk, whyLayout }: Settled,
  index: number,
  { by: wanted }: InstanceSpec,
): PlannedDelivery {
  const order = index === 0 ? 'tried first' : 'should the guest not take the ones before'
  const why = wanted === method ? 'you asked for it' : `${WAYS[method]}; ${order}`
  return {
    method,
    ...(by === 'provider' ? { by } : {}),
    layouts,
    why: whyLayout === undefined ? why : `${why}; ${whyLayout}`,
    evidence,
    ...(disk ? { disk } : {}),
  }
}

const WAYS: Readonly<Record<PlannedDelivery['method'], string>> = {
  metadata: 'a metadata server leaves the machine as it is and shows what was fetched',
  disk: 'a disk needs no network in the guest',
  injection: 'a file in the image needs nothing of the guest',
  provider: 'the cloud carries it in its own way',
}

/** @param aloneBytes where it is wrapped: without what wraps it */
function tooLarge(sizeBytes: number, who: string, maxBytes: number, aloneBytes?: number): CloudError {
  const is = aloneBytes === undefined ? `${sizeBytes} bytes` : `${aloneBytes} bytes, and ${sizeBytes} bytes wrapped`
  return new CloudError('too-large', `userData is ${is}; ${who} takes ${maxBytes}`)
}
