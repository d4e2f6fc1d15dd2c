import { DETAIL_MAX_CHARACTERS, type GuestWord } from './guest-word.ts'
import { oneLine } from './lines.ts'

/** Windows has exit codes of 32 bits, signed and unsigned. */
const EXIT_CODE_MIN = -(2 ** 31)
const EXIT_CODE_MAX = 2 ** 32 - 1

/** What our programs may say, by the name on the wire; `read` gives `undefined` for what is not as it must be. */
const MEMBERS: Readonly<Record<string, { readonly key: keyof GuestWord; readonly read: (value: unknown) => unknown }>> =
  {
    agent: { key: 'speaker', read: oneOf(['demo-guest', 'agent']) },
    stage: { key: 'kind', read: oneOf(['fetched', 'applied', 'failed', 'finished']) },
    method: { key: 'method', read: oneOf(['metadata', 'disk', 'injection']) },
    path: { key: 'path', read: matching(/^(?=.{1,255}$)\/?[\w.-]+(?:\/[\w.-]+)*$/) },
    bytes: { key: 'bytes', read: integer(0, Number.MAX_SAFE_INTEGER) },
    sha256: { key: 'sha256', read: matching(/^[0-9a-f]{64}$/) },
    exitCode: { key: 'exitCode', read: integer(EXIT_CODE_MIN, EXIT_CODE_MAX) },
    detail: {
      key: 'detail',
      read: (value) => (typeof value === 'string' ? oneLine(value, DETAIL_MAX_CHARACTERS) : undefined),
    },
  }

/**
 * What cloud-init's webhook posts, too: the agent's reports have it around what is ours, for receivers that know nothing else.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/base_config_reference.html#reporting
 */
const ENVELOPE: ReadonlySet<string> = new Set(['name', 'description', 'event_type', 'origin', 'timestamp', 'result'])
const ORIGIN = 'bellhop-agent'

/**
 * Reads what the demo guest and the agent say, from a console line or a report: `{"stage":"fetched","sha256":"…"}`.
 *
 * Strict: an unknown member, a wrong type, or `applied` without the exit code 0 that proves it make it no word of ours.
 */
export function parseAgentWord(value: unknown): GuestWord | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const word: Partial<Record<keyof GuestWord, unknown>> = {}
  const enveloped = 'origin' in value && value.origin === ORIGIN
  for (const [name, said] of Object.entries(value)) {
    if (enveloped && ENVELOPE.has(name)) continue
    const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined
    const value = member?.read(said)
    if (member === undefined || value === undefined) return undefined
    word[member.key] = value
  }
  if (word.kind === undefined || (word.kind === 'applied' && word.exitCode !== 0)) return undefined
  return word as unknown as GuestWord
}

function oneOf(words: readonly string[]) {
  return (value: unknown): string | undefined => words.find((word) => word === value)
}

function matching(pattern: RegExp) {
  return (value: unknown): string | undefined => (typeof value === 'string' && pattern.test(value) ? value : undefined)
}

function integer(min: number, max: number) {
  return (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isSafeInteger(value) && min <= value && value <= max ? value : undefined
}
