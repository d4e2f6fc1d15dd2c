import { CloudError } from '../model/errors.ts'
import { ask, type Query } from './queries.ts'
import { openToWrite, toStoreError, type SqliteConnection } from './sqlite-connection.ts'

/** The one place that writes to a database. */
export interface Writer {
  /** Resolves once the query's outcome is committed. */
  readonly run: (query: Query) => Promise<unknown>
  /** Finishes what was asked before, then lets go of the file. */
  readonly close: () => Promise<void>
}

interface Waiting {
  readonly query: Query
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

/**
 * Opens `path` in this thread and commits in groups: all queries that came while the last group was on its way to the
 * disk share one transaction, so that many of them wait for one fsync. A query that fails takes back only itself.
 */
export async function openWriter(path: string, busyTimeoutMs: number): Promise<Writer> {
  const connection = await openToWrite(path, busyTimeoutMs)
  let waiting: Waiting[] = []
  let working: Promise<void> | undefined
  let closed = false

  const work = async () => {
    while (waiting.length > 0) {
      await new Promise(setImmediate)
      const group = waiting
      waiting = []
      const outcomes = await commitGroup(
        connection,
        group.map(({ query }) => query),
      )
      for (const [index, { resolve, reject }] of group.entries()) {
        const outcome = outcomes[index]
        if (outcome && 'value' in outcome) resolve(outcome.value)
        else reject(toStoreError(outcome?.error, path))
      }
    }
    working = undefined
  }

  return {
    run: (query) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new CloudError('unavailable', `the store ${path} is closed`))
        waiting.push({ query, resolve, reject })
        working ??= work()
      }),
    close: async () => {
      if (closed) return
      closed = true
      await working
      connection.sqlite.close()
    },
  }
}

async function commitGroup(connection: SqliteConnection, group: readonly Query[]): Promise<readonly Outcome[]> {
  const { sqlite } = connection
  try {
    sqlite.exec('begin immediate')
    const outcomes: Outcome[] = []
    for (const query of group) outcomes.push(await runAlone(connection, query))
    sqlite.exec('commit')
    return outcomes
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('rollback')
    return group.map(() => ({ error }))
  }
}

async function runAlone({ sqlite, database }: SqliteConnection, query: Query): Promise<Outcome> {
  sqlite.exec('savepoint query')
  try {
    const value = await ask(database, query)
    sqlite.exec('release query')
    return { value }
  } catch (error) {
    // A full disk ends the whole transaction, not only this query's part.
    if (!sqlite.isTransaction) throw error
    sqlite.exec('rollback to query; release query')
    return { error }
  }
}
