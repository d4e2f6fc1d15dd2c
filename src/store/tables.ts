import type { Generated, Kysely } from 'kysely'

/** A connection, or an open transaction, on the tables below. */
export type Database = Kysely<Tables>

/** The schema as the newest migration leaves it. Times are milliseconds since the epoch; `*_json` columns hold JSON text. */
export interface Tables {
  migrations: MigrationTable
  instances: InstanceTable
  instance_bytes: InstanceBytesTable
  idempotency_keys: IdempotencyKeyTable
  events: EventTable
  template_names: TemplateNameTable
  secrets: SecretTable
  guest_passwords: GuestPasswordTable
  resources: ResourceTable
  project_labels: ProjectLabelTable
  documents: DocumentTable
  webhooks: WebhookTable
  deleted_instances: DeletedInstanceTable
}

interface MigrationTable {
  number: number
  name: string
  applied_at: number
}

/** One row of an instance, without any bytes of the user. */
export interface InstanceTable {
  id: string
  provider: string
  remote_id: string | null
  subject: string
  project: string
  state: string
  reason: string | null
  spec_json: string
  image_json: string
  size_json: string
  plan_json: string
  facts_json: string
  /** Apart from the facts: who tells of a machine writes these whole, and knows nothing of it. */
  guest_id: string | null
  network_json: string | null
  console_from: number | null
  revision: number
  user_data_sha256: string | null
  lease_holder: string | null
  lease_until: number | null
  created_at: number
  updated_at: number
}

/** The user's bytes apart from the rest, so that lists never load them. Position 0 is the user data, 1… are the files. */
export interface InstanceBytesTable {
  instance_id: string
  position: number
  bytes: Uint8Array
}

/** Outlives its instance, so that a late retry does not start a second one. */
interface IdempotencyKeyTable {
  project: string
  key: string
  instance_id: string
}

/** Outlives its instance. `sequence` is the order of recording. */
interface EventTable {
  sequence: Generated<number>
  instance_id: string
  at: number
  event_json: string
  /** The event's revision, where our metadata server saw that the guest fetched its user data. */
  fetched_revision: number | null
}

interface TemplateNameTable {
  kind: string
  provider: string
  remote_id: string
  name: string
}

interface SecretTable {
  name: string
  bytes: Uint8Array
}

/** Goes with its instance. */
interface GuestPasswordTable {
  instance_id: string
  bytes: Uint8Array
}

/** A volume, network or link as `body_json`; the other columns are what it is found by. A link goes with its instance. */
export interface ResourceTable {
  id: string
  kind: string
  /** None where it is for all. */
  project: string | null
  provider: string
  state: string
  instance_id: string | null
  target_id: string | null
  /** What no two resources can have. */
  unique_key: string | null
  body_json: string
  created_at: number
}

interface ProjectLabelTable {
  project: string
  key: string
  value: string
}

/** `bytes` is the last column: SQLite reads a row no further than it must, so lists never touch it. */
export interface DocumentTable {
  id: string
  sort: string
  subject: string
  project: string
  body: string
  created_at: number
  updated_at: number
  bytes: Uint8Array | null
}

/** `after` is the sequence of the last event before which nothing is left to be told. */
export interface WebhookTable {
  id: string
  project: string
  subject: string
  url: string
  kinds_json: string
  secret: Uint8Array
  after: number
  /** How its last tries went. */
  progress_json: string
  /** Who tells its events, and until when. */
  lease_holder: string | null
  lease_until: number | null
  created_at: number
}

/** Whose it was, for as long as its events stay. */
interface DeletedInstanceTable {
  id: string
  project: string
  provider: string
  name: string | null
}
