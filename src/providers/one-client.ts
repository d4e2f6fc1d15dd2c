import { CloudError } from '../model/errors.ts'
import { toError } from '../wire/http-answer.ts'
import type { HttpClient } from '../wire/http.ts'
import type { XmlElement } from '../wire/xml.ts'
import type { XmlRpcAnswer } from '../wire/xmlrpc-parse.ts'
import { isList, type XmlRpcList } from '../wire/xmlrpc-render.ts'
import { createXmlRpcClient } from '../wire/xmlrpc.ts'
import type { OneRefusal } from './one-refusals.ts'
import { readBody } from './one-xml.ts'
import type { Call } from './provider.ts'

/** A call, as errors about it need it. */
interface OneAsked {
  /** For people: `opennebula-cesnet: one.vm.info`. */
  readonly what: string
  readonly method: string
  /** Without the session. */
  readonly parameters: XmlRpcList
}

/** How a front end of OpenNebula is asked, of whatever version. */
export interface OneClientOptions {
  /** Of its XML-RPC. */
  readonly url: string
  /** What stands first in every call. */
  readonly session: string
  readonly http: HttpClient
  /** The provider's name; errors begin with it. */
  readonly name: string
  /** What a refusal means. Its message may repeat whatever was sent. */
  readonly explain: (refusal: OneRefusal, asked: OneAsked) => CloudError
}

/** Whether a call may be sent again where the way there has trouble. */
interface Repeating {
  readonly isSafe: boolean
}

export const AGAIN: Repeating = { isSafe: true }
export const ONCE: Repeating = { isSafe: false }

/** OpenNebula's calls, whatever they are. */
export interface OneClient {
  /** @returns the value of an answer, which that to an action may lack */
  readonly ask: (
    method: string,
    parameters: XmlRpcList,
    repeating: Repeating,
    call: Call,
  ) => Promise<string | number | undefined>
  /** What stands as XML in an answer, which has to begin with `root`. */
  readonly read: <T>(
    request: readonly [method: string, ...parameters: XmlRpcList],
    root: string,
    reader: (element: XmlElement) => T,
    call: Call,
  ) => Promise<T>
  /** Makes something. @returns its id */
  readonly make: (method: string, parameters: XmlRpcList, call: Call) => Promise<number>
}

/**
 * A client of OpenNebula's XML-RPC: one value, or a body of XML in a text, in an answer of some parts.
 *
 * @throws {CloudError} from its calls, what `explain` makes of a refusal; provider-failed for an answer that is none of
 *   OpenNebula's, invalid for a text that it cannot hold
 * @see OpenNebula, XML-RPC API
 */
export function oneClient({ url, session, http, name, explain }: OneClientOptions): OneClient {
  const client = createXmlRpcClient({ url, http })
  const whatOf = (method: string) => `${name}: ${method}`

  const ask: OneClient['ask'] = async (method, parameters, { isSafe }, call) => {
    const what = whatOf(method)
    refuseBeyondBmp(what, parameters)
    const answer = await client.request({ what, method, parameters: [session, ...parameters], isSafe, call })
    const outcome = outcomeOf(answer)
    if (outcome === undefined) {
      const why = "answers with something that is none of OpenNebula's; check the address in the settings"
      throw toError(what, { code: 'provider-failed', why, isSent: true }, isSafe)
    }
    if ('refusal' in outcome) throw explain(outcome.refusal, { what, method, parameters })
    return outcome.value
  }

  return {
    ask,
    read: async ([method, ...parameters], root, reader, call) =>
      readBody(whatOf(method), await ask(method, parameters, AGAIN, call), root, reader),
    make: async (method, parameters, call) => {
      const id = await ask(method, parameters, ONCE, call)
      if (typeof id === 'number') return id
      // It is there, but nobody knows under which id.
      throw new CloudError('unavailable', `${whatOf(method)}: the answer has no id; whether it was done is unknown`)
    },
  }
}

type Outcome = { readonly value: string | number | undefined } | { readonly refusal: OneRefusal }

/**
 * A success has three parts, or of an action of old one alone; a failure has five, or three before 4.0. More may come with other
 * versions.
 */
function outcomeOf(answer: XmlRpcAnswer): Outcome | undefined {
  if ('fault' in answer) return { refusal: { by: 'library', number: answer.fault.code, message: answer.fault.message } }
  const [isDone, value, number] = isList(answer.value) ? answer.value : []
  if (isDone === true && (typeof value === 'string' || typeof value === 'number' || value === undefined))
    return { value }
  if (isDone === false && typeof value === 'string' && typeof number === 'number')
    return { refusal: { by: 'opennebula', number, message: value } }
  return undefined
}

/**
 * OpenNebula refuses such a character, but not a reference to one: that it stores, and cannot tell of the VM ever after.
 *
 * @throws {CloudError} invalid naming the parameter
 */
function refuseBeyondBmp(what: string, parameters: XmlRpcList): void {
  for (const [index, parameter] of parameters.entries())
    if (typeof parameter === 'string' && isBeyondBmp(parameter))
      throw new CloudError(
        'invalid',
        `${what}: parameter ${index + 1} has a character above U+FFFF, which OpenNebula cannot hold; encode it in base64`,
      )
}

function isBeyondBmp(text: string): boolean {
  if (/[\u{10000}-\u{10FFFF}]/u.test(text)) return true
  return [...text.matchAll(/&#(?:x([\da-fA-F]+)|(\d+));/g)].some(
    ([, hex, decimal]) => (hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)) > 0xff_ff,
  )
}
