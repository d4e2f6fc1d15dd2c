import type { Database } from './tables.ts'

/** What one node alone works on, by its table. */
type Leased = 'instances' | 'webhooks'

/** Who wants a lease; times in milliseconds since the epoch. */
export interface Claim {
  readonly holder: string
  readonly untilMs: number
  readonly nowMs: number
}

/** @returns whether it is the holder's now: it was free, had run out, or was the holder's already */
export async function takeLease(
  database: Database,
  table: Leased,
  id: string,
  { holder, untilMs, nowMs }: Claim,
): Promise<boolean> {
  const taken = await database
    .updateTable(table)
    .set({ lease_holder: holder, lease_until: untilMs })
    .where('id', '=', id)
    .where((lease) =>
      lease.or([
        lease('lease_holder', 'is', null),
        lease('lease_holder', '=', holder),
        lease('lease_until', '<=', nowMs),
      ]),
    )
    .returning('id')
    .executeTakeFirst()
  return taken !== undefined
}

/** @param id absent: all that the holder has in this table */
export async function dropLeases(database: Database, table: Leased, holder: string, id?: string): Promise<void> {
  const leases = database
    .updateTable(table)
    .set({ lease_holder: null, lease_until: null })
    .where('lease_holder', '=', holder)
  await (id === undefined ? leases : leases.where('id', '=', id)).execute()
}
