import type { CloudError, ErrorCode } from '../../model/errors.ts'
import { STATUS } from '../guard.ts'
import type { Outcome } from './representation.ts'

/** After how many seconds a client may ask again. */
const RETRY_AFTER: Readonly<Partial<Record<ErrorCode, number>>> = { unavailable: 5, 'rate-limited': 5, timeout: 5 }

/** A refusal in OCCI's terms. */
export function fromError(error: CloudError): Outcome {
  const retryAfter = RETRY_AFTER[error.code]
  return refusal(STATUS[error.code], error.message, retryAfter === undefined ? [] : [['Retry-After', `${retryAfter}`]])
}

/** A refusal that only HTTP has (405, 406), or with a status of its own. OCCI has no error object: it is one line of text. */
export function refusal(status: number, message: string, headers: NonNullable<Outcome['headers']> = []): Outcome {
  return { status, answer: { shows: 'error', message: message.replaceAll(/[\0-\x1F\x7F]+/g, ' ') }, headers }
}
