import { Buffer } from 'node:buffer'
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { CloudError } from '../../model/errors.ts'
import { memoryProvider, type MemoryKeeper, type MemoryProvider, type MemoryProviderOptions } from './index.ts'
import { CALL_METHODS, isCallMethod } from './methods.ts'
import type { MemoryState } from './state.ts'
import { describe, LOOK_METHODS, parseQuestion, renderOutcome, type RemoteQuestion } from './wire.ts'

// The cloud in memory as a process of its own, so that it outlives a killed Bellhop:
//   node src/providers/memory/process.ts --socket PATH [--state FILE] [--options JSON]
// Prints `ready` once it listens. As with real clouds, a caller who hangs up does not undo what he asked for.
const { socket, state, options } = readArguments()
const provider = memoryProvider(options, state === undefined ? undefined : fileKeeper(state))

const server = createServer({ allowHalfOpen: true }, (client) => {
  client.on('error', () => client.destroy())
  serve(client).catch((error: unknown) => {
    console.error(error)
    client.destroy()
  })
})
removeStaleSocket(socket)
process.umask(0o077)
server.listen(socket, () => console.log('ready'))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))

async function serve(client: Socket): Promise<void> {
  const question = await readToEnd(client)
  if (question) client.end(await renderOutcome(async () => answer(provider, parseQuestion(question))))
}

/**
 * Unlike the readers of node:stream/consumers, leaves the other half open for the answer.
 *
 * @returns `undefined` when the client went away before its question was whole
 */
function readToEnd(client: Socket): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    client.once('end', () => resolve(Buffer.concat(chunks)))
    client.once('close', () => resolve(undefined))
  })
}

function answer(cloud: MemoryProvider, { method, arguments: given, deadline }: RemoteQuestion): Promise<unknown> {
  if (method === 'describe') return Promise.resolve(describe(cloud))
  const look = LOOK_METHODS.find((known) => known === method)
  if (look) return (cloud[look] as (...given: readonly unknown[]) => Promise<unknown>)(...given)
  if (!isCallMethod(method)) throw new CloudError('invalid', 'memory provider: no such method')
  const at = CALL_METHODS[method]
  const ask = methodOf(cloud, method)
  const call = { signal: new AbortController().signal, deadline: deadline ?? 0 }
  return ask(...given.slice(0, at), call, ...given.slice(at))
}

/** @throws {CloudError} unsupported when the cloud was told to have none */
function methodOf(cloud: MemoryProvider, method: string): (...given: readonly unknown[]) => Promise<unknown> {
  const found = method.split('.').reduce<unknown>((at, key) => (at ? Reflect.get(Object(at), key) : undefined), cloud)
  if (typeof found === 'function') return (...given) => Promise.resolve(Reflect.apply(found, cloud, given))
  throw new CloudError('unsupported', `memory provider: it has no ${method}`)
}

function readArguments() {
  const { values } = parseArgs({
    options: { socket: { type: 'string' }, state: { type: 'string' }, options: { type: 'string' } },
  })
  if (values.socket === undefined) throw new Error('usage: process.ts --socket PATH [--state FILE] [--options JSON]')
  return { ...values, socket: values.socket, options: JSON.parse(values.options ?? '{}') as MemoryProviderOptions }
}

/** All survives this process too: each change is one new file in the place of the old one. */
function fileKeeper(path: string): MemoryKeeper {
  return {
    ...readState(path),
    changed: (state) => {
      writeFileSync(`${path}.new`, serialize(state), { mode: 0o600 })
      renameSync(`${path}.new`, path)
    },
  }
}

function readState(path: string): Pick<MemoryKeeper, 'before'> {
  try {
    return { before: deserialize(readFileSync(path)) as MemoryState }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
}

/** A killed process leaves its socket behind; anything else at that path is not ours to remove. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path)
}
