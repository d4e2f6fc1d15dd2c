import { CloudError } from '../model/errors.ts'
import { toResourceRow, type Resource } from './resource-rows.ts'
import type { ResourceChange, ResourceFilter, Resources } from './store.ts'
import type { Database, ResourceTable } from './tables.ts'

export async function insertResource(database: Database, kind: keyof Resources, resource: Resource): Promise<void> {
  if ('instanceId' in resource) await requireInstance(database, resource.instanceId)
  const row = toResourceRow(kind, resource)
  const inserted = await database
    .insertInto('resources')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (inserted) return
  await refuseTaken(database, row, resource)
  throw new CloudError('conflict', `the id ${resource.id} is taken: choose another, or leave it out to get one`)
}

/** Whoever attaches to an instance that is just being deleted would leave a link that nobody can take away. */
async function requireInstance(database: Database, id: string): Promise<void> {
  const instance = await database.selectFrom('instances').select('id').where('id', '=', id).executeTakeFirst()
  if (!instance) throw new CloudError('not-found', `there is no instance ${id}`)
}

/** @throws {CloudError} conflict when another resource has what only one can have */
async function refuseTaken(database: Database, { id, unique_key }: ResourceTable, resource: Resource): Promise<void> {
  if (unique_key === null || !('instanceId' in resource)) return
  const holder = await database
    .selectFrom('resources')
    .select('instance_id')
    .where('unique_key', '=', unique_key)
    .where('id', '!=', id)
    .executeTakeFirst()
  if (!holder) return
  if (resource.kind === 'volume')
    throw new CloudError(
      'conflict',
      `volume ${resource.volumeId} is attached to instance ${holder.instance_id} already: take that link away first`,
    )
  // A network may be of many projects: whose address it is, is not said.
  throw new CloudError(
    'conflict',
    `address ${resource.address} is taken on network ${resource.networkId}: choose another, or leave it out to get one`,
  )
}

export async function updateResource<K extends keyof Resources>(
  database: Database,
  kind: K,
  id: string,
  change: ResourceChange<Resource>,
): Promise<Resources[K]> {
  const known = await getResource(database, kind, id)
  if (!known) throw new CloudError('not-found', `there is no ${kind} ${id}`)
  const { reason: explained, ...rest } = known
  const reason = change.state === undefined ? explained : undefined
  // JSON drops what is undefined.
  const changed = JSON.parse(JSON.stringify({ ...rest, reason, ...change })) as Resources[K]
  const row = toResourceRow(kind, changed)
  await refuseTaken(database, row, changed)
  await database.updateTable('resources').set(row).where('id', '=', id).execute()
  return changed
}

export async function deleteResource(database: Database, kind: keyof Resources, id: string): Promise<void> {
  await database.deleteFrom('resources').where('kind', '=', kind).where('id', '=', id).execute()
}

export async function getResource<K extends keyof Resources>(
  database: Database,
  kind: K,
  id: string,
): Promise<Resources[K] | undefined> {
  const row = await database
    .selectFrom('resources')
    .select('body_json')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && (JSON.parse(row.body_json) as Resources[K])
}

export async function listResources<K extends keyof Resources>(
  database: Database,
  kind: K,
  filter: ResourceFilter,
): Promise<readonly Resources[K][]> {
  if (filter.states?.length === 0) return []
  let query = database
    .selectFrom('resources')
    .select('body_json')
    .where('kind', '=', kind)
    .orderBy('created_at')
    .orderBy('id')
  if (filter.project !== undefined) query = query.where('project', '=', filter.project)
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider)
  if (filter.states) query = query.where('state', 'in', filter.states)
  if (filter.instanceId !== undefined) query = query.where('instance_id', '=', filter.instanceId)
  if (filter.targetId !== undefined) query = query.where('target_id', '=', filter.targetId)
  const rows = await query.execute()
  return rows.map(({ body_json }) => JSON.parse(body_json) as Resources[K])
}
