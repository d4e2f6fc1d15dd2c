import type { ErrorCode } from '../model/errors.ts'

/** Why a call was not done: OpenNebula refused it, or the library below it did, and then the method did not run. */
export interface OneRefusal {
  readonly by: 'opennebula' | 'library'
  readonly number: number
  /** Whatever was sent may be in it. */
  readonly message: string
}

/** What a refusal means that has this number and, where the row has one, this text in it. */
export interface RefusalRow {
  readonly number: number
  readonly says?: RegExp
  readonly code: ErrorCode
}

/** What the library refuses, in all versions. @see xmlrpc-c, xmlrpc-c/base.h: fault codes */
export const FAULTS: readonly RefusalRow[] = [
  { number: -503, code: 'invalid' },
  { number: -506, code: 'unsupported' },
]

/** The first row that is of a refusal; nothing where it means no more than that the cloud failed. */
export function rowOf<Row extends RefusalRow>(
  rows: readonly Row[],
  { number, message }: Pick<OneRefusal, 'number' | 'message'>,
): Row | undefined {
  return rows.find((row) => row.number === number && (row.says?.test(message) ?? true))
}
