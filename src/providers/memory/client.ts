import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkCall, timeout } from '../call.ts'
import type { Call, Capabilities } from '../provider.ts'
import type { MemoryProvider } from './index.ts'
import { CALL_METHODS, parseOutcome, renderQuestion, type RemoteMethod } from './wire.ts'

/**
 * The cloud that `process.ts` runs behind `socketPath`: the same provider, which outlives this process.
 *
 * @throws {CloudError} unavailable when nobody listens there
 */
export async function memoryProcessProvider({ socketPath }: { readonly socketPath: string }): Promise<MemoryProvider> {
  const ask = (method: RemoteMethod, given: readonly unknown[], call?: Call) =>
    exchange(socketPath, method, given, call)
  const { name, capabilities } = (await ask('describe', [])) as { name: string; capabilities: Capabilities }
  const called = Object.entries(CALL_METHODS).map(([method, at]) => [
    method,
    (...given: readonly unknown[]) =>
      ask(method as keyof typeof CALL_METHODS, given.toSpliced(at, 1), given[at] as Call),
  ])
  return {
    name,
    capabilities,
    ...(Object.fromEntries(called) as Pick<MemoryProvider, keyof typeof CALL_METHODS>),
    made: (ourId) => ask('made', [ourId]) as ReturnType<MemoryProvider['made']>,
    setFaults: (faults) => ask('setFaults', [faults]) as Promise<void>,
    writeConsole: (remoteId, text) => ask('writeConsole', [remoteId, text]) as Promise<void>,
  }
}

async function exchange(
  socketPath: string,
  method: RemoteMethod,
  given: readonly unknown[],
  call: Call | undefined,
): Promise<unknown> {
  if (call) checkCall(call, method)
  const deadline = call ? { deadline: call.deadline } : {}
  const socket = connect(socketPath)
  const giveUp = () => socket.destroy(timeout(method, call?.signal.reason))
  call?.signal.addEventListener('abort', giveUp, { once: true })
  try {
    socket.end(renderQuestion({ method, arguments: given, ...deadline }))
    return parseOutcome(await buffer(socket))
  } catch (cause) {
    if (isCloudError(cause)) throw cause
    throw new CloudError('unavailable', `memory provider at ${socketPath}: ${reasonOf(cause)}`, { cause })
  } finally {
    call?.signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}
