import type { Database } from './tables.ts'

export async function findSecret(database: Database, name: string): Promise<Uint8Array | undefined> {
  const row = await database.selectFrom('secrets').select('bytes').where('name', '=', name).executeTakeFirst()
  return row?.bytes
}

/** Keeps `fresh` under `name` unless another was first. @returns the one that is kept */
export async function keepSecret(database: Database, name: string, fresh: Uint8Array): Promise<Uint8Array> {
  const row = await database
    .insertInto('secrets')
    .values({ name, bytes: fresh })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('bytes')
    .executeTakeFirst()
  return row?.bytes ?? (await findSecret(database, name)) ?? fresh
}
