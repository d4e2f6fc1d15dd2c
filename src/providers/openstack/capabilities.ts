import type { Capabilities, DeliveryCapability, Wish } from '../provider.ts'
import { FILE_LIMITS, OTHER_WAYS } from './injection.ts'
import { USER_DATA_MAX_BYTES } from './server-body.ts'

const WITHOUT_FILES: readonly Wish[] = ['userData', 'hostname', 'publicKeys', 'variables']
const ALL: readonly Wish[] = [...WITHOUT_FILES, 'files']

/**
 * What Nova does for its guests in its own way: it serves metadata and, as every server of ours asks, makes a config drive.
 * Nobody but the guest itself can say what became of the data. Vendor data of ours are on both, and have all files.
 */
export const CAPABILITIES: Capabilities = {
  deliveries: [carrying('metadata', ALL), carrying('disk', ALL)],
  actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
  // Nova shows a server by its tag from the moment it answered; this covers an answer that was lost on its way.
  settleMs: 5000,
  update: 'rebuild',
  // Each reading is the whole console, by way of the compute host.
  consoleEveryMs: 10_000,
}

/** What of keys and files Nova itself brings its guests, files by the drive alone; vendor data of ours bring all. */
export const INJECTION_LIMITS: Pick<Capabilities, 'deliveries' | 'keysMax' | 'files' | 'otherWays'> = {
  deliveries: [carrying('metadata', WITHOUT_FILES), carrying('disk', ALL)],
  keysMax: 1,
  files: FILE_LIMITS,
  otherWays: OTHER_WAYS,
}

function carrying(method: 'metadata' | 'disk', carries: readonly Wish[]): DeliveryCapability {
  return {
    method,
    by: 'provider',
    layouts: ['openstack', 'ec2'],
    carries,
    // Nova takes no dots, or makes something else of them.
    hostnameIsLabel: true,
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    evidence: ['agent', 'console'],
  }
}
