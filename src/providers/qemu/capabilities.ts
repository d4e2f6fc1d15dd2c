import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import type { Capabilities } from '../provider.ts'
import type { Accelerator } from './accel.ts'

const LAYOUTS = ['openstack', 'ec2', 'nocloud'] as const

/** When files are injected, where other ways would do: always, or where the user asks for it alone. */
export type InjectionRule = 'always' | 'last-resort'

/** How long guests may take until they are seen, in milliseconds: those that are emulated boot as slowly as that. */
const SIGN_WITHIN_MS: Readonly<Record<Accelerator, number>> = { kvm: 120_000, tcg: 300_000 }

/**
 * What QEMU's guests can be given, and what can be done with them; the demo guest and cloud-init ask for metadata first.
 *
 * @param runsWith the accelerator, once it is known: whether KVM runs guests is, when the first is started
 */
export function capabilitiesOf(injection: InjectionRule, runsWith: () => Accelerator | undefined): Capabilities {
  const deliveries = injection === 'always' ? DELIVERIES.map(({ isLastResort: _, ...each }) => each) : DELIVERIES
  return {
    deliveries,
    actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
    // A process is seen as soon as it is there; this covers the moments before, where its creator died.
    settleMs: 1000,
    update: false,
    get signWithinMs() {
      return SIGN_WITHIN_MS[runsWith() ?? 'tcg']
    },
  }
}

const DELIVERIES: Capabilities['deliveries'] = [
  {
    method: 'metadata',
    by: 'bellhop',
    layouts: LAYOUTS,
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    evidence: ['access', 'report', 'agent', 'console'],
  },
  {
    method: 'disk',
    by: 'bellhop',
    layouts: LAYOUTS,
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    evidence: ['agent', 'console'],
    disk: { format: 'iso', label: 'config-2' },
  },
  {
    method: 'injection',
    by: 'bellhop',
    layouts: ['nocloud'],
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    evidence: ['agent', 'console'],
    isLastResort: true,
  },
]
