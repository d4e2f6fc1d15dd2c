const FIRST_MS = 5000
const LONGEST_MS = 3_600_000
/** A receiver may not ask for more. */
const ASKED_MAX_MS = 24 * LONGEST_MS

/**
 * How long a receiver is left alone, in milliseconds: from 5 s to an hour, four times as long with each failure, less up to half of it by
 * chance, so that many that failed together do not come back together.
 *
 * @param failures how often it failed in a row, from 1
 * @param askedMs what it asks for itself
 */
export function pauseMs(failures: number, askedMs: number, random: () => number): number {
  const grownMs = Math.min(LONGEST_MS, FIRST_MS * 4 ** (failures - 1)) * (0.5 + random() / 2)
  return Math.max(grownMs, Math.min(ASKED_MAX_MS, askedMs))
}
