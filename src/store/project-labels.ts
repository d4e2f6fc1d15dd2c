import type { Database } from './tables.ts'

export async function listProjectLabels(
  database: Database,
  project: string,
): Promise<Readonly<Record<string, string>>> {
  const rows = await database
    .selectFrom('project_labels')
    .select(['key', 'value'])
    .where('project', '=', project)
    .orderBy('key')
    .execute()
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]))
}

/** @returns whether it is kept: the first one stands */
export async function addProjectLabel(
  database: Database,
  project: string,
  key: string,
  value: string,
): Promise<boolean> {
  const kept = await database
    .insertInto('project_labels')
    .values({ project, key, value })
    .onConflict((conflict) => conflict.columns(['project', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst()
  return kept !== undefined
}

export async function deleteProjectLabel(database: Database, project: string, key: string): Promise<void> {
  await database.deleteFrom('project_labels').where('project', '=', project).where('key', '=', key).execute()
}
