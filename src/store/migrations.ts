import type { ColumnDefinitionBuilder } from 'kysely'
import { CloudError } from '../model/errors.ts'
import type { Database } from './tables.ts'

/** The few words in which the SQL databases differ. */
export interface ColumnTypes {
  readonly bytes: 'blob' | 'bytea'
  /** Whole numbers up to 2^53. */
  readonly integer: 'integer' | 'bigint'
  /** Makes a primary key that counts upwards and never reuses a number. */
  counter(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
}

interface Migration {
  readonly name: string
  up(database: Database, types: ColumnTypes): Promise<void>
}

/**
 * Numbered from 1 by their place here. What was released is never edited: a change is a new entry at the end.
 */
const MIGRATIONS: readonly Migration[] = [
  { name: 'first tables', up: firstTables },
  { name: 'resources and project labels', up: resourcesAndProjectLabels },
  { name: 'documents', up: documents },
  { name: "instances by their cloud's id", up: instancesByRemoteId },
  { name: 'data that come in the place of others', up: laterData },
  { name: 'webhooks, and whose deleted instances were', up: webhooks },
  { name: 'what guests have fetched', up: fetchedRevisions },
  { name: 'who tells a webhook', up: webhookLeases },
]

/**
 * Brings the schema to the newest version. The caller holds a transaction that keeps other writers out.
 *
 * @throws {CloudError} unsupported when a newer Bellhop has written the database
 */
export async function migrate(database: Database, types: ColumnTypes): Promise<void> {
  await database.schema
    .createTable('migrations')
    .ifNotExists()
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_at', types.integer, (column) => column.notNull())
    .execute()
  const row = await database
    .selectFrom('migrations')
    .select((expression) => expression.fn.max('number').as('newest'))
    .executeTakeFirst()
  const version = row?.newest ?? 0
  if (version > MIGRATIONS.length)
    throw new CloudError(
      'unsupported',
      `the store's schema has version ${version}; this Bellhop knows up to ${MIGRATIONS.length}: run the newer Bellhop, or restore the backup made before its upgrade`,
    )
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue
    await migration.up(database, types)
    await database
      .insertInto('migrations')
      .values({ number: index + 1, name: migration.name, applied_at: Date.now() })
      .execute()
  }
}

async function firstTables({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema
    .createTable('instances')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('remote_id', 'text')
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('spec_json', 'text', (column) => column.notNull())
    .addColumn('image_json', 'text', (column) => column.notNull())
    .addColumn('size_json', 'text', (column) => column.notNull())
    .addColumn('plan_json', 'text', (column) => column.notNull())
    .addColumn('facts_json', 'text', (column) => column.notNull())
    .addColumn('network_json', 'text')
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('user_data_sha256', 'text')
    .addColumn('lease_holder', 'text')
    .addColumn('lease_until', types.integer)
    .addColumn('created_at', types.integer, (column) => column.notNull())
    .addColumn('updated_at', types.integer, (column) => column.notNull())
    .execute()
  await schema.createIndex('instances_by_project').on('instances').columns(['project', 'created_at', 'id']).execute()
  await schema.createIndex('instances_by_provider').on('instances').columns(['provider', 'created_at', 'id']).execute()
  await schema.createIndex('instances_by_state').on('instances').columns(['state', 'created_at', 'id']).execute()

  await schema
    .createTable('instance_bytes')
    .addColumn('instance_id', 'text', (column) => column.notNull().references('instances.id').onDelete('cascade'))
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('bytes', types.bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('instance_bytes_key', ['instance_id', 'position'])
    .execute()

  await schema
    .createTable('guest_passwords')
    .addColumn('instance_id', 'text', (column) => column.primaryKey().references('instances.id').onDelete('cascade'))
    .addColumn('bytes', types.bytes, (column) => column.notNull())
    .execute()

  await schema
    .createTable('idempotency_keys')
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('instance_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('idempotency_keys_key', ['project', 'key'])
    .execute()
  await schema.createIndex('idempotency_keys_by_instance').on('idempotency_keys').column('instance_id').execute()

  await schema
    .createTable('events')
    .addColumn('sequence', types.integer, (column) => types.counter(column))
    .addColumn('instance_id', 'text', (column) => column.notNull())
    .addColumn('at', types.integer, (column) => column.notNull())
    .addColumn('event_json', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('events_by_instance').on('events').columns(['instance_id', 'sequence']).execute()

  await schema
    .createTable('template_names')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('remote_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('template_names_key', ['kind', 'provider', 'remote_id'])
    .addUniqueConstraint('template_names_unique', ['kind', 'name'])
    .execute()

  await schema
    .createTable('secrets')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('bytes', types.bytes, (column) => column.notNull())
    .execute()
}

async function resourcesAndProjectLabels({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema
    .createTable('resources')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('project', 'text')
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('instance_id', 'text', (column) => column.references('instances.id').onDelete('cascade'))
    .addColumn('target_id', 'text')
    .addColumn('unique_key', 'text', (column) => column.unique())
    .addColumn('body_json', 'text', (column) => column.notNull())
    .addColumn('created_at', types.integer, (column) => column.notNull())
    .execute()
  const resources = (by: string) => schema.createIndex(`resources_by_${by}`).on('resources')
  await resources('project').columns(['kind', 'project', 'created_at', 'id']).execute()
  await resources('provider').columns(['kind', 'provider', 'created_at', 'id']).execute()
  await resources('state').columns(['kind', 'state', 'created_at', 'id']).execute()
  await resources('instance').column('instance_id').execute()
  await resources('target').column('target_id').execute()

  await schema
    .createTable('project_labels')
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('project_labels_key', ['project', 'key'])
    .execute()
}

async function documents({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema
    .createTable('documents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('sort', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('created_at', types.integer, (column) => column.notNull())
    .addColumn('updated_at', types.integer, (column) => column.notNull())
    .addColumn('bytes', types.bytes)
    .execute()
  await schema
    .createIndex('documents_by_owner')
    .on('documents')
    .columns(['project', 'subject', 'sort', 'created_at', 'id'])
    .execute()
}

async function instancesByRemoteId({ schema }: Database): Promise<void> {
  await schema.createIndex('instances_by_remote_id').on('instances').columns(['provider', 'remote_id']).execute()
}

async function laterData({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema.alterTable('instances').addColumn('guest_id', 'text').execute()
  await schema.alterTable('instances').addColumn('console_from', types.integer).execute()
}

async function webhooks({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema
    .createTable('webhooks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('kinds_json', 'text', (column) => column.notNull())
    .addColumn('secret', types.bytes, (column) => column.notNull())
    .addColumn('after', types.integer, (column) => column.notNull())
    .addColumn('progress_json', 'text', (column) => column.notNull())
    .addColumn('created_at', types.integer, (column) => column.notNull())
    .execute()
  await schema.createIndex('webhooks_by_project').on('webhooks').columns(['project', 'created_at', 'id']).execute()
  await schema
    .createTable('deleted_instances')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('provider', 'text', (column) => column.notNull())
    .addColumn('name', 'text')
    .execute()
}

/** A partial index: of a guest's events few are that it fetched its user data. */
async function fetchedRevisions(database: Database): Promise<void> {
  await database.schema.alterTable('events').addColumn('fetched_revision', 'integer').execute()
  await database.schema
    .createIndex('events_fetched')
    .on('events')
    .columns(['instance_id', 'fetched_revision'])
    .where('fetched_revision', 'is not', null)
    .execute()
  for (let after = 0; ;) {
    const rows = await database
      .selectFrom('events')
      .select(['sequence', 'event_json'])
      .where('sequence', '>', after)
      .where('event_json', 'like', '%"kind":"fetched"%')
      .orderBy('sequence')
      .limit(1000)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    for (const { sequence, event_json } of rows) {
      const { kind, source, revision } = JSON.parse(event_json) as Record<string, unknown>
      if (kind === 'fetched' && source === 'metadata' && typeof revision === 'number')
        await database
          .updateTable('events')
          .set({ fetched_revision: revision })
          .where('sequence', '=', sequence)
          .execute()
    }
    after = last.sequence
  }
}

async function webhookLeases({ schema }: Database, types: ColumnTypes): Promise<void> {
  await schema.alterTable('webhooks').addColumn('lease_holder', 'text').execute()
  await schema.alterTable('webhooks').addColumn('lease_until', types.integer).execute()
}
