import { CloudError, isCloudError } from '../../model/errors.ts'
import { toError } from '../../wire/http-answer.ts'
import { parseXml, type XmlElement } from '../../wire/xml.ts'
import type { XmlRpcAnswer } from '../../wire/xmlrpc-parse.ts'
import { isList } from '../../wire/xmlrpc-render.ts'
import { toFailure, toFault, type Asked } from './api-faults.ts'

/**
 * What a call that went well brought. A success has three parts, a failure five, or three before 4.0; more may come with
 * other versions.
 *
 * @throws {CloudError} whatever a failure or fault means; provider-failed for an answer that is neither
 */
export function resultOf(asked: Asked & { readonly isSafe: boolean }, answer: XmlRpcAnswer): string | number {
  if ('fault' in answer) throw toFault(asked, answer.fault)
  const [isDone, value, number] = isList(answer.value) ? answer.value : []
  if (isDone === true && (typeof value === 'string' || typeof value === 'number')) return value
  if (isDone === false && typeof value === 'string' && typeof number === 'number') throw toFailure(asked, number, value)
  const why = 'answers with something that OpenNebula does not; check the address in the settings'
  throw toError(asked.what, { code: 'provider-failed', why, isSent: true }, asked.isSafe)
}

/**
 * Reads the XML that stands as text in an answer.
 *
 * @throws {CloudError} provider-failed naming what is missing, or where it stops being XML
 */
export function readBody<T>(what: string, text: string | number, root: string, read: (element: XmlElement) => T): T {
  try {
    const element = parseXml(String(text))
    if (element.name === root) return read(element)
    throw new CloudError('provider-failed', `a body that begins with no ${root}`)
  } catch (error) {
    throw isCloudError(error) ? new CloudError(error.code, `${what}: ${error.message}`) : error
  }
}
