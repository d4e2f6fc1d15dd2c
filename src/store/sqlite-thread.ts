import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CloudError, type ErrorCode } from '../model/errors.ts'
import type { Query } from './queries.ts'
import type { Writer } from './sqlite-writer.ts'

/** What the thread is started with. */
export interface ThreadOptions {
  readonly path: string
  readonly busyTimeoutMs: number
}

/** To the thread: a query, or `close`. `id` comes back with the answer. */
export interface ThreadRequest {
  readonly id: number
  readonly ask: Query | 'close'
}

/** From the thread; the answer to `id` 0 says how the opening went. An error's class does not survive the journey. */
export type ThreadAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly id: number; readonly bug: unknown }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const OPENING = 0

// In a checkout this is a .ts file, in an installed package a .js file, and so is its neighbour.
const THREAD = new URL(`./sqlite-worker${extname(import.meta.filename)}`, import.meta.url)

/** A {@link Writer} in a thread of its own: an fsync there never stalls an answer to a guest here. */
export async function openWriterThread(options: ThreadOptions): Promise<Writer> {
  const worker = new Worker(THREAD, { workerData: options, name: 'store' })
  const waiting = new Map<number, Waiting>()
  let lastId = OPENING
  let gone: CloudError | undefined

  const expect = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
    })
  const send = (ask: Query | 'close'): Promise<unknown> => {
    if (gone) return Promise.reject(gone)
    // An idle store does not keep the process alive, a waiting write does.
    worker.ref()
    const request: ThreadRequest = { id: ++lastId, ask }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window: it has no origin
    worker.postMessage(request)
    return expect(request.id)
  }
  const fail = (message: string, cause?: unknown) => {
    gone ??= new CloudError('unavailable', message, cause === undefined ? {} : { cause })
    for (const { reject } of waiting.values()) reject(gone)
    waiting.clear()
  }

  worker.on('message', (answer: ThreadAnswer) => {
    const asker = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) worker.unref()
    if ('value' in answer) asker?.resolve(answer.value)
    else asker?.reject('code' in answer ? new CloudError(answer.code, answer.message) : answer.bug)
  })
  worker.on('error', (cause) => fail(`the store ${options.path} has lost its writer: restart Bellhop`, cause))
  worker.on('exit', () => fail(`the store ${options.path} is closed`))

  await expect(OPENING)
  return {
    run: send,
    close: async () => {
      if (gone) return
      const closed = send('close')
      gone = new CloudError('unavailable', `the store ${options.path} is closed`)
      await closed
    },
  }
}
