import { deserialize, serialize } from 'node:v8'
import { CloudError, isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { NetworkGroup, Provider, VolumeGroup } from '../provider.ts'
import type { MemoryProvider } from './index.ts'
import type { CallMethod } from './methods.ts'

// One connection carries one question and one answer; each side ends its half after the last byte, so no framing is
// needed. Both are in V8's own format (structured clone), which keeps bytes and maps as they are.

/** Every method that can be asked for across the socket; `describe` gives what the client must know first. */
export type RemoteMethod = 'describe' | (typeof LOOK_METHODS)[number] | CallMethod

/** What tests ask for, beside the provider's own methods. */
export const LOOK_METHODS = [
  'made',
  'volumesMade',
  'networksMade',
  'setFaults',
  'writeConsole',
] as const satisfies readonly (keyof MemoryProvider)[]

/** `deadline` in milliseconds since the epoch; methods that are no calls to a cloud have none. */
export interface RemoteQuestion {
  readonly method: RemoteMethod
  readonly arguments: readonly unknown[]
  readonly deadline?: number
}

type RemoteAnswer = { readonly value: unknown } | { readonly code: ErrorCode; readonly message: string }

/** What a client must know before it can ask. */
export interface RemoteDescription extends Pick<Provider, 'name' | 'capabilities'> {
  readonly volumes?: Pick<VolumeGroup, 'actions'>
  readonly networks?: Pick<NetworkGroup, 'actions' | 'numberedBy'>
  readonly savesImages: boolean
}

/** What `describe` answers. */
export function describe(provider: MemoryProvider): RemoteDescription {
  const { name, capabilities, volumes, networks } = provider
  return {
    name,
    capabilities,
    ...(volumes ? { volumes: { actions: volumes.actions } } : {}),
    ...(networks ? { networks: { actions: networks.actions, numberedBy: networks.numberedBy } } : {}),
    savesImages: provider.saveImage !== undefined,
  }
}

/** A question as bytes. */
export function renderQuestion(question: RemoteQuestion): Uint8Array {
  return serialize(question)
}

/** @throws {CloudError} invalid when the bytes are no question */
export function parseQuestion(bytes: Uint8Array): RemoteQuestion {
  const question = parse(bytes) as Partial<RemoteQuestion> | null
  if (typeof question?.method !== 'string' || !Array.isArray(question.arguments))
    throw new CloudError('invalid', 'memory provider: not a question')
  return question as RemoteQuestion
}

/** Does `task` and gives its outcome as bytes. */
export async function renderOutcome(task: () => Promise<unknown>): Promise<Uint8Array> {
  try {
    return serialize({ value: await task() } satisfies RemoteAnswer)
  } catch (error) {
    if (!isCloudError(error)) throw error
    return serialize({ code: error.code, message: error.message } satisfies RemoteAnswer)
  }
}

/** @returns what the task gave @throws {CloudError} what the task threw; unavailable when the answer was cut off */
export function parseOutcome(bytes: Uint8Array): unknown {
  const answer = parse(bytes) as RemoteAnswer
  if ('value' in answer) return answer.value
  throw new CloudError(answer.code, answer.message)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return deserialize(bytes)
  } catch (cause) {
    throw new CloudError('unavailable', `memory provider: ${bytes.length} bytes that are no whole message`, { cause })
  }
}
