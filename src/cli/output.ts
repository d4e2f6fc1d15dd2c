import { CloudError } from '../model/errors.ts'

/** Data, for pipes: stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Talk, for people: stderr. */
export function talk(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A document for programs; its keys are stable. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}

/** Rows with their columns lined up; the last column is not padded. `right` names the columns of numbers, from 0. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, index) => {
          const width = widths[index] ?? 0
          if (right.includes(index)) return cell.padStart(width)
          return index === row.length - 1 ? cell : cell.padEnd(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A number of bytes for people: `312 B`, `1.4 KiB`, `8.0 MiB`. */
export function sizeText(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${sizeBytes} B`
  if (sizeBytes < 1024 ** 2) return `${(sizeBytes / 1024).toFixed(1)} KiB`
  return `${(sizeBytes / 1024 ** 2).toFixed(1)} MiB`
}

/** Milliseconds from a duration such as `90s`, `2m`, `1500ms` or `120` (seconds). @throws {CloudError} invalid */
export function toMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? Number.NaN
  const ms = Number(match?.[1]) * unitMs
  if (!(ms > 0)) throw new CloudError('invalid', `"${text}" is not a duration; write 90s, 2m or 1500ms`)
  return ms
}
