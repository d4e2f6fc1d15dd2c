import { may } from './access.ts'
import { refusal, type Owned, type User } from './model.ts'

/** Which of a pool are asked for: whose, and which ids or rows. */
export interface Asked {
  readonly filter: number
  readonly start: number
  readonly end: number
}

/**
 * Those of a pool that are asked for and may be used, the newest first.
 *
 * @throws {Refusal} 4096 when the filter is none
 */
export function chosen<T extends Owned>(pool: readonly T[], user: User, { filter, start, end }: Asked): readonly T[] {
  if (filter < -4) throw refusal(4096, 'Incorrect filter_flag')
  const seen = pool.filter((one) => isAsked(one, user, filter) && may(user, 'USE', one)).toReversed()
  if (end < -1) return seen.slice(Math.max(0, start), Math.max(0, start) - end)
  return seen.filter(({ id }) => (start < 0 || id >= start) && (end < 0 || id <= end))
}

function isAsked({ owner }: Owned, user: User, filter: number): boolean {
  switch (filter) {
    case -4:
      return owner.groupId === user.groupId
    case -3:
      return owner.id === user.id
    case -2:
      return true
    case -1:
      return owner.id === user.id || owner.groupId === user.groupId
    default:
      return owner.id === filter
  }
}
