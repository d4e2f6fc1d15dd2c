import { CloudError } from '../model/errors.ts'
import { decodeBase64 } from './base64.ts'
import { isBlank, parseXml, type XmlElement } from './xml.ts'
import { I4_MAX, I4_MIN, isList, VALUE_MAX_DEPTH, type XmlRpcStruct, type XmlRpcValue } from './xmlrpc-render.ts'

/** What a server says when it could not run a method at all. */
interface XmlRpcFault {
  readonly code: number
  readonly message: string
}

/** A method's result, or a fault; neither is an error of its own. */
export type XmlRpcAnswer = { readonly value: XmlRpcValue } | { readonly fault: XmlRpcFault }

/**
 * Reads an answer to a call.
 *
 * @throws {CloudError} provider-failed saying where it stops being XML-RPC; nothing of the answer is repeated
 * @see XML-RPC specification, Response format; Apache XML-RPC, Data types, for `nil` and `i8`
 */
export function parseAnswer(text: string): XmlRpcAnswer {
  const root = parseXml(text)
  if (root.name !== 'methodResponse') throw refusal('the root is no methodResponse')
  const content = onlyChild(root, 'methodResponse')
  if (content.name === 'fault') return { fault: toFault(readValue(onlyChild(content, 'fault'), 'fault', 0)) }
  if (content.name !== 'params') throw refusal('neither params nor a fault is in it')
  return { value: readValue(onlyChild(onlyChild(content, 'params'), 'param'), 'result', 0) }
}

function toFault(value: XmlRpcValue): XmlRpcFault {
  if (isStruct(value)) {
    const { faultCode: code, faultString: message } = value
    if (typeof code === 'number' && typeof message === 'string') return { code, message }
  }
  throw refusal('a fault has no faultCode and faultString')
}

function isStruct(value: XmlRpcValue): value is XmlRpcStruct {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Uint8Array)
}

function readValue(element: XmlElement, where: string, depth: number): XmlRpcValue {
  if (element.name !== 'value') throw refusal(`${where}: no value`)
  if (depth > VALUE_MAX_DEPTH) throw refusal(`${where}: deeper than ${VALUE_MAX_DEPTH} levels`)
  const [typed] = element.children
  // A value without a type is a string, blanks and all.
  return typed ? readTyped(onlyChild(element, where), where, depth) : element.text
}

function readTyped(typed: XmlElement, where: string, depth: number): XmlRpcValue {
  switch (typed.name) {
    case 'array':
      return readArray(onlyChild(typed, where), where, depth)
    case 'struct':
      return readStruct(typed, where, depth)
    default:
      if (typed.children.length > 0) throw refusal(`${where}: elements within a scalar`)
      return readScalar(typed, where)
  }
}

function readScalar({ name, text }: XmlElement, where: string): XmlRpcValue {
  switch (name) {
    case 'string':
      return text
    case 'i4':
    case 'int':
      return readInteger(text, where, I4_MIN, I4_MAX)
    case 'i8':
    case 'ex:i8':
      return readInteger(text, where, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    case 'boolean':
      return readBoolean(text, where)
    case 'double':
      return readDouble(text, where)
    case 'base64':
      return readBase64(text, where)
    case 'nil':
    case 'ex:nil':
      if (text !== '') throw refusal(`${where}: text within a nil`)
      return null
    default:
      throw refusal(`${where}: a type that is not known`)
  }
}

function readArray(data: XmlElement, where: string, depth: number): XmlRpcValue {
  if (data.name !== 'data') throw refusal(`${where}: an array without data`)
  refuseText(data, where)
  return data.children.map((item, index) => readValue(item, `${where}[${index}]`, depth + 1))
}

function readStruct(struct: XmlElement, where: string, depth: number): XmlRpcValue {
  refuseText(struct, where)
  const members = new Map<string, XmlRpcValue>()
  for (const [index, member] of struct.children.entries()) {
    const at = `${where}, member ${index}`
    const [name, value, more] = member.children
    if (member.name !== 'member' || name?.name !== 'name' || !value || more) throw refusal(`${at}: no name and value`)
    refuseText(member, at)
    if (name.children.length > 0) throw refusal(`${at}: elements within a name`)
    if (members.has(name.text)) throw refusal(`${at}: a name that stands there twice`)
    members.set(name.text, readValue(value, at, depth + 1))
  }
  return Object.fromEntries(members)
}

function readInteger(text: string, where: string, min: number, max: number): number {
  const digits = trimBlanks(text)
  const value = /^[+-]?\d{1,20}$/.test(digits) ? Number(digits) : Number.NaN
  if (value >= min && value <= max) return value
  throw refusal(`${where}: no whole number within ${min} and ${max}`)
}

function readBoolean(text: string, where: string): boolean {
  const digit = trimBlanks(text)
  if (digit === '0' || digit === '1') return digit === '1'
  throw refusal(`${where}: a boolean that is neither 0 nor 1`)
}

/** Some write exponents, though XML-RPC has none. */
function readDouble(text: string, where: string): number {
  const digits = trimBlanks(text)
  const value = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(digits) ? Number(digits) : Number.NaN
  if (Number.isFinite(value)) return value
  throw refusal(`${where}: no double`)
}

function readBase64(text: string, where: string): Uint8Array {
  try {
    return decodeBase64(text, where)
  } catch {
    throw refusal(`${where}: no base64`)
  }
}

/** Text that is nothing but blanks stands between elements for the looks. */
function refuseText(element: XmlElement, where: string): void {
  if (!isBlank(element.text)) throw refusal(`${where}: text beside elements`)
}

function onlyChild(element: XmlElement, where: string): XmlElement {
  refuseText(element, where)
  const [child, second] = element.children
  if (child && !second) return child
  throw refusal(`${where}: one element is expected where there is ${second ? 'more' : 'none'}`)
}

function trimBlanks(text: string): string {
  return text.replace(/^[ \t\r\n]+/, '').replace(/(?<![ \t\r\n])[ \t\r\n]+$/, '')
}

function refusal(why: string): CloudError {
  return new CloudError('provider-failed', `not the XML-RPC that is expected: ${why}`)
}
