import { CloudError, type ErrorCode } from '../../model/errors.ts'
import { quoteShort } from '../../wire/http-answer.ts'
import type { XmlRpcFault } from '../../wire/xmlrpc-parse.ts'

/** Which refusals mean what: the first row with that number and, where it has one, that text in it. */
interface Row {
  readonly number: number
  readonly says?: RegExp
  readonly code: ErrorCode
}

const FAILURES: readonly Row[] = [
  { number: 256, code: 'unauthenticated' },
  { number: 512, says: /limit of \S+ reached for .*quota/s, code: 'conflict' },
  { number: 512, says: /is locked/, code: 'conflict' },
  { number: 512, code: 'forbidden' },
  { number: 1024, code: 'not-found' },
  { number: 2048, says: /is not supported/, code: 'unsupported' },
  { number: 2048, code: 'conflict' },
  { number: 4096, code: 'invalid' },
  { number: 8192, says: /Parse error|Error parsing|Unknown disk type/, code: 'invalid' },
  { number: 8192, says: /cannot be updated in state|does not have context/, code: 'conflict' },
  { number: 16_384, says: /Cannot get IP\/MAC lease/, code: 'unavailable' },
  { number: 16_384, code: 'invalid' },
  { number: 32_768, code: 'conflict' },
  { number: 65_536, code: 'unavailable' },
]

/** Faults come from the library below OpenNebula: the method did not run, or its answer could not be written. */
const FAULTS: readonly Row[] = [
  { number: -503, code: 'invalid' },
  { number: -506, code: 'unsupported' },
]

// What a message is about stands at its beginning; a CONTEXT may follow.
const MESSAGE_CHARACTERS = 4096

/** A call as errors about it need it. */
export interface Asked {
  /** For people: `opennebula-cesnet: one.vm.info`. */
  readonly what: string
  /** What was sent and is never to be repeated: the password, and texts with the user's own data. */
  readonly secrets: { readonly password: string; readonly texts: readonly string[] }
}

/** What a failure means that OpenNebula itself answers. @see OpenNebula, XML-RPC API: error codes */
export function toFailure({ what, secrets }: Asked, number: number, message: string): CloudError {
  const said = message.slice(0, MESSAGE_CHARACTERS)
  const quoted = quotable(said, secrets)
  return new CloudError(codeOf(FAILURES, number, said), `${what}: ${quoted || `refused with code ${number}`}`)
}

/** What a fault means: nothing that OpenNebula itself said. @see xmlrpc-c, xmlrpc-c/base.h: fault codes */
export function toFault({ what, secrets }: Asked, { code: number, message }: XmlRpcFault): CloudError {
  const said = message.slice(0, MESSAGE_CHARACTERS)
  const quoted = quotable(said, secrets)
  return new CloudError(codeOf(FAULTS, number, said), `${what}: fault ${number}${quoted && `: ${quoted}`}`)
}

function codeOf(rows: readonly Row[], number: number, said: string): ErrorCode {
  const row = rows.find((row) => row.number === number && (row.says?.test(said) ?? true))
  return row?.code ?? 'provider-failed'
}

/**
 * OpenNebula names the method, repeats the whole CONTEXT that it cannot parse, its own and what was sent, and ends in the number
 * of a line that is none: all of that is left out.
 */
function quotable(said: string, { password, texts }: Asked['secrets']): string {
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
