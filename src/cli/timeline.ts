import type { ContextEvent } from '../model/events.ts'
import { sizeText } from './output.ts'

/** One event as a line: when (seconds since `sinceMs`), what, which way, who saw it, details. */
export function timelineLine(event: ContextEvent, sinceMs: number): string {
  const { at, kind, method = '', source, path, bytes, sha256, exitCode, detail } = event
  const more = [
    path,
    bytes === undefined ? undefined : sizeText(bytes),
    exitCode === undefined ? undefined : `exit code ${exitCode}`,
    // What is planned is the same for all ways; its digest stands above.
    sha256 === undefined || kind === 'planned' ? undefined : `sha256 ${sha256.slice(0, 12)}…`,
    detail,
  ]
  return [
    `${((at - sinceMs) / 1000).toFixed(1)} s`.padStart(8),
    kind.padEnd(8),
    method.padEnd(8),
    source.padEnd(10),
    more.filter((part) => part !== undefined && part !== '').join('  '),
  ]
    .join('  ')
    .trimEnd()
}
