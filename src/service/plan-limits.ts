import type { InstanceSpec } from '../model/instance.ts'
import { checkFiles, checkKeys } from '../providers/limits.ts'
import type { Capabilities } from '../providers/provider.ts'

/**
 * Whether the user's keys and files reach a guest of this provider, before any cloud is asked.
 *
 * @throws {CloudError} too-large, unsupported naming the limit, the size, and what to do instead
 */
export function checkLimits(
  { publicKeys, files }: Pick<InstanceSpec, 'publicKeys' | 'files'>,
  { keysMax, files: ofFiles, otherWays }: Pick<Capabilities, 'keysMax' | 'files' | 'otherWays'>,
  who: string,
): void {
  if (keysMax !== undefined) checkKeys(publicKeys, { who, limit: keysMax, otherWays })
  if (ofFiles) checkFiles(files, { who, limit: ofFiles, otherWays })
}
