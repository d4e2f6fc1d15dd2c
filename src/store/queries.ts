import { deleteDocument, getDocument, insertDocument, listDocuments, updateDocument } from './documents.ts'
import { appendEvents, fetchedRevision, listEvents, listProjectEvents, pruneEvents } from './events.ts'
import { deleteInstance, getInstance, insertInstance, listInstances, updateInstance } from './instances.ts'
import { findGuestPassword, keepGuestPassword } from './guest-passwords.ts'
import { dropLeases, takeLease } from './leases.ts'
import { giveNames, knownNames } from './names.ts'
import { addProjectLabel, deleteProjectLabel, listProjectLabels } from './project-labels.ts'
import { deleteResource, getResource, insertResource, listResources, updateResource } from './resources.ts'
import { findSecret, keepSecret } from './secrets.ts'
import type { Database } from './tables.ts'
import {
  deleteWebhook,
  insertWebhook,
  leaseWebhook,
  listEventsToTell,
  listWebhooks,
  newestEvent,
  updateWebhook,
} from './webhooks.ts'

/** Every question to the database, by name, so that it can be asked across threads. Reads change nothing. */
export const READS = {
  getInstance,
  listInstances,
  listEvents,
  listProjectEvents,
  fetchedRevision,
  getResource,
  listResources,
  listProjectLabels,
  getDocument,
  listDocuments,
  knownNames,
  findSecret,
  findGuestPassword,
  listWebhooks,
  newestEvent,
  listEventsToTell,
} as const

/**
 * Every change of the database; each is whole or nothing, and no other comes between its statements: the caller's
 * transaction sees to that.
 */
export const WRITES = {
  insertInstance,
  updateInstance,
  deleteInstance,
  appendEvents,
  pruneEvents,
  insertResource,
  updateResource,
  deleteResource,
  addProjectLabel,
  deleteProjectLabel,
  insertDocument,
  updateDocument,
  deleteDocument,
  takeLease,
  dropLeases,
  giveNames,
  keepSecret,
  keepGuestPassword,
  insertWebhook,
  leaseWebhook,
  updateWebhook,
  deleteWebhook,
} as const

/** All queries of {@link READS} and {@link WRITES}. */
const QUERIES = { ...READS, ...WRITES } as const

type Queries = typeof QUERIES
type Rest<K extends keyof Queries> = Queries[K] extends (database: Database, ...rest: infer Given) => unknown
  ? Given
  : never

/** Runs one of `Names`; what it resolves with is committed. */
export type Run<Names extends keyof Queries> = <K extends Names>(name: K, ...rest: Rest<K>) => ReturnType<Queries[K]>

/** A query as it crosses threads. */
export interface Query {
  readonly name: keyof Queries
  readonly rest: readonly unknown[]
}

/** Asks `database` a query that came by name. */
export function ask(database: Database, { name, rest }: Query): Promise<unknown> {
  return (QUERIES[name] as (database: Database, ...rest: readonly unknown[]) => Promise<unknown>)(database, ...rest)
}
