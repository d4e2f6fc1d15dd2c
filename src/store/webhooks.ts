import type { ExpressionBuilder, Selectable } from 'kysely'
import type { ContextEvent } from '../model/events.ts'
import type { InstanceState } from '../model/instance.ts'
import type { Webhook, WebhookProgress } from '../model/webhook.ts'
import { CloudError } from '../model/errors.ts'
import { takeLease, type Claim } from './leases.ts'
import type { EventsToTell, ProjectEvent, ProjectEventRange } from './store.ts'
import type { Database, Tables, WebhookTable } from './tables.ts'

/** It begins behind the last event that there is. @param max how many a project may have */
export async function insertWebhook(
  database: Database,
  { id, project, secret, createdAt, subject, url, kinds }: Omit<Webhook, keyof WebhookProgress>,
  max: number,
): Promise<Webhook> {
  const { count } = await database
    .selectFrom('webhooks')
    .select((expression) => expression.fn.countAll().as('count'))
    .where('project', '=', project)
    .executeTakeFirstOrThrow()
  if (Number(count) >= max)
    throw new CloudError('conflict', `there are ${max} webhooks, as many as one project may have: delete one first`)
  const row = await database
    .insertInto('webhooks')
    .values({
      id,
      project,
      subject,
      url,
      kinds_json: JSON.stringify(kinds),
      secret,
      after: await newestEvent(database),
      progress_json: JSON.stringify(BEGINNING),
      created_at: createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return fromRow(row)
}

type Rest = Omit<WebhookProgress, 'after'>

const BEGINNING: Rest = { state: 'on', failures: 0, missed: 0 }

/** @param project whose; absent: all */
export async function listWebhooks(database: Database, project?: string): Promise<readonly Webhook[]> {
  let query = database.selectFrom('webhooks').selectAll().orderBy('created_at').orderBy('id')
  if (project !== undefined) query = query.where('project', '=', project)
  return (await query.execute()).map(fromRow)
}

export async function leaseWebhook(database: Database, id: string, claim: Claim): Promise<Webhook | undefined> {
  if (!(await takeLease(database, 'webhooks', id, claim))) return undefined
  return fromRow(await database.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirstOrThrow())
}

/** By the lease's holder alone, and never backwards. @returns whether it was changed */
export async function updateWebhook(
  database: Database,
  id: string,
  holder: string,
  { after, state, failures, nextAt, reason, missed }: WebhookProgress,
): Promise<boolean> {
  const progress: Rest = {
    state,
    failures,
    missed,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(reason === undefined ? {} : { reason }),
  }
  const updated = await database
    .updateTable('webhooks')
    .set({ after, progress_json: JSON.stringify(progress) })
    .where('id', '=', id)
    .where('lease_holder', '=', holder)
    .where('after', '<=', after)
    .returning('id')
    .executeTakeFirst()
  return updated !== undefined
}

export async function deleteWebhook(database: Database, id: string): Promise<void> {
  await database.deleteFrom('webhooks').where('id', '=', id).execute()
}

function fromRow({
  kinds_json,
  progress_json,
  lease_holder: holder,
  lease_until: untilMs,
  created_at,
  ...row
}: Selectable<WebhookTable>): Webhook {
  return {
    ...(JSON.parse(progress_json) as Rest),
    ...row,
    kinds: JSON.parse(kinds_json) as Webhook['kinds'],
    ...(holder === null || untilMs === null ? {} : { lease: { holder, untilMs } }),
    createdAt: created_at,
  }
}

export async function newestEvent(database: Database): Promise<number> {
  const newest = await database
    .selectFrom('events')
    .select((expression) => expression.fn.max('sequence').as('sequence'))
    .executeTakeFirst()
  return newest?.sequence ?? 0
}

/** Of a guest's events most are accesses, which few want: so many rows are read for each event that is asked for. */
const ROWS_FOR_ONE = 10

// The events of all projects are read in the order of their recording: it is the one in which each webhook goes on.
export async function listEventsToTell(
  database: Database,
  { project, kinds, after, upTo, limit }: ProjectEventRange,
): Promise<EventsToTell> {
  const rowsMax = ROWS_FOR_ONE * limit
  const rows = await database
    .selectFrom('events')
    .leftJoin('instances', 'instances.id', 'events.instance_id')
    .leftJoin('deleted_instances', 'deleted_instances.id', 'events.instance_id')
    .select(['sequence', 'event_json', 'instances.provider as provider', 'instances.state as state', 'spec_json'])
    .select(['deleted_instances.provider as was_at', 'deleted_instances.name as was_called'])
    .where('sequence', '>', after)
    .where('sequence', '<=', upTo)
    .where((of) => of.or([of('instances.project', '=', project), of('deleted_instances.project', '=', project)]))
    .orderBy('sequence')
    .limit(rowsMax)
    .execute()
  const found: ProjectEvent[] = []
  for (const row of rows) {
    const event = JSON.parse(row.event_json) as ContextEvent
    if (!kinds.includes(event.kind)) continue
    if (found.length === limit) break
    const { sequence, spec_json, provider, was_at, was_called } = row
    const name = spec_json === null ? was_called : ((JSON.parse(spec_json) as { readonly name?: string }).name ?? null)
    found.push({
      sequence,
      place: await placeOf(database, event.instanceId, sequence),
      event,
      instance: {
        id: event.instanceId,
        ...(name === null ? {} : { name }),
        provider: provider ?? was_at ?? '',
        state: (row.state ?? 'deleted') as InstanceState,
      },
    })
  }
  const [lastFound, lastRow] = [found.at(-1), rows.at(-1)]
  if (lastFound && found.length === limit) return { events: found, upTo: lastFound.sequence }
  return { events: found, upTo: lastRow && rows.length === rowsMax ? lastRow.sequence : upTo }
}

/** How many events of the instance there are up to this one: the index alone counts them. */
async function placeOf(database: Database, instanceId: string, sequence: number): Promise<number> {
  const { place } = await database
    .selectFrom('events')
    .select((expression: ExpressionBuilder<Tables, 'events'>) => expression.fn.countAll().as('place'))
    .where('instance_id', '=', instanceId)
    .where('sequence', '<=', sequence)
    .executeTakeFirstOrThrow()
  return Number(place)
}
