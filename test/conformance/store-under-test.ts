import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** An empty store of its own for one test. */
interface OpenedStore {
  readonly store: Store
  /** Opens the same data again after `close`. */
  readonly reopen?: () => Promise<Store>
  readonly clear?: () => Promise<void>
}

/** One implementation of {@link Store} under test. */
export interface StoreUnderTest {
  readonly name: string
  readonly open: () => Promise<OpenedStore>
  /** Test name to the reason why it cannot hold here. */
  readonly skip?: Readonly<Record<string, string>>
}

/** @param reopen closes the store and opens the same data again */
type StoreTestBody = (store: Store, reopen: () => Promise<Store>) => Promise<void>

/** Defines tests, each with an empty store of its own that is closed after it. */
export function storeTests({ open, skip = {} }: StoreUnderTest): (what: string, body: StoreTestBody) => void {
  return (what, body) => {
    it(what, { skip: skip[what] ?? false }, async () => {
      const { store, reopen, clear } = await open()
      const opened = [store]
      try {
        await body(store, async () => {
          assert.ok(reopen, 'a store that cannot be opened again skips this test and says why')
          await store.close()
          const again = await reopen()
          opened.push(again)
          return again
        })
      } finally {
        for (const each of opened) await each.close()
        await clear?.()
      }
    })
  }
}

/** Asserts that `promise` fails with a CloudError of `code`, whose message matches `message`. */
export function rejects(promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> {
  return assert.rejects(promise, (error) => isCloudError(error, code) && message.test(error.message))
}

/** Bytes compared as bytes: a store may answer with another kind of `Uint8Array`. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
