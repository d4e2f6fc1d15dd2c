import { isObject } from '../../formats/json.ts'
import { CloudError, isCloudError, type ErrorCode } from '../../model/errors.ts'
import { parseJson, quoteShort } from '../../wire/http-answer.ts'
import type { HttpAnswer } from '../../wire/http.ts'

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
  const said = messageOf(parseJson(answer.bytes)) ?? ''
  const code = codeOf(status, said, headers.has('retry-after'))
  const quoted = quotable(said, sent)
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

/**
 * The one message in an error of any service: `{"itemNotFound": {"message"}}`, `{"NeutronError": {"message"}}`,
 * `{"error": {"message"}}`, and Glance's `{"message"}`.
 */
function messageOf(json: unknown): string | undefined {
  if (!isObject(json)) return undefined
  if (typeof json['message'] === 'string') return json['message']
  for (const inner of Object.values(json)) {
    if (typeof inner === 'string') return inner
    if (isObject(inner) && typeof inner['message'] === 'string') return inner['message']
  }
  return undefined
}

/** Nova repeats what it does not like, twice, whatever its length: only what it says before the value is kept. */
function quotable(said: string, sent: unknown): string {
  const text = said.replace(/^(Invalid input for field\/attribute [\w./-]{1,80})\. Value:.*$/s, '$1')
  return secretsIn(sent).some((secret) => text.includes(secret.slice(0, SHOWN))) ? '' : quoteShort(text)
}

// Servers may cut what they repeat; so much of a secret is enough to know it by.
const SHOWN = 16

const SECRET_KEYS = new Set(['user_data', 'contents', 'adminPass', 'password', 'secret', 'metadata'])

/** Every text below a key that may hold the user's own. */
function secretsIn(sent: unknown, isSecret = false): readonly string[] {
  if (typeof sent === 'string') return isSecret && sent !== '' ? [sent] : []
  if (Array.isArray(sent)) return sent.flatMap((item) => secretsIn(item, isSecret))
  if (!isObject(sent)) return []
  return Object.entries(sent).flatMap(([key, value]) => secretsIn(value, isSecret || SECRET_KEYS.has(key)))
}

/** Whether nobody knows if what was asked for was done. */
export function isUnknown({ code }: CloudError): boolean {
  return code === 'unavailable' || code === 'timeout'
}

/** Resolves once something is gone, also where it was before. @throws what else goes wrong */
export async function unlessGone(asked: Promise<unknown>): Promise<void> {
  try {
    await asked
  } catch (error) {
    if (!isCloudError(error, 'not-found')) throw error
  }
}
