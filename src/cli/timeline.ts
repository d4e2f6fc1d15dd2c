import type { ContextEvent } from '../model/events.ts'
import { printable, sizeText } from './output.ts'

/** One event as a line: when (since `sinceMs`), what, which way, who saw it, details. */
export function timelineLine(event: ContextEvent, sinceMs: number): string {
  const { at, kind, method = '', source, path, bytes, sha256, exitCode, detail } = event
  const more = [
    path === undefined ? undefined : printable(path),
    bytes === undefined ? undefined : sizeText(bytes),
    exitCode === undefined ? undefined : `exit code ${exitCode}`,
    // What is planned is the same for all ways; its digest stands above.
    sha256 === undefined || kind === 'planned' ? undefined : `sha256 ${sha256.slice(0, 12)}…`,
    detail === undefined ? undefined : printable(detail),
  ]
  return [
    elapsedText(at - sinceMs).padStart(8),
    kind.padEnd(8),
    method.padEnd(8),
    source.padEnd(10),
    more.filter((part) => part !== undefined && part !== '').join('  '),
  ]
    .join('  ')
    .trimEnd()
}

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

/** A boot is told in tenths of seconds; what comes later need not be so fine: `16m40s`, `3h12m`, `2d5h`. */
function elapsedText(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 1000) return `${seconds.toFixed(1)} s`
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)}m${Math.floor(seconds % MINUTE_S)}s`
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)}h${Math.floor((seconds % HOUR_S) / MINUTE_S)}m`
  return `${Math.floor(seconds / DAY_S)}d${Math.floor((seconds % DAY_S) / HOUR_S)}h`
}
