import type { Selectable } from 'kysely'
import type { StoredDocument } from '../model/document.ts'
import { CloudError } from '../model/errors.ts'
import type { DocumentChange, DocumentFilter } from './store.ts'
import type { Database, DocumentTable } from './tables.ts'

/** What lists load. */
const LISTED = ['id', 'sort', 'subject', 'project', 'body', 'created_at', 'updated_at'] as const

/** @param max how many of this sort one owner may have */
export async function insertDocument(database: Database, document: StoredDocument, max: number): Promise<void> {
  const { id, sort, subject, project, body, bytes = null, createdAt, updatedAt } = document
  if ((await countDocuments(database, document)) >= max)
    throw new CloudError('conflict', `there are ${max} of ${sort}, as many as one user may have: delete one first`)
  const inserted = await database
    .insertInto('documents')
    .values({ id, sort, subject, project, body, created_at: createdAt, updated_at: updatedAt, bytes })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted) throw new CloudError('conflict', `the id ${id} is taken: choose another, or leave it out to get one`)
}

async function countDocuments(database: Database, { sort, project, subject }: DocumentFilter): Promise<number> {
  const { count } = await database
    .selectFrom('documents')
    .select((expression) => expression.fn.countAll().as('count'))
    .where('sort', '=', sort)
    .where('project', '=', project)
    .where('subject', '=', subject)
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function updateDocument(
  database: Database,
  id: string,
  { body, bytes, updatedAt }: DocumentChange,
): Promise<StoredDocument> {
  const row = await database
    .updateTable('documents')
    .set({ body, updated_at: updatedAt, ...(bytes === undefined ? {} : { bytes }) })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  if (row) return fromRow(row)
  throw new CloudError('not-found', `there is no document ${id}`)
}

export async function deleteDocument(database: Database, id: string): Promise<void> {
  await database.deleteFrom('documents').where('id', '=', id).execute()
}

export async function getDocument(database: Database, id: string): Promise<StoredDocument | undefined> {
  const row = await database.selectFrom('documents').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

export async function listDocuments(
  database: Database,
  { sort, project, subject }: DocumentFilter,
): Promise<readonly StoredDocument[]> {
  const rows = await database
    .selectFrom('documents')
    .select(LISTED)
    .where('sort', '=', sort)
    .where('project', '=', project)
    .where('subject', '=', subject)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map((row) => fromRow({ ...row, bytes: null }))
}

function fromRow({ created_at, updated_at, bytes, ...row }: Selectable<DocumentTable>): StoredDocument {
  return { ...row, ...(bytes === null ? {} : { bytes }), createdAt: created_at, updatedAt: updated_at }
}
