import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'
import { readFault, type FaultText } from '../fault-text.ts'

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  403: 'forbidden',
  404: 'not-found',
  405: 'unsupported',
  409: 'conflict',
  413: 'too-large',
  415: 'invalid',
  421: 'conflict',
  422: 'invalid',
  501: 'unsupported',
}

/** Synnefo says 400 of what a server's state does not allow. */
const WRONG_STATE = /^Cannot perform|^Server not in /
const DELETED = /has been deleted/
const SUSPENDED = /Suspended VM/
const PERSONALITY = /personalit/i

/**
 * What an answer that is none of those hoped for means.
 *
 * @param sent the JSON that was sent: what of it is the user's own is never repeated
 * @see Synnefo, Compute API: Error responses
 */
export function toFault(what: string, answer: HttpAnswer, sent?: unknown): CloudError {
  const fault = readFault(answer, sent)
  const quoted = fault.quoted === '' ? '' : `: ${fault.quoted}`
  return new CloudError(codeOf(answer.status, fault), `${what}: answers ${answer.status}${quoted}`)
}

function codeOf(status: number, { name, said }: FaultText): ErrorCode {
  if (status === 400 && WRONG_STATE.test(said)) return 'conflict'
  if (status === 400 && DELETED.test(said)) return 'not-found'
  if (status === 403 && SUSPENDED.test(said)) return 'conflict'
  // A quota has the same name and status as a limit; another 413 is of a server before it.
  if (status === 413 && name === 'overLimit' && !PERSONALITY.test(said)) return 'conflict'
  return CODES[status] ?? 'provider-failed'
}
