import { parentPort, workerData } from 'node:worker_threads'
import { isCloudError } from '../model/errors.ts'
import type { ThreadAnswer, ThreadOptions, ThreadRequest } from './sqlite-thread.ts'
import { openWriter } from './sqlite-writer.ts'

// The thread that `sqlite-thread.ts` starts: it opens the database, answers 0 when that is done, then each request.
const { path, busyTimeoutMs } = workerData as ThreadOptions

async function answer(id: number, task: () => Promise<unknown>): Promise<void> {
  post(await outcomeOf(id, task))
}

async function outcomeOf(id: number, task: () => Promise<unknown>): Promise<ThreadAnswer> {
  try {
    return { id, value: await task() }
  } catch (error) {
    return isCloudError(error) ? { id, code: error.code, message: error.message } : { id, bug: error }
  }
}

function post(message: ThreadAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window: it has no origin
  parentPort?.postMessage(message)
}

await answer(0, async () => {
  const writer = await openWriter(path, busyTimeoutMs)
  parentPort?.on('message', ({ id, ask }: ThreadRequest) => {
    if (ask !== 'close') return void answer(id, () => writer.run(ask))
    return void answer(id, () => writer.close()).finally(() => parentPort?.close())
  })
})
