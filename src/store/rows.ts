import type { Selectable } from 'kysely'
import type { InjectedFile } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import type { Instance, InstanceSpec } from '../model/instance.ts'
import type { InstanceChange } from './store.ts'
import type { InstanceBytesTable, InstanceTable } from './tables.ts'

/** A spec as its JSON column holds it: the bytes stand in their own table. */
type SpecWithoutBytes = Omit<InstanceSpec, 'userData' | 'files'> & { readonly files: readonly FileWithoutBytes[] }
type FileWithoutBytes = Omit<InjectedFile, 'bytes'>

const USER_DATA_POSITION = 0
const FIRST_FILE_POSITION = 1

/** The row of a new instance: no lease yet. */
export function toRow(instance: Instance): InstanceTable {
  return {
    id: instance.id,
    provider: instance.provider,
    remote_id: instance.remoteId ?? null,
    subject: instance.subject,
    project: instance.project,
    state: instance.state,
    reason: instance.reason ?? null,
    spec_json: toSpecJson(instance.spec),
    image_json: JSON.stringify(instance.image),
    size_json: JSON.stringify(instance.size),
    plan_json: JSON.stringify(instance.plan),
    facts_json: JSON.stringify(instance.facts),
    guest_id: instance.guestId ?? null,
    network_json: instance.network ? JSON.stringify(instance.network) : null,
    console_from: instance.consoleFrom ?? null,
    revision: instance.revision,
    user_data_sha256: instance.userDataSha256 ?? null,
    lease_holder: null,
    lease_until: null,
    created_at: instance.createdAt,
    updated_at: instance.updatedAt,
  }
}

/** The columns that `change` touches. */
export function toChangedColumns(change: InstanceChange): Partial<InstanceTable> {
  return {
    ...(change.remoteId === undefined ? {} : { remote_id: change.remoteId }),
    ...(change.state === undefined ? {} : { state: change.state, reason: null }),
    ...(change.reason === undefined ? {} : { reason: change.reason }),
    ...(change.revision === undefined ? {} : { revision: change.revision }),
    ...(change.plan === undefined ? {} : { plan_json: JSON.stringify(change.plan) }),
    ...(change.facts === undefined ? {} : { facts_json: JSON.stringify(change.facts) }),
    ...(change.guestId === undefined ? {} : { guest_id: change.guestId }),
    ...(change.network === undefined ? {} : { network_json: JSON.stringify(change.network) }),
    ...(change.consoleFrom === undefined ? {} : { console_from: change.consoleFrom }),
    ...(change.updatedAt === undefined ? {} : { updated_at: change.updatedAt }),
    ...(change.spec === undefined ? {} : toSpecColumns(change.spec)),
  }
}

function toSpecColumns(spec: InstanceSpec): Partial<InstanceTable> {
  return { spec_json: toSpecJson(spec), user_data_sha256: spec.userData ? sha256(spec.userData) : null }
}

function toSpecJson({ userData: _, files, ...rest }: InstanceSpec): string {
  const spec: SpecWithoutBytes = { ...rest, files: files.map(({ bytes: _, ...file }) => file) }
  return JSON.stringify(spec)
}

/** The user's bytes of `spec`, to stand beside the row. */
export function toBytesRows(instanceId: string, spec: InstanceSpec): readonly InstanceBytesTable[] {
  const files = spec.files.map(({ bytes }, index) => ({
    instance_id: instanceId,
    position: FIRST_FILE_POSITION + index,
    bytes,
  }))
  return spec.userData
    ? [{ instance_id: instanceId, position: USER_DATA_POSITION, bytes: spec.userData }, ...files]
    : files
}

/** @param bytes what {@link toBytesRows} gave; `undefined` reads an instance as lists show it: without any */
export function fromRow(row: Selectable<InstanceTable>, bytes?: readonly Selectable<InstanceBytesTable>[]): Instance {
  return {
    id: row.id,
    provider: row.provider,
    ...(row.remote_id === null ? {} : { remoteId: row.remote_id }),
    subject: row.subject,
    project: row.project,
    state: row.state as Instance['state'],
    ...(row.reason === null ? {} : { reason: row.reason }),
    spec: fromSpecJson(row.spec_json, bytes),
    image: JSON.parse(row.image_json) as Instance['image'],
    size: JSON.parse(row.size_json) as Instance['size'],
    plan: JSON.parse(row.plan_json) as Instance['plan'],
    revision: row.revision,
    facts: JSON.parse(row.facts_json) as Instance['facts'],
    ...(row.guest_id === null ? {} : { guestId: row.guest_id }),
    ...(row.network_json === null ? {} : { network: JSON.parse(row.network_json) as NonNullable<Instance['network']> }),
    ...(row.console_from === null ? {} : { consoleFrom: row.console_from }),
    ...(row.user_data_sha256 === null ? {} : { userDataSha256: row.user_data_sha256 }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function fromSpecJson(json: string, rows?: readonly Selectable<InstanceBytesTable>[]): InstanceSpec {
  const { files, ...rest } = JSON.parse(json) as SpecWithoutBytes
  if (!rows) return { ...rest, files: [] }
  const at = new Map(rows.map(({ position, bytes }) => [position, bytes]))
  const userData = at.get(USER_DATA_POSITION)
  return {
    ...rest,
    ...(userData ? { userData } : {}),
    files: files.map((file, index) => ({ ...file, bytes: bytesOf(at, FIRST_FILE_POSITION + index) })),
  }
}

function bytesOf(at: ReadonlyMap<number, Uint8Array>, position: number): Uint8Array {
  const bytes = at.get(position)
  if (!bytes) throw new Error(`the store has lost the bytes of file ${position}`)
  return bytes
}
