import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { HttpResponse } from './http.ts'

/** When a live answer ends but for its own end. */
interface PourOptions {
  /** Fires when we close. */
  readonly closing: AbortSignal
  /** A client that takes nothing for so long is cut off; it can come again and go on where it was. */
  readonly stalledMs: number
}

/**
 * Writes a live answer to its client, no faster than it takes it: what waits is one piece. Resolves when all is written, or the
 * client is gone.
 *
 * @throws what the answer itself fails with; the client then sees that it broke off
 */
export async function pour(
  client: Writable,
  live: NonNullable<HttpResponse['live']>,
  { closing, stalledMs }: PourOptions,
): Promise<void> {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  client.once('close', leave)
  closing.addEventListener('abort', leave)
  if (closing.aborted || client.destroyed) leave()
  try {
    for await (const piece of live(gone.signal)) {
      if (gone.signal.aborted) break
      if (!client.write(piece) && !(await isDrained(client, gone.signal, stalledMs))) break
    }
    if (client.writableNeedDrain) client.destroy()
    else client.end()
  } catch (error) {
    client.destroy()
    throw error
  } finally {
    client.off('close', leave)
    closing.removeEventListener('abort', leave)
  }
}

async function isDrained(client: Writable, gone: AbortSignal, stalledMs: number): Promise<boolean> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), stalledMs)
  try {
    await once(client, 'drain', { signal: AbortSignal.any([gone, patience.signal]) })
    return true
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
