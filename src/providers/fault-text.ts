import { isObject } from '../formats/json.ts'
import { parseJson, quoteShort } from '../wire/http-answer.ts'
import type { HttpAnswer } from '../wire/http.ts'

/** What an answer says is wrong. */
export interface FaultText {
  /** What sort of fault it is called: `itemNotFound`, `badRequest`; empty where it has no name. */
  readonly name: string
  /** Its message, for rules to look at: it may repeat what was sent. */
  readonly said: string
  /** As much of the message as an error may repeat. */
  readonly quoted: string
}

/**
 * What is wrong by the word of an API of OpenStack's kind.
 *
 * @param sent the JSON that was sent: what of it is secret or the user's own is never quoted
 */
export function readFault(answer: HttpAnswer, sent?: unknown): FaultText {
  const json = parseJson(answer.bytes)
  const said = messageOf(json) ?? ''
  const [name = ''] = isObject(json) ? Object.keys(json) : []
  return { name, said, quoted: quotable(said, sent) }
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
