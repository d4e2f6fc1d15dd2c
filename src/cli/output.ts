import { cleanLine, oneLine } from '../formats/lines.ts'
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
  print(jsonText(value, 2))
}

/** The same as one line, for programs that read line by line. */
export function printJsonLine(value: unknown): void {
  print(jsonText(value))
}

/** JSON in which nothing speaks to a terminal: its own escapes leave C1 controls and what turns text around as they are. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(/[^\P{C}\n]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

const VALUE_MAX_CHARACTERS = 200

/** A value of others as a part of one line: what a guest, a disk or a cloud says must not speak to the terminal. */
export function printable(text: string): string {
  return oneLine(text, VALUE_MAX_CHARACTERS)
}

/** A whole line of a guest's console without what a terminal would obey; tabs stay. */
export function consoleLine(line: string): string {
  return cleanLine(line).replaceAll(/[\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
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

/** How long something is past, for people: `12 s`, `5 min`, `3 h`, `2 d`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Milliseconds from a duration such as `90s`, `2m`, `1500ms` or `120` (seconds). @throws {CloudError} invalid */
export function toMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? Number.NaN
  const ms = Number(match?.[1]) * unitMs
  if (!(ms > 0)) throw new CloudError('invalid', `"${text}" is not a duration; write 90s, 2m or 1500ms`)
  return ms
}
