import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { CloudError } from '../model/errors.ts'
import { migrate, type ColumnTypes } from './migrations.ts'
import type { Database, Tables } from './tables.ts'

/** The path of a database that lives and dies with its store. */
export const IN_MEMORY = ':memory:'

/** One connection: kysely for queries, node:sqlite's own face for transactions. */
export interface SqliteConnection {
  readonly sqlite: DatabaseSync
  readonly database: Database
}

const SQLITE_TYPES: ColumnTypes = {
  bytes: 'blob',
  integer: 'integer',
  counter: (column) => column.primaryKey().autoIncrement(),
}

// Our queries have a few dozen shapes; only multi-row inserts make more of them.
const PREPARED_MAX = 100

/**
 * Opens the one connection that writes, and brings its schema up to date.
 *
 * @param busyTimeoutMs how long a write waits for another process
 * @throws {CloudError} unsupported when a newer Bellhop wrote it, unavailable when it cannot be opened
 */
export async function openToWrite(path: string, busyTimeoutMs: number): Promise<SqliteConnection> {
  try {
    if (path !== IN_MEMORY) makePrivate(path)
    const sqlite = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
    try {
      return await prepareToWrite(sqlite)
    } catch (error) {
      sqlite.close()
      throw error
    }
  } catch (error) {
    throw toStoreError(error, path)
  }
}

async function prepareToWrite(sqlite: DatabaseSync): Promise<SqliteConnection> {
  // FULL: in WAL mode, NORMAL would lose the last commits with the power.
  sqlite.exec('pragma journal_mode = wal; pragma synchronous = full')
  const database = kyselyOver(sqlite)
  sqlite.exec('begin immediate')
  await migrate(database, SQLITE_TYPES)
  sqlite.exec('commit')
  return { sqlite, database }
}

/** Opens a connection that only reads; the writer has made the file. */
export function openToRead(path: string, busyTimeoutMs: number): SqliteConnection {
  const sqlite = new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly: true })
  return { sqlite, database: kyselyOver(sqlite) }
}

/** The file, before SQLite makes it, so that no other user ever can read it; its WAL inherits the mode. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/** kysely speaks to better-sqlite3; this is node:sqlite in its shape, with the statements kept. */
function kyselyOver(sqlite: DatabaseSync): Kysely<Tables> {
  const prepared = new Map<string, ReturnType<typeof toKyselyStatement>>()
  const prepare = (sql: string) => {
    const known = prepared.get(sql)
    if (known) return known
    if (prepared.size >= PREPARED_MAX) prepared.clear()
    const statement = toKyselyStatement(sqlite.prepare(sql))
    prepared.set(sql, statement)
    return statement
  }
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: { prepare, close: () => sqlite.close() } }) })
}

function toKyselyStatement(statement: StatementSync) {
  const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...values(parameters)),
    run: (parameters: readonly unknown[]) => statement.run(...values(parameters)),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...values(parameters)),
  }
}

// https://www.sqlite.org/rescode.html, primary codes: BUSY LOCKED READONLY IOERR FULL CANTOPEN.
const TRY_AGAIN = new Set([5, 6, 8, 10, 13, 14])
const CORRUPT = 11
const NOT_A_DATABASE = 26

/** SQLite's word on its surroundings (disk full, locked, not a database) as an error of ours; bugs stay bugs. */
export function toStoreError(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error
  if ('errcode' in error && typeof error.errcode === 'number') {
    const primary = error.errcode & 0xff
    if (primary === NOT_A_DATABASE || primary === CORRUPT)
      return new CloudError('unavailable', `the store ${path} is damaged or no SQLite database: ${error.message}`, {
        cause: error,
      })
    if (TRY_AGAIN.has(primary))
      return new CloudError('unavailable', `the store ${path} cannot be used now: ${error.message}`, { cause: error })
  }
  if ('syscall' in error)
    return new CloudError('unavailable', `the store ${path} cannot be opened: ${error.message}`, { cause: error })
  return error
}
