import { CloudError, isCloudError, type ErrorCode } from '../../model/errors.ts'
import { quoteShort, toError } from '../../wire/http-answer.ts'
import { parseXml, type XmlElement } from '../../wire/xml.ts'
import type { XmlRpcAnswer } from '../../wire/xmlrpc-parse.ts'
import { isList } from '../../wire/xmlrpc-render.ts'

/** A call as errors about it need it. */
export interface Asked {
  /** For people: `stratuslab-lal: one.vm.info`. */
  readonly what: string
  readonly isSafe: boolean
  /** Whether the user's own data were sent: then nothing of the answer is repeated. */
  readonly holdsData: boolean
  /** What else is never repeated. */
  readonly secret: string
}

/** Which refusals mean what: the first row with that number and, where it has one, that text in it. */
interface Row {
  readonly number: number
  readonly says?: RegExp
  readonly code: ErrorCode
  /** What is said where the front end's own words may not be repeated. */
  readonly why: string
}

/** All numbers that OpenNebula 3.2 has: mistakes in templates, quotas and leases share the last one. */
const FAILURES: readonly Row[] = [
  { number: 256, code: 'unauthenticated', why: 'it refuses the account' },
  { number: 512, says: /quota|limit of/i, code: 'conflict', why: 'a quota is used up' },
  { number: 512, code: 'forbidden', why: 'the account may not do this' },
  { number: 1024, code: 'not-found', why: 'there is no such thing' },
  { number: 2048, says: /is not supported/, code: 'unsupported', why: 'it knows no such action' },
  { number: 2048, code: 'conflict', why: 'the state does not allow it' },
  { number: 4096, code: 'invalid', why: 'a parameter is wrong' },
  {
    number: 8192,
    says: /pars(?:e|ing)|syntax|unknown disk type/i,
    code: 'invalid',
    why: 'it cannot read the template',
  },
  { number: 8192, says: /quota|limit of/i, code: 'conflict', why: 'a quota is used up' },
  { number: 8192, says: /lease/i, code: 'unavailable', why: 'the network has no address left, or is not there' },
]

/** Of the library below: the method did not run. */
const FAULTS: ReadonlyMap<number, ErrorCode> = new Map([
  [-503, 'invalid'],
  [-506, 'unsupported'],
])

/**
 * What a call that went well brought: an answer has three parts, also one that says why not; that of an action may have one alone.
 *
 * @throws {CloudError} whatever a failure or fault means; provider-failed for an answer that is neither
 * @see OpenNebula 3.2, XML-RPC API: error codes
 */
export function resultOf(asked: Asked, answer: XmlRpcAnswer): string | number | undefined {
  const { what, isSafe } = asked
  if ('fault' in answer) {
    const { code, message } = answer.fault
    throw new CloudError(FAULTS.get(code) ?? 'provider-failed', `${what}: fault ${code}${quoted(asked, message, '')}`)
  }
  const [isDone, value, number] = isList(answer.value) ? answer.value : []
  if (isDone === true && (typeof value === 'string' || typeof value === 'number' || value === undefined)) return value
  if (isDone === false && typeof value === 'string' && typeof number === 'number') {
    const row = FAILURES.find((row) => row.number === number && (row.says?.test(value) ?? true))
    throw new CloudError(
      row?.code ?? 'provider-failed',
      `${what}: refused with code ${number}${quoted(asked, value, row?.why)}`,
    )
  }
  const why = 'answers with something that StratusLab does not; check the endpoint in the settings'
  throw toError(what, { code: 'provider-failed', why, isSent: true }, isSafe)
}

function quoted({ holdsData, secret }: Asked, message: string, why: string | undefined): string {
  const said = quoteShort(message.replace(/^\[\w{1,60}\]\s*/, ''))
  const shown = holdsData || said.includes(secret) ? why : said
  return shown ? `: ${shown}` : ''
}

/**
 * Reads the XML that stands as text in an answer.
 *
 * @throws {CloudError} provider-failed naming what is missing, or where it stops being XML
 */
export function readBody<T>(
  what: string,
  text: string | number | undefined,
  root: string,
  read: (element: XmlElement) => T,
): T {
  try {
    const element = parseXml(String(text ?? ''))
    if (element.name === root) return read(element)
    throw new CloudError('provider-failed', `a body that begins with no ${root}`)
  } catch (error) {
    throw isCloudError(error) ? new CloudError(error.code, `${what}: ${error.message}`) : error
  }
}
