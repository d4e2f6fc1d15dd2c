import type { Capabilities } from '../provider.ts'
import { OTHER_WAYS, USER_DATA_MAX_BYTES } from './contextualization.ts'
import { KEYS_MAX } from './keys.ts'
import { FILE_LIMITS } from './personality.ts'

/**
 * What Synnefo does for its guests in its own way: it writes files into their images before they boot. Whether a guest took them,
 * nobody but the guest can say, and Synnefo shows no console.
 */
export const CAPABILITIES: Capabilities = {
  deliveries: [
    {
      method: 'injection',
      by: 'provider',
      layouts: ['nocloud'],
      // Server metadata and a host name reach no guest; a seed of ours has them, but not every image gets one.
      carries: ['userData', 'publicKeys', 'files'],
      // Most images take less, as a file: which do, only the driver sees, which refuses what is too large.
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: [],
    },
  ],
  actions: ['start', 'stop', 'restart'],
  // A server is in the list from the moment it is made; this covers a request that is on its way still.
  settleMs: 5000,
  update: false,
  keysMax: KEYS_MAX,
  files: FILE_LIMITS,
  otherWays: OTHER_WAYS,
}
