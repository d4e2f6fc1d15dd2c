import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import type { Capabilities } from '../provider.ts'
import type { ContextMethod, MethodRules } from './method.ts'

/** StratusLab's client sends no more by its method cloud-init, packed by gzip. */
export const PACKED_MAX_BYTES = 16_384
/** By the method one: in base64, with all else of a VM, it fits into the 64 KiB that a database of that age has for it. */
export const ONE_MAX_BYTES = 32_768

/** What a guest reads on either disk. */
const LAYOUTS: Readonly<Record<ContextMethod, string>> = { one: 'stratuslab-one', 'cloud-init': 'stratuslab' }

const OTHER_WAYS = "put it into the user's own data: #cloud-config has write_files (path, content, permissions, owner)"

/**
 * What StratusLab does for its guests in its own way: one disk, of one of two kinds. Where the site has said which, it is the only one
 * named; else the usual one comes first. Nothing shows whether a guest took it.
 */
export function capabilitiesWith({ contextMethod, defaultContextMethod }: MethodRules): Capabilities {
  const other: ContextMethod = defaultContextMethod === 'one' ? 'cloud-init' : 'one'
  const methods = contextMethod === undefined ? [defaultContextMethod, other] : [contextMethod]
  // How much it is when packed, only the driver sees; it refuses what is too large.
  const userDataMaxBytes = contextMethod === 'one' ? ONE_MAX_BYTES : USER_DATA_MAX_BYTES
  const layouts = methods.map((method) => LAYOUTS[method])
  return {
    deliveries: [{ method: 'disk', by: 'provider', layouts, userDataMaxBytes, evidence: [] }],
    // OpenNebula 3.2 switches nothing off: what its clients call "stop" saves the memory.
    actions: ['restart', 'suspend', 'resume'],
    // A VM is in the list from the moment it is made; this covers a request that is on its way still.
    settleMs: 5000,
    update: false,
    files: { max: 0, eachMaxBytes: 0, pathMaxCharacters: 255, carries: [] },
    otherWays: OTHER_WAYS,
  }
}
