import { CloudError } from '../../model/errors.ts'
import { quoteShort } from '../../wire/http-answer.ts'
import { FAULTS, rowOf, type OneRefusal, type RefusalRow } from '../one-refusals.ts'

/** @see OpenNebula, XML-RPC API: error codes */
const FAILURES: readonly RefusalRow[] = [
  { number: 256, code: 'unauthenticated' },
  { number: 512, says: /limit of \S+ reached for .*quota/s, code: 'conflict' },
  { number: 512, says: /is locked/, code: 'conflict' },
  { number: 512, code: 'forbidden' },
  { number: 1024, code: 'not-found' },
  { number: 2048, says: /is not supported/, code: 'unsupported' },
  // Where a card is plugged; where a VM is made it is 16384.
  { number: 2048, says: /Cannot get IP\/MAC lease/, code: 'unavailable' },
  { number: 2048, code: 'conflict' },
  { number: 4096, code: 'invalid' },
  { number: 8192, says: /Parse error|Error parsing|Unknown disk type/, code: 'invalid' },
  { number: 8192, says: /cannot be updated in state|does not have context/, code: 'conflict' },
  { number: 16_384, says: /Cannot get IP\/MAC lease/, code: 'unavailable' },
  { number: 16_384, code: 'invalid' },
  { number: 32_768, code: 'conflict' },
  { number: 65_536, code: 'unavailable' },
]

// What a message is about stands at its beginning; a CONTEXT may follow.
const MESSAGE_CHARACTERS = 4096

/** What was sent and is never to be repeated: the password, and texts with the user's own data. */
export interface Secrets {
  readonly password: string
  readonly texts: readonly string[]
}

/** What a refusal means. @param what the call, for people: `opennebula-cesnet: one.vm.info` */
export function toCloudError({ by, number, message }: OneRefusal, what: string, secrets: Secrets): CloudError {
  const said = message.slice(0, MESSAGE_CHARACTERS)
  const quoted = quotable(said, secrets)
  const row = rowOf(by === 'library' ? FAULTS : FAILURES, { number, message: said })
  const why = by === 'library' ? `fault ${number}${quoted && `: ${quoted}`}` : quoted || `refused with code ${number}`
  return new CloudError(row?.code ?? 'provider-failed', `${what}: ${why}`)
}

/**
 * OpenNebula names the method, repeats the whole CONTEXT that it cannot parse, its own and what was sent, and ends in the number
 * of a line that is none: all of that is left out.
 */
function quotable(said: string, { password, texts }: Secrets): string {
  const line = said
    .replace(/^\[[\w.]{1,60}\]\s*/, '')
    .replace(
      /(Error parsing): .*$/s,
      '$1: a value has a "$" that begins no variable, or something else that is not allowed',
    )
    .replace(/ at line -?\d+.*$/s, '')
  const quoted = quoteShort(line)
  const isOurs = quoted.includes(SEPARATOR) || (password !== '' && quoted.includes(password))
  return isOurs || texts.some((text) => hasInCommon(quoted, text)) ? '' : quoted
}

// It stands between the values of a CONTEXT, and nowhere else.
const SEPARATOR = '@^_^@'

// Names of networks and the like may be repeated; values that are so long are more than a name.
const COMMON_CHARACTERS = 16

function hasInCommon(line: string, text: string): boolean {
  for (let at = 0; at + COMMON_CHARACTERS <= line.length; at++)
    if (text.includes(line.slice(at, at + COMMON_CHARACTERS))) return true
  return false
}
