import { formatCalled, type Detected } from '../formats/index.ts'
import { DISK_LAYOUTS, METADATA_LAYOUTS } from '../layouts/index.ts'
import type { Layout } from '../layouts/layout.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { PlanWarning } from '../model/plan.ts'
import type { DeliveryCapability, LayoutOption, Wish } from '../providers/provider.ts'
import { isOwnerKnown } from './injected-files.ts'

/** What the user should know before the launch: of his data, of what is lost on a way, of what nobody will see. */
export function planWarnings(
  spec: InstanceSpec,
  detected: Detected | undefined,
  deliveries: readonly (DeliveryCapability & Pick<LayoutOption, 'doubts'>)[],
): readonly PlanWarning[] {
  return [
    ...formatWarnings(detected, spec),
    ...deliveries.flatMap((each) => [...carryWarnings(spec, each), ...doubtWarnings(spec, each)]),
    ...evidenceWarnings(deliveries),
  ]
}

/** What the user calls his data outranks what they look like; free words are allowed. */
export function declaredTitle({ userDataFormat }: InstanceSpec): string | undefined {
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

/** How it is seen that the user asks for something. */
const ASKED: Readonly<Record<Wish, (spec: InstanceSpec) => boolean>> = {
  userData: ({ userData }) => userData !== undefined,
  hostname: ({ hostname }) => hostname !== undefined,
  publicKeys: ({ publicKeys }) => publicKeys.length > 0,
  variables: ({ variables }) => Object.keys(variables).length > 0,
  files: ({ files }) => files.length > 0,
}

const WISHES: readonly Wish[] = ['userData', 'hostname', 'publicKeys', 'variables', 'files']

function carryWarnings(spec: InstanceSpec, delivery: DeliveryCapability): readonly PlanWarning[] {
  const { method, by, hostnameIsLabel } = delivery
  // Of a cloud that says nothing of it, nobody knows.
  const carried = delivery.carries ?? (by === 'provider' ? WISHES : carriedByLayouts(delivery))
  const lost = WISHES.filter((wish) => ASKED[wish](spec) && !carried.includes(wish)).map(
    (wish) => `${wish}: not carried by ${method}`,
  )
  if (hostnameIsLabel && carried.includes('hostname') && spec.hostname?.includes('.'))
    lost.push(`hostname: with its dots it is not carried by ${method}, which has room for one label`)
  if (method === 'injection' && by !== 'provider' && !spec.files.every(isOwnerKnown))
    lost.push('files: an owner or group other than root is not carried by injection, unless it is a number')
  return lost.map((message): PlanWarning => ({ code: 'not-carried', message }))
}

function doubtWarnings(spec: InstanceSpec, { doubts = {} }: Pick<LayoutOption, 'doubts'>): readonly PlanWarning[] {
  return WISHES.flatMap((wish) => {
    const message = ASKED[wish](spec) ? doubts[wish] : undefined
    return message === undefined ? [] : [{ code: 'guest-may-ignore', message: `${wish}: ${message}` }]
  })
}

/** What a way of ours carries: what its layouts have room for. */
export function carriedByLayouts({ method, layouts }: Pick<DeliveryCapability, 'method' | 'layouts'>): readonly Wish[] {
  const carried = new Set<string>(
    layouts.flatMap((name) => layoutsNamed(name, method)).flatMap(({ carries }) => carries),
  )
  // Beside what they have, the user's files are written where they belong.
  if (method === 'injection') carried.add('files')
  return WISHES.filter((wish) => carried.has(wish))
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
