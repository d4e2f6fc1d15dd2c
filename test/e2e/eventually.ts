import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 20_000

/** What a look finds, once it finds something. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < end, what)
  }
}
