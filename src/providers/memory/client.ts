import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkCall, timeout } from '../call.ts'
import type { Call, NetworkGroup, VolumeGroup } from '../provider.ts'
import type { MemoryProvider } from './index.ts'
import { CALL_METHODS, type CallMethod } from './methods.ts'
import { parseOutcome, renderQuestion, type RemoteDescription, type RemoteMethod } from './wire.ts'

/**
 * The cloud that `process.ts` runs behind `socketPath`: the same provider, which outlives this process.
 *
 * @throws {CloudError} unavailable when nobody listens there
 */
export async function memoryProcessProvider({ socketPath }: { readonly socketPath: string }): Promise<MemoryProvider> {
  const ask = (method: RemoteMethod, given: readonly unknown[], call?: Call) =>
    exchange(socketPath, method, given, call)
  const { volumes, networks, savesImages, ...told } = (await ask('describe', [])) as RemoteDescription
  const groupNamed = (group: string) =>
    Object.entries(CALL_METHODS)
      .map(([method, at]) => ({ method: method as CallMethod, path: method.split('.'), at }))
      .filter(({ path }) => (path.length === 1 ? '' : path[0]) === group)
      .map(({ method, path, at }) => [
        path.at(-1) ?? method,
        (...given: readonly unknown[]) => ask(method, given.toSpliced(at, 1), given[at] as Call),
      ])
  const { saveImage, deleteImage, updateContext, ...called } = Object.fromEntries(groupNamed('')) as Required<
    Pick<MemoryProvider, PlainMethod>
  >
  return {
    ...told,
    ...called,
    ...(savesImages ? { saveImage, deleteImage } : {}),
    ...(told.capabilities.update === false ? {} : { updateContext }),
    ...(volumes ? { volumes: { ...volumes, ...(Object.fromEntries(groupNamed('volumes')) as VolumeGroup) } } : {}),
    ...(networks ? { networks: { ...networks, ...(Object.fromEntries(groupNamed('networks')) as NetworkGroup) } } : {}),
    made: (ourId) => ask('made', [ourId]) as ReturnType<MemoryProvider['made']>,
    volumesMade: (ourId) => ask('volumesMade', [ourId]) as ReturnType<MemoryProvider['volumesMade']>,
    networksMade: (ourId) => ask('networksMade', [ourId]) as ReturnType<MemoryProvider['networksMade']>,
    setFaults: (faults) => ask('setFaults', [faults]) as Promise<void>,
    writeConsole: (remoteId, text) => ask('writeConsole', [remoteId, text]) as Promise<void>,
  }
}

/** Those that stand in no group. */
type PlainMethod = Extract<CallMethod, keyof MemoryProvider>

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
