import { createConnection, type Socket } from 'node:net'
import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkCall } from '../call.ts'
import type { Call } from '../provider.ts'

/** The QMP commands that we use, with what each is told. */
export interface QmpParameters {
  readonly 'query-status': undefined
  readonly system_powerdown: undefined
  readonly system_reset: undefined
  readonly stop: undefined
  readonly cont: undefined
  readonly quit: undefined
  readonly 'qom-list': { readonly path: string }
  readonly 'blockdev-add': Readonly<Record<string, unknown>>
  readonly 'blockdev-del': { readonly 'node-name': string }
  readonly 'query-named-block-nodes': { readonly flat: boolean }
  readonly netdev_add: Readonly<Record<string, unknown>>
  readonly netdev_del: { readonly id: string }
  readonly device_add: Readonly<Record<string, unknown>>
  readonly device_del: { readonly id: string }
  /** `size` in bytes. */
  readonly block_resize: { readonly 'node-name': string; readonly size: number }
  readonly set_link: { readonly name: string; readonly up: boolean }
}

export type QmpCommand = keyof QmpParameters

/** QEMU answers at once or not at all: its main loop is stuck, or another client holds the only line. */
const ANSWER_MS = 5000
const LINE_MAX_BYTES = 1024 * 1024

/**
 * Asks a running QEMU for one thing over its QMP socket, which serves one client at a time: so the connection is made
 * for this command and closed after it.
 *
 * @returns what stands under `return` in the answer
 * @throws {CloudError} unavailable when nobody listens or QEMU ends meanwhile, timeout, provider-failed when QEMU refuses
 *   the command or speaks no QMP
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export async function askQmp<C extends QmpCommand>(
  socketPath: string,
  command: C,
  call: Call,
  parameters?: QmpParameters[C],
): Promise<unknown> {
  const what = `QEMU's ${command}`
  checkCall(call, what)
  const waitMs = Math.min(ANSWER_MS, call.deadline - Date.now())
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(waitMs)])
  const socket = createConnection(socketPath)
  const cut = () => socket.destroy(new CloudError('timeout', `${what}: no answer in time`, { cause: signal.reason }))
  signal.addEventListener('abort', cut)
  try {
    return await converse(socket, command, parameters)
  } catch (cause) {
    if (isCloudError(cause)) throw cause
    throw new CloudError('unavailable', `${what}: ${reasonOf(cause)}`, { cause })
  } finally {
    signal.removeEventListener('abort', cut)
    socket.destroy()
  }
}

/** The three steps of the protocol: greeting, capabilities, command. Events may stand between any of them. */
async function converse(socket: Socket, command: QmpCommand, parameters: unknown): Promise<unknown> {
  const messages = readMessages(socket, command)
  await next(messages, (message) => 'QMP' in message)
  socket.write(`${JSON.stringify({ execute: 'qmp_capabilities', id: 1 })}\n`)
  await next(messages, (message) => message['id'] === 1)
  socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id: 2 })}\n`)
  return (await next(messages, (message) => message['id'] === 2))['return']
}

type Message = Readonly<Record<string, unknown>>

async function next(messages: AsyncIterator<Message>, wanted: (message: Message) => boolean): Promise<Message> {
  for (;;) {
    const { done, value } = await messages.next()
    if (done) throw new Error('the connection was closed before the answer')
    if ('error' in value) throw new CloudError('provider-failed', `QEMU refused: ${descriptionOf(value['error'])}`)
    if (wanted(value)) return value
  }
}

async function* readMessages(socket: Socket, command: QmpCommand): AsyncGenerator<Message, undefined> {
  let rest = ''
  for await (const chunk of socket.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield toMessage(line, command)
    if (rest.length > LINE_MAX_BYTES) throw notQmp(command)
  }
  return undefined
}

function toMessage(line: string, command: QmpCommand): Message {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (cause) {
    throw notQmp(command, cause)
  }
  if (typeof message !== 'object' || message === null) throw notQmp(command)
  return message as Message
}

function notQmp(command: QmpCommand, cause?: unknown): CloudError {
  return new CloudError('provider-failed', `QEMU's ${command}: what answers on its control socket speaks no QMP`, {
    cause,
  })
}

function descriptionOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'desc' in error ? String(error.desc) : 'no reason given'
}
