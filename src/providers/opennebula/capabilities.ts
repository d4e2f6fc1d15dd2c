import { CloudError } from '../../model/errors.ts'
import type { Capabilities } from '../provider.ts'

/** What the driver takes where the site says nothing: with base64, and twice in a VM's body, half of what MySQL holds. */
export const USER_DATA_MAX_BYTES = 3 * 1024 * 1024

const OTHER_WAYS = "put it into the user's own data: #cloud-config has write_files (path, content, permissions, owner)"

/**
 * What OpenNebula does for its guests in its own way: a disk with a `context.sh`. Whether a guest took it, nobody but the
 * guest can say, and OpenNebula shows no console.
 */
export function capabilitiesWith(userDataMaxBytes: number): Capabilities {
  return {
    deliveries: [
      {
        method: 'disk',
        by: 'provider',
        layouts: ['opennebula'],
        carries: ['userData', 'hostname', 'publicKeys', 'variables'],
        userDataMaxBytes,
        evidence: [],
      },
    ],
    actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
    // A VM is in the list from the moment it is made; this covers a request that is on its way still.
    settleMs: 5000,
    update: 'live',
    // The files of a CONTEXT are the site's, in its datastores.
    files: { max: 0, eachMaxBytes: 0, pathMaxCharacters: 255, carries: [] },
    otherWays: OTHER_WAYS,
  }
}

/** Who takes user data, and how much. */
export interface UserDataLimit {
  /** The provider's name. */
  readonly name: string
  readonly userDataMaxBytes: number
}

/** @throws {CloudError} too-large naming size and limit */
export function checkUserData(userData: Uint8Array | undefined, { name, userDataMaxBytes }: UserDataLimit): void {
  const sizeBytes = userData?.byteLength ?? 0
  if (sizeBytes > userDataMaxBytes)
    throw new CloudError('too-large', `userData is ${sizeBytes} bytes; ${name} takes ${userDataMaxBytes}`)
}
