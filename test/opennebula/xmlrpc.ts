import { Buffer } from 'node:buffer'
import { escapeText, parseXml, type Element } from './xml.ts'

/** A parameter of a call. `other` is a type that the front end never takes (`i8`, arrays …). */
export type Parameter =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'other' }

/** A call, or the fault that its bytes deserve. */
export type Call = { readonly method: string; readonly parameters: readonly Parameter[] } | { readonly fault: Fault }

/** A fault of XML-RPC: the call was not understood, or its answer cannot be written. */
export interface Fault {
  readonly code: -500 | -501 | -503 | -506
  readonly message: string
}

const NOT_A_CALL = 'Call XML not a proper XML-RPC call.  '

/** Reads a request's body. */
export function parseCall(body: Uint8Array): Call {
  const source = decodeUtf8(body)
  const root = source === undefined ? undefined : parseXml(source)
  if (root?.name !== 'methodCall') return refused('Call is not valid XML.  not well-formed (invalid token)')
  const method = childOf(root, 'methodName')
  if (method === undefined) return refused('<methodCall> has no <methodName> child')
  const parameters: Parameter[] = []
  for (const param of childOf(root, 'params')?.children ?? []) {
    const value = childOf(param, 'value')
    if (value === undefined) return refused('<param> has no <value> child')
    const parameter = parameterOf(value)
    if (parameter === undefined) return refused('a <value> has contents that are not of its type')
    if (parameter.type === 'string') {
      const problem = notBasicPlane(parameter.value)
      if (problem !== undefined) return refused(problem)
    }
    parameters.push(parameter)
  }
  return { method: method.text.trim(), parameters }
}

function refused(reason: string): Call {
  return { fault: { code: -503, message: NOT_A_CALL + reason } }
}

function decodeUtf8(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}

function childOf(element: Element, name: string): Element | undefined {
  return element.children.find((child) => child.name === name)
}

function parameterOf(value: Element): Parameter | undefined {
  const typed = value.children[0]
  if (typed === undefined) return { type: 'string', value: newlines(value.text) }
  const text = typed.text.trim()
  switch (typed.name) {
    case 'string':
      return { type: 'string', value: newlines(typed.text) }
    case 'i4':
    case 'int':
      return /^[+-]?\d+$/.test(text) && Math.abs(Number(text)) < 2 ** 31
        ? { type: 'int', value: Number(text) }
        : undefined
    case 'boolean':
      return text === '0' || text === '1' ? { type: 'boolean', value: text === '1' } : undefined
    default:
      return { type: 'other' }
  }
}

/** The library under the front end turns every line end into LF, those of character references too. */
function newlines(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n')
}

/** What the library under the front end says of a text with a character above U+FFFF; `undefined` where there is none. */
export function notBasicPlane(text: string): string | undefined {
  if (!/[\u{10000}-\u{10ffff}]/u.test(text)) return undefined
  return `${Buffer.byteLength(text)}-byte supposed UTF-8 string is not valid UTF-8.  UTF-8 string contains a character not in the Basic Multilingual Plane (first byte 0xfffffff0)`
}

/** An element of an answer's array. */
export type AnswerElement = boolean | string | number | { readonly i8: number }

/** An answer that the front end itself gives, success or failure. */
export function renderAnswer(elements: readonly AnswerElement[]): string {
  const values = elements.map((element) => `<value>${renderElement(element)}</value>`)
  return envelope([
    '<params>',
    '<param><value><array><data>',
    ...values,
    '</data></array></value></param>',
    '</params>',
  ])
}

function renderElement(element: AnswerElement): string {
  if (typeof element === 'boolean') return `<boolean>${element ? 1 : 0}</boolean>`
  if (typeof element === 'string') return `<string>${escapeText(element)}</string>`
  return typeof element === 'number' ? `<i4>${element}</i4>` : `<i8>${element.i8}</i8>`
}

/** A fault. */
export function renderFault({ code, message }: Fault): string {
  return envelope([
    '<fault>',
    '<value><struct>',
    '<member><name>faultCode</name>',
    `<value><i4>${code}</i4></value></member>`,
    '<member><name>faultString</name>',
    `<value><string>${escapeText(message)}</string></value></member>`,
    '</struct></value>',
    '</fault>',
  ])
}

/** Lines of the envelope end in CRLF; those of values in LF. */
function envelope(lines: readonly string[]): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<methodResponse>', ...lines, '</methodResponse>', ''].join('\r\n')
}
