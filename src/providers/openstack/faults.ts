import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'
import { readFault } from '../fault-text.ts'

// Nova says 403 and Cinder 413 where a quota is full; Neutron says 409 anyway.
const QUOTA = /quota/i

// And Nova says 403 of files and metadata that are too large, or too many.
const TOO_LARGE = /limit exceeded|exceeds maximum|maximum number/i

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  403: 'forbidden',
  404: 'not-found',
  405: 'unsupported',
  406: 'unsupported',
  409: 'conflict',
  410: 'not-found',
  413: 'too-large',
  501: 'unsupported',
}

/**
 * What an answer that is none of those hoped for means.
 *
 * @param sent the JSON that was sent: what of it is secret or the user's own is never repeated
 * @see Nova, API guide: Faults; Neutron, API reference: Faults; Keystone, API reference: HTTP status codes
 */
export function toFault(what: string, answer: HttpAnswer, sent?: unknown): CloudError {
  const { status, headers } = answer
  const { said, quoted } = readFault(answer, sent)
  const code = codeOf(status, said, headers.has('retry-after'))
  const request = /^req-[0-9a-f-]{36}$/.exec(headers.get('x-openstack-request-id') ?? '')
  return new CloudError(
    code,
    [`${what}: answers ${status}`, quoted && `: ${quoted}`, request && ` (${request[0]})`].filter(Boolean).join(''),
  )
}

function codeOf(status: number, said: string, hasRetryAfter: boolean): ErrorCode {
  if (status === 403 || status === 413) {
    if (QUOTA.test(said)) return 'conflict'
    if (status === 403 && TOO_LARGE.test(said)) return 'too-large'
    // What Nova said before there was a 429.
    if (status === 413 && hasRetryAfter) return 'rate-limited'
  }
  return CODES[status] ?? 'provider-failed'
}
