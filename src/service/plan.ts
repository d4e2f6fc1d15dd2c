import { detect, formatCalled, type Detected } from '../formats/index.ts'
import { DISK_LAYOUTS, METADATA_LAYOUTS } from '../layouts/index.ts'
import type { Layout } from '../layouts/layout.ts'
import type { Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { Plan, PlannedDelivery, PlanWarning } from '../model/plan.ts'
import type { Capabilities, DeliveryCapability } from '../providers/provider.ts'
import { checkLimits } from './plan-limits.ts'

/** What is true of this Bellhop, whatever the provider. */
export interface PlanRules {
  /** Whether a metadata server of ours runs. */
  readonly servesMetadata: boolean
  /** The most that any front end may bring, decoded. */
  readonly userDataMaxBytes: number
  /** Providers whose clouds have us answer their guests in the place of their own metadata service. */
  readonly answersFor?: ReadonlyMap<string, Answering>
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

/**
 * Decides how an instance's data will reach it: every way that fits, in the order in which guests try them.
 *
 * @throws {CloudError} too-large when no way takes the user data, naming limit and size; unsupported when the provider
 *   has no way to deliver, or not the one that the user insists on; as {@link checkLimits}
 */
export function planDelivery(spec: InstanceSpec, { name, capabilities }: Target, rules: PlanRules): Plan {
  const { userData } = spec
  const sizeBytes = userData?.byteLength ?? 0
  if (sizeBytes > rules.userDataMaxBytes) throw tooLarge(sizeBytes, 'this server', rules.userDataMaxBytes)
  checkLimits(spec, capabilities, name)
  const possible = choose(
    spec,
    name,
    heard(witnessed(capabilities.deliveries, rules.answersFor?.get(name), spec), name, rules),
    rules,
  )
  const fitting = possible.filter(({ userDataMaxBytes }) => sizeBytes <= userDataMaxBytes)
  if (fitting.length === 0)
    throw tooLarge(sizeBytes, name, Math.max(...possible.map(({ userDataMaxBytes }) => userDataMaxBytes)))
  const detected = userData && detect(userData)
  return {
    provider: name,
    deliveries: fitting.map((delivery, index) => toPlanned(delivery, index, spec)),
    ...(userData && detected
      ? { userData: { sizeBytes, sha256: sha256(userData), format: declaredTitle(spec) ?? detected.title } }
      : {}),
    warnings: [...formatWarnings(detected, spec), ...carryWarnings(spec, fitting), ...evidenceWarnings(fitting)],
  }
}

/** Those that work here: metadata by us only where a server of ours runs. */
export function deliveriesHere(
  deliveries: Capabilities['deliveries'],
  { servesMetadata }: Pick<PlanRules, 'servesMetadata'>,
): Capabilities['deliveries'] {
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
    .map((each): DeliveryCapability =>
      each.method === 'metadata' && each.by === 'provider'
        ? { ...each, evidence: [...new Set([...WITNESS, ...each.evidence])] }
        : each,
    )
}

const WITNESS = ['access', 'report'] as const

/** Vendor data of ours come with whatever the cloud carries. */
function heard(
  deliveries: Capabilities['deliveries'],
  name: string,
  { hearsFrom }: PlanRules,
): Capabilities['deliveries'] {
  if (!hearsFrom?.has(name)) return deliveries
  return deliveries.map((each) =>
    each.by === 'provider' && !each.evidence.includes('report')
      ? { ...each, evidence: ['report', ...each.evidence] }
      : each,
  )
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

function toPlanned(
  { method, by, layouts, evidence, disk }: DeliveryCapability,
  index: number,
  { by: wanted }: InstanceSpec,
): PlannedDelivery {
  const order = index === 0 ? 'tried first' : 'should the guest not take the ones before'
  return {
    method,
    ...(by === 'provider' ? { by } : {}),
    layouts,
    why: wanted === method ? 'you asked for it' : `${WAYS[method]}; ${order}`,
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

/** What the user calls his data outranks what they look like; free words are allowed. */
function declaredTitle({ userDataFormat }: InstanceSpec): string | undefined {
  return userDataFormat === undefined ? undefined : (formatCalled(userDataFormat)?.title ?? userDataFormat)
}

function formatWarnings(detected: Detected | undefined, spec: InstanceSpec): readonly PlanWarning[] {
  const declared = declaredTitle(spec)
  if (detected && declared !== undefined && !isCalled(detected, spec.userDataFormat ?? ''))
    return [
      {
        code: 'guest-may-ignore',
        message: `userData is said to be ${declared}, but to a guest it looks like ${detected.title}`,
      },
    ]
  if (!detected || detected.cloudInit === 'runs' || detected.name === 'empty') return []
  const remarks = detected.remarks.length > 0 ? ` (${detected.remarks.join('; ')})` : ''
  return detected.cloudInit === 'ignores'
    ? [
        {
          code: 'format-unknown',
          message: `userData is ${detected.title}: cloud-init ignores it, other programs in the guest find it as it is${remarks}`,
        },
      ]
    : [{ code: 'guest-may-ignore', message: `userData is ${detected.title}, but a guest will fail with it${remarks}` }]
}

/** A script may have sections for HEPiX's guests behind it, and is one all the same. */
function isCalled({ name, cloudInit }: Detected, word: string): boolean {
  const called = formatCalled(word)?.name
  return called === name || (called === 'script' && name === 'hepix' && cloudInit === 'runs')
}

/** What the user asks for that a context can carry, by the name that he knows it by. */
const ASKED: readonly (readonly [key: keyof Context & keyof InstanceSpec, isAsked: (spec: InstanceSpec) => boolean])[] =
  [
    ['userData', ({ userData }) => userData !== undefined],
    ['hostname', ({ hostname }) => hostname !== undefined],
    ['publicKeys', ({ publicKeys }) => publicKeys.length > 0],
    ['variables', ({ variables }) => Object.keys(variables).length > 0],
    ['files', ({ files }) => files.length > 0],
  ]

function carryWarnings(spec: InstanceSpec, deliveries: readonly DeliveryCapability[]): readonly PlanWarning[] {
  return deliveries.flatMap(({ method, by, layouts }) => {
    if (by === 'provider') return []
    const carried = new Set(layouts.flatMap((name) => layoutsNamed(name, method)).flatMap(({ carries }) => carries))
    const lost = ASKED.filter(([key, isAsked]) => isAsked(spec) && !carried.has(key)).map(([key]) => key)
    return lost.map((key): PlanWarning => ({ code: 'not-carried', message: `${key}: not carried by ${method}` }))
  })
}

function layoutsNamed(name: string, method: DeliveryCapability['method']): readonly Layout[] {
  if (method === 'metadata')
    return METADATA_LAYOUTS.map(({ layout }) => layout).filter((layout) => layout.name === name)
  const layout = Object.hasOwn(DISK_LAYOUTS, name) ? DISK_LAYOUTS[name] : undefined
  return layout ? [layout] : []
}

function evidenceWarnings(deliveries: readonly DeliveryCapability[]): readonly PlanWarning[] {
  if (deliveries.some(({ evidence }) => evidence.length > 0)) return []
  return [{ code: 'no-evidence', message: 'nothing will show whether the guest took the data' }]
}

function tooLarge(sizeBytes: number, who: string, maxBytes: number): CloudError {
  return new CloudError('too-large', `userData is ${sizeBytes} bytes; ${who} takes ${maxBytes}`)
}
