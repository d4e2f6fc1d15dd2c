import type { Capabilities } from '../provider.ts'
import { FILE_LIMITS, OTHER_WAYS } from './injection.ts'
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
  update: 'rebuild',
  // Each reading is the whole console, by way of the compute host.
  consoleEveryMs: 10_000,
}

/** What of keys and files Nova itself brings its guests; vendor data of ours bring all. */
export const INJECTION_LIMITS: Pick<Capabilities, 'keysMax' | 'files' | 'otherWays'> = {
  keysMax: 1,
  files: FILE_LIMITS,
  otherWays: OTHER_WAYS,
}
