import { CloudError } from '../model/errors.ts'
import { isGzip } from './gzip.ts'
import { isObject, parseJson } from './json.ts'
import { toPayload } from './payload.ts'

/** Label of an instance whose variables were made of its user data: they may be as secret as those, and are not shown. */
export const SECRET_VARIABLES = 'variables.of-user-data'

/**
 * The variables that user data spell as a JSON dictionary, for guests that read variables. The data themselves stay as they are.
 *
 * Numbers become what JavaScript writes for them, booleans `true` and `false`. Which names and how many a provider takes, it says
 * itself.
 *
 * @param userData absent where the user gave none
 * @throws {CloudError} invalid when they are no flat JSON object of texts, numbers and booleans; the message counts the members
 *   from 1 and repeats nothing of them
 * @example
 * variablesOf(Buffer.from('{"role": "web", "workers": 4}')) // { role: 'web', workers: '4' }
 */
export function variablesOf(userData: Uint8Array | undefined): Readonly<Record<string, string>> {
  if (!userData) throw refused('there are none; send a JSON object, such as {"role": "web"}')
  if (isGzip(userData)) throw refused('they are gzip; send them as they are')
  const { foreignByte, text } = toPayload(userData)
  if (foreignByte !== undefined) throw refused(`byte ${foreignByte + 1} is not UTF-8`)
  const value = parseJson(text)
  if (!isObject(value)) throw refused(`they are ${value === undefined ? 'no JSON' : 'no JSON object'}`)
  const members = Object.entries(value)
  return Object.fromEntries(members.map(([name, member], index) => [name, textOf(member, index + 1, members.length)]))
}

function textOf(value: unknown, index: number, count: number): string {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  const where = `member ${index} of ${count}`
  if (typeof value !== 'number') throw refused(`${where} is ${kindOf(value)}; texts, numbers and booleans are taken`)
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw refused(`${where} is a number too large to keep all its digits; write it as a text`)
  return String(value)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : 'an object'
}

function refused(why: string): CloudError {
  return new CloudError('invalid', `userData: no variables can be made of them: ${why}`)
}
