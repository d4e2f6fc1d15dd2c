import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import type { Capabilities } from '../provider.ts'

const LAYOUTS = ['openstack', 'ec2', 'nocloud'] as const

/** What QEMU's guests can be given, and what can be done with them; the demo guest and cloud-init ask for metadata first. */
export const CAPABILITIES: Capabilities = {
  deliveries: [
    {
      method: 'metadata',
      by: 'bellhop',
      layouts: LAYOUTS,
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: ['access', 'report', 'console'],
    },
    {
      method: 'disk',
      by: 'bellhop',
      layouts: LAYOUTS,
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: ['console'],
      disk: { format: 'iso', label: 'config-2' },
    },
    {
      method: 'injection',
      by: 'bellhop',
      layouts: ['nocloud'],
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: ['console'],
      isLastResort: true,
    },
  ],
  actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
  // A process is seen as soon as it is there; this covers the moments before, where its creator died.
  settleMs: 1000,
  update: false,
  // Emulated guests take so long to boot; whether KVM runs them is known only once the first does.
  signWithinMs: 300_000,
}
