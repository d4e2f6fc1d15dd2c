import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import { escapeXmlText } from './xml-text.ts'

/**
 * What a parameter or an answer holds. Whole numbers are `i4`, all others `double`; bytes are `base64`, and `null` is the
 * extension `nil`.
 *
 * @see XML-RPC specification, Scalar values
 */
export type XmlRpcValue = string | number | boolean | null | Uint8Array | XmlRpcList | XmlRpcStruct
export type XmlRpcList = readonly XmlRpcValue[]
export interface XmlRpcStruct {
  readonly [name: string]: XmlRpcValue
}

/** The most and least that an `i4` holds. */
export const I4_MAX = 2 ** 31 - 1
export const I4_MIN = -(2 ** 31)

/** So deep may lists and structs stand in each other. */
export const VALUE_MAX_DEPTH = 16

/**
 * The text of a call.
 *
 * @throws {CloudError} invalid naming the parameter (from 0) that XML-RPC cannot hold, never its value
 * @see XML-RPC specification
 */
export function renderCall(method: string, parameters: XmlRpcList): string {
  const name = escapeXmlText(method, 'method')
  const rendered = parameters.map((value, index) => `<param>${renderValue(value, `parameter ${index}`)}</param>`)
  return `<?xml version="1.0"?>\n<methodCall><methodName>${name}</methodName><params>${rendered.join('')}</params></methodCall>`
}

/**
 * The text of one value.
 *
 * @param where how errors name it
 * @throws {CloudError} invalid as {@link renderCall}
 */
export function renderValue(value: XmlRpcValue, where: string, depth = 0): string {
  if (depth > VALUE_MAX_DEPTH) throw new CloudError('invalid', `${where}: deeper than ${VALUE_MAX_DEPTH} levels`)
  return `<value>${renderTyped(value, where, depth)}</value>`
}

function renderTyped(value: XmlRpcValue, where: string, depth: number): string {
  if (typeof value === 'string') return `<string>${escapeXmlText(value, where)}</string>`
  if (typeof value === 'boolean') return `<boolean>${value ? 1 : 0}</boolean>`
  if (typeof value === 'number') return renderNumber(value, where)
  if (value === null) return '<nil/>'
  if (value instanceof Uint8Array) return `<base64>${Buffer.from(value).toString('base64')}</base64>`
  if (isList(value)) {
    const items = value.map((item, index) => renderValue(item, `${where}[${index}]`, depth + 1))
    return `<array><data>${items.join('')}</data></array>`
  }
  const members = Object.entries(value).map(([name, member], index) => {
    const at = `${where}, member ${index}`
    return `<member><name>${escapeXmlText(name, at)}</name>${renderValue(member, at, depth + 1)}</member>`
  })
  return `<struct>${members.join('')}</struct>`
}

function renderNumber(value: number, where: string): string {
  if (!Number.isFinite(value)) throw new CloudError('invalid', `${where}: not a finite number`)
  if (!Number.isInteger(value)) return `<double>${withoutExponent(value)}</double>`
  if (value >= I4_MIN && value <= I4_MAX) return `<i4>${value}</i4>`
  throw new CloudError('invalid', `${where}: ${value} is not within ${I4_MIN} and ${I4_MAX}, the bounds of an i4`)
}

/** XML-RPC knows no exponents; only small numbers have one, for large ones are whole. */
function withoutExponent(value: number): string {
  const [digits = '', exponent] = String(Math.abs(value)).split('e-')
  const sign = value < 0 ? '-' : ''
  return exponent === undefined
    ? `${sign}${digits}`
    : `${sign}0.${'0'.repeat(Number(exponent) - 1)}${digits.replace('.', '')}`
}

/** Whether a value is a list; `Array.isArray` knows none that are read only. */
export function isList(value: XmlRpcValue): value is XmlRpcList {
  return Array.isArray(value)
}
