import type { CloudError } from '../../model/errors.ts'
import { retryHeaders, STATUS } from '../guard.ts'
import type { Outcome } from './representation.ts'

/** A refusal in OCCI's terms. */
export function fromError(error: CloudError): Outcome {
  return refusal(STATUS[error.code], error.message, retryHeaders(error.code))
}

/** A refusal that only HTTP has (405, 406), or with a status of its own. OCCI has no error object: it is one line of text. */
export function refusal(status: number, message: string, headers: NonNullable<Outcome['headers']> = []): Outcome {
  return { status, answer: { shows: 'error', message: message.replaceAll(/[\0-\x1F\x7F]+/g, ' ') }, headers }
}
