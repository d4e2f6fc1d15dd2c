import type { ContextEvent } from '../model/events.ts'
import type { EventRange } from './store.ts'
import type { Database } from './tables.ts'

// One statement takes this many: far below SQLite's 32766 and PostgreSQL's 65535 parameters.
const ROWS_PER_STATEMENT = 200
/** More than there can be: SQLite takes no offset without a limit. */
const ALL = Number.MAX_SAFE_INTEGER

export async function appendEvents(database: Database, events: readonly ContextEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += ROWS_PER_STATEMENT) {
    const rows = events.slice(start, start + ROWS_PER_STATEMENT).map((event) => ({
      instance_id: event.instanceId,
      at: event.at,
      event_json: JSON.stringify(event),
      fetched_revision: isFetch(event) ? event.revision : null,
    }))
    await database.insertInto('events').values(rows).execute()
  }
}

function isFetch({ kind, source }: ContextEvent): boolean {
  return kind === 'fetched' && source === 'metadata'
}

/** The index alone answers: it holds these events and no others, however long the timeline is. */
export async function fetchedRevision(database: Database, instanceId: string): Promise<number | undefined> {
  const newest = await database
    .selectFrom('events')
    .select((expression) => expression.fn.max('fetched_revision').as('revision'))
    .where('instance_id', '=', instanceId)
    .where('fetched_revision', 'is not', null)
    .executeTakeFirst()
  return newest?.revision ?? undefined
}

export async function listEvents(
  database: Database,
  instanceId: string,
  { after = 0, limit }: EventRange,
): Promise<readonly ContextEvent[]> {
  const events = database.selectFrom('events').where('instance_id', '=', instanceId).orderBy('sequence')
  if (limit === undefined && after === 0) return (await events.select('event_json').execute()).map(fromEventRow)
  // The index alone counts those before: no row is read for them.
  const places = events
    .select('sequence')
    .offset(Math.min(after, ALL))
    .limit(limit ?? ALL)
  const rows = await database
    .selectFrom('events')
    .select('event_json')
    .where('sequence', 'in', places)
    .orderBy('sequence')
    .execute()
  return rows.map(fromEventRow)
}

export async function listProjectEvents(
  database: Database,
  project: string,
): Promise<ReadonlyMap<string, readonly ContextEvent[]>> {
  const rows = await database
    .selectFrom('instances')
    .innerJoin('events', 'events.instance_id', 'instances.id')
    .select('event_json')
    .where('project', '=', project)
    .orderBy('created_at')
    .orderBy('id')
    .orderBy('sequence')
    .execute()
  return Map.groupBy(rows.map(fromEventRow), ({ instanceId }) => instanceId)
}

function fromEventRow({ event_json }: { readonly event_json: string }): ContextEvent {
  return JSON.parse(event_json) as ContextEvent
}

/** Forgets deleted instances whose last event is older than `beforeMs`: their events and their idempotency keys. */
export async function pruneEvents(database: Database, beforeMs: number): Promise<void> {
  const forgotten = await database
    .selectFrom('events')
    .select('instance_id')
    .where('instance_id', 'not in', database.selectFrom('instances').select('id'))
    .groupBy('instance_id')
    .having((events) => events.fn.max('at'), '<', beforeMs)
    .execute()
  for (const { instance_id } of forgotten)
    await database.deleteFrom('events').where('instance_id', '=', instance_id).execute()
  await database
    .deleteFrom('deleted_instances')
    .where('id', 'not in', database.selectFrom('events').select('instance_id'))
    .execute()
  await database
    .deleteFrom('idempotency_keys')
    .where('instance_id', 'not in', database.selectFrom('instances').select('id'))
    .where('instance_id', 'not in', database.selectFrom('events').select('instance_id'))
    .execute()
}
