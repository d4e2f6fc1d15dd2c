import type { Capabilities } from '../provider.ts'
import { USER_DATA_MAX_BYTES } from './server-body.ts'

/**
 * What Nova does for its guests in its own way: it serves metadata and, as every server of ours asks, makes a config drive.
 * Nobody but the guest itself can say what became of the data.
 */
export const CAPABILITIES: Capabilities = {
  deliveries: (['metadata', 'disk'] as const).map((method) => ({
    method,
    by: 'provider',
    layouts: ['openstack', 'ec2'],
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    evidence: ['console'],
  })),
  actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
  // Nova shows a server by its tag from the moment it answered; this covers an answer that was lost on its way.
  settleMs: 5000,
  update: false,
  // Each reading is the whole console, by way of the compute host.
  consoleEveryMs: 10_000,
}
