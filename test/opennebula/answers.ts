import { userOfSession } from './access.ts'
import { argumentsOf, isFaultError } from './arguments.ts'
import type { Cloud } from './cloud.ts'
import { METHODS } from './methods.ts'
import { isRefusal, refusal, type Refusal } from './model.ts'
import { notBasicPlane, renderAnswer, renderFault, type Parameter } from './xmlrpc.ts'

/** How 3.x names methods in messages. */
const OLD_TAGS: Readonly<Record<string, string>> = {
  'one.vm.allocate': 'VirtualMachineAllocate',
  'one.vm.info': 'VirtualMachineInfo',
  'one.vm.action': 'VirtualMachineAction',
  'one.vmpool.info': 'VirtualMachinePoolInfo',
  'one.vnpool.info': 'VirtualNetworkPoolInfo',
}

/** Does what a call says, and the body of its answer. */
export function answerCall(cloud: Cloud, method: string, parameters: readonly Parameter[]): string {
  const handler = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined
  const { methods, lacks } = cloud.profile
  const offered = (methods?.has(method) ?? true) && !lacks?.has(method)
  if (handler === undefined || !offered) return renderFault({ code: -506, message: `Method '${method}' not defined` })
  const given = argumentsOf(parameters)
  try {
    const user = userOfSession(cloud.users, given.string())
    if (user === undefined) throw refusal(256, "User couldn't be authenticated, aborting call.")
    const value = handler(cloud, user, given)
    const problem = typeof value === 'string' ? notBasicPlane(value) : undefined
    if (problem !== undefined) return renderFault({ code: -500, message: INCOMPLETE + problem })
    return renderAnswer([true, value, 0])
  } catch (error) {
    if (isFaultError(error)) return renderFault(error.fault)
    if (isRefusal(error)) return renderRefusal(cloud, method, error)
    throw error
  }
}

const INCOMPLETE =
  'Unexpected error executing code for particular method, detected by Xmlrpc-c method registry code.  Method did not fail; rather, it did not complete at all.  '

function renderRefusal({ profile }: Cloud, method: string, { failure, message, objectId }: Refusal): string {
  if (profile.modern) return renderAnswer([false, `[${method}] ${message}`, failure, objectId, { i8: -1 }])
  // 3.x has no codes above 8192.
  return renderAnswer([false, `[${OLD_TAGS[method] ?? method}] ${message}`, Math.min(failure, 8192)])
}
