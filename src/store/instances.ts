import type { ContextEvent } from '../model/events.ts'
import { CloudError } from '../model/errors.ts'
import type { Instance, InstanceSpec } from '../model/instance.ts'
import { appendEvents } from './events.ts'
import { fromRow, toBytesRows, toChangedColumns, toRow } from './rows.ts'
import { insertResource } from './resources.ts'
import type { InsertOptions, InstanceChange, InstanceFilter } from './store.ts'
import type { Database } from './tables.ts'

/** @returns an earlier instance where the project used the key before, else `undefined`: it is in */
export async function insertInstance(
  database: Database,
  instance: Instance,
  events: readonly ContextEvent[],
  { idempotencyKey, links = [], lease }: InsertOptions,
): Promise<Instance | undefined> {
  const earlier = idempotencyKey === undefined ? undefined : await claimKey(database, instance, idempotencyKey)
  if (earlier) return earlier
  await refuseOneThatWas(database, instance.id)
  const inserted = await database
    .insertInto('instances')
    .values({ ...toRow(instance), ...(lease ? { lease_holder: lease.holder, lease_until: lease.untilMs } : {}) })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted) throw new CloudError('conflict', `instance ${instance.id} exists already`)
  await insertBytes(database, instance.id, instance.spec)
  for (const link of links) await insertResource(database, 'link', link)
  await appendEvents(database, events)
  return undefined
}

/** The events of a deleted instance would speak for the new one. */
async function refuseOneThatWas(database: Database, id: string): Promise<void> {
  const event = await database
    .selectFrom('events')
    .select('sequence')
    .where('instance_id', '=', id)
    .limit(1)
    .executeTakeFirst()
  if (event)
    throw new CloudError('conflict', `there is or was an instance ${id}: choose another id, or leave it out to get one`)
}

async function claimKey(database: Database, instance: Instance, key: string): Promise<Instance | undefined> {
  const { id, project } = instance
  const claimed = await database
    .insertInto('idempotency_keys')
    .values({ project, key, instance_id: id })
    .onConflict((conflict) => conflict.columns(['project', 'key']).doNothing())
    .returning('instance_id')
    .executeTakeFirst()
  if (claimed) return undefined
  const owner = await database
    .selectFrom('idempotency_keys')
    .select('instance_id')
    .where('project', '=', project)
    .where('key', '=', key)
    .executeTakeFirstOrThrow()
  const earlier = await getInstance(database, owner.instance_id)
  if (!earlier)
    throw new CloudError(
      'conflict',
      `the idempotency key was used for instance ${owner.instance_id}, which was deleted: send a new key to start another`,
    )
  const differing = differenceOf(earlier, instance)
  if (differing)
    throw new CloudError(
      'conflict',
      `the idempotency key was used for instance ${earlier.id} with another ${differing}: send a new key`,
    )
  return earlier
}

function differenceOf(earlier: Instance, later: Instance): string | undefined {
  if (earlier.userDataSha256 !== later.userDataSha256) return 'userData'
  if (earlier.image.name !== later.image.name) return 'image'
  if (earlier.size.name !== later.size.name) return 'size'
  return (['name', 'by', 'tracking', 'wrap'] as const).find((what) => earlier.spec[what] !== later.spec[what])
}

async function insertBytes(database: Database, id: string, spec: InstanceSpec): Promise<void> {
  for (const row of toBytesRows(id, spec)) await database.insertInto('instance_bytes').values(row).execute()
}

export async function updateInstance(
  database: Database,
  id: string,
  change: InstanceChange,
  events: readonly ContextEvent[],
  unless?: Instance['state'],
): Promise<Instance> {
  if (unless !== undefined) {
    const now = await getInstance(database, id)
    if (now?.state === unless) return now
  }
  const columns = toChangedColumns(change)
  if (Object.keys(columns).length > 0)
    await database.updateTable('instances').set(columns).where('id', '=', id).execute()
  if (change.spec) {
    await database.deleteFrom('instance_bytes').where('instance_id', '=', id).execute()
    await insertBytes(database, id, change.spec)
  }
  const instance = await getInstance(database, id)
  if (!instance) throw new CloudError('not-found', `there is no instance ${id}`)
  await appendEvents(database, events)
  return instance
}

/** Events are recorded by the deletion that finds the instance; later ones have nothing to tell. */
export async function deleteInstance(
  database: Database,
  id: string,
  events: readonly ContextEvent[],
  neverWas: boolean,
): Promise<void> {
  const deleted = await database
    .deleteFrom('instances')
    .where('id', '=', id)
    .returning(['project', 'provider', 'spec_json'])
    .executeTakeFirst()
  if (neverWas) {
    await database.deleteFrom('events').where('instance_id', '=', id).execute()
    await database.deleteFrom('idempotency_keys').where('instance_id', '=', id).execute()
  } else if (deleted) {
    const { project, provider, spec_json } = deleted
    const { name = null } = JSON.parse(spec_json) as { readonly name?: string }
    const was = { project, provider, name }
    await database
      .insertInto('deleted_instances')
      .values({ id, ...was })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(was))
      .execute()
    await appendEvents(database, events)
  }
}

export async function getInstance(database: Database, id: string): Promise<Instance | undefined> {
  const row = await database.selectFrom('instances').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) return undefined
  const bytes = await database.selectFrom('instance_bytes').selectAll().where('instance_id', '=', id).execute()
  return fromRow(row, bytes)
}

export async function listInstances(database: Database, filter: InstanceFilter): Promise<readonly Instance[]> {
  if (filter.states?.length === 0) return []
  let query = database.selectFrom('instances').selectAll().orderBy('created_at').orderBy('id')
  if (filter.project !== undefined) query = query.where('project', '=', filter.project)
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider)
  if (filter.remoteId !== undefined) query = query.where('remote_id', '=', filter.remoteId)
  if (filter.states) query = query.where('state', 'in', filter.states)
  const rows = await query.execute()
  return rows.map((row) => fromRow(row))
}
