/** When something was last recorded, and how long it is not to be recorded again. One is kept with each answer that is kept. */
export interface Mark {
  /** Milliseconds since the epoch. */
  recordedAt: number
  quietMs: number
}

/** What an instance was last seen to fetch of its user data, by whatever path. */
export interface Fetch {
  /** Absent before the first time. */
  revision?: number
}

/** cloud-init asks several times in a boot: that is one thing. */
const QUIET_MS = 60_000
const QUIET_MAX_MS = 3_600_000

/** Of something that was not recorded yet. */
export function newMark(): Mark {
  return { recordedAt: -Infinity, quietMs: QUIET_MS }
}

/** Whether it is to be recorded at `now`. */
export function isDue({ recordedAt, quietMs }: Mark, now: number): boolean {
  return now - recordedAt >= quietMs
}

/** It was recorded. A guest that asks and asks is recorded half as often each time; one that comes again later is as new. */
export function remember(mark: Mark, now: number): void {
  const asksOnAndOn = now - mark.recordedAt < 2 * mark.quietMs
  mark.quietMs = asksOnAndOn ? Math.min(2 * mark.quietMs, QUIET_MAX_MS) : QUIET_MS
  mark.recordedAt = now
}
