import type { Database } from './tables.ts'

export async function findGuestPassword(database: Database, instanceId: string): Promise<Uint8Array | undefined> {
  const row = await database
    .selectFrom('guest_passwords')
    .select('bytes')
    .where('instance_id', '=', instanceId)
    .executeTakeFirst()
  return row?.bytes
}

/** @returns whether it is kept: the first one stands, and there is none without its instance */
export async function keepGuestPassword(database: Database, instanceId: string, bytes: Uint8Array): Promise<boolean> {
  const owner = await database.selectFrom('instances').select('id').where('id', '=', instanceId).executeTakeFirst()
  if (!owner) return false
  const kept = await database
    .insertInto('guest_passwords')
    .values({ instance_id: instanceId, bytes })
    .onConflict((conflict) => conflict.column('instance_id').doNothing())
    .returning('instance_id')
    .executeTakeFirst()
  return kept !== undefined
}
