import { CloudError } from '../model/errors.ts'
import { kyselyStore } from './kysely-store.ts'
import { ask, type Query, type READS, type Run, type WRITES } from './queries.ts'
import { IN_MEMORY, openToRead, toStoreError } from './sqlite-connection.ts'
import { openWriterThread } from './sqlite-thread.ts'
import { openWriter, type Writer } from './sqlite-writer.ts'
import type { Store } from './store.ts'

/** How long a write waits for another process that holds the database, by default. */
const BUSY_TIMEOUT_MS = 5000

/**
 * The store in one SQLite file: writes go through a thread of their own and are committed in groups, each group with one
 * fsync; reads are asked here, of a connection that sees only what was committed.
 *
 * @param path the file (made with mode 0600, a missing folder with 0700), or `:memory:`
 * @throws {CloudError} unsupported when a newer Bellhop wrote it, unavailable when it cannot be opened
 * @example
 * const store = await sqliteStore('/var/lib/bellhop/bellhop.db')
 */
export async function sqliteStore(
  path: string,
  { busyTimeoutMs = BUSY_TIMEOUT_MS }: { readonly busyTimeoutMs?: number } = {},
): Promise<Store> {
  if (path === IN_MEMORY) {
    // No second connection sees this database, so reads queue with the writes.
    const { run, close } = await openWriter(path, busyTimeoutMs)
    const inOrder = named(run)
    return kyselyStore({ read: inOrder, write: inOrder, close })
  }
  const writer = await openWriterThread({ path, busyTimeoutMs })
  const reader = await openReader(path, busyTimeoutMs, writer)
  return kyselyStore({
    read: named((query) => reader.run(query)),
    write: named((query) => writer.run(query)),
    close: async () => {
      // The writer goes last: only a connection that may write folds the WAL into the file.
      reader.close()
      await writer.close()
    },
  })
}

async function openReader(path: string, busyTimeoutMs: number, writer: Writer) {
  try {
    const { sqlite, database } = openToRead(path, busyTimeoutMs)
    return {
      run: async (query: Query) => {
        if (!sqlite.isOpen) throw new CloudError('unavailable', `the store ${path} is closed`)
        return await ask(database, query).catch((error: unknown) => Promise.reject(toStoreError(error, path)))
      },
      close: () => {
        if (sqlite.isOpen) sqlite.close()
      },
    }
  } catch (error) {
    await writer.close()
    throw toStoreError(error, path)
  }
}

function named(run: (query: Query) => Promise<unknown>): Run<keyof typeof READS | keyof typeof WRITES> {
  return ((name: Query['name'], ...rest: readonly unknown[]) => run({ name, rest })) as Run<
    keyof typeof READS | keyof typeof WRITES
  >
}
