import { CloudError, isCloudError } from '../model/errors.ts'
import { parseXml, type XmlElement } from '../wire/xml.ts'
import { I4_MAX } from '../wire/xmlrpc-render.ts'

/** A vector attribute (CONTEXT, DISK, NIC …) or a part of a body: texts by their names, as OpenNebula spells both. */
export type OneRecord = Readonly<Record<string, string>>

/**
 * Reads the XML that stands as text in an answer.
 *
 * @throws {CloudError} provider-failed naming what is missing, or where it stops being XML
 */
export function readBody<T>(
  what: string,
  text: string | number | undefined,
  root: string,
  reader: (element: XmlElement) => T,
): T {
  try {
    const element = parseXml(String(text ?? ''))
    if (element.name === root) return reader(element)
    throw new CloudError('provider-failed', `a body that begins with no ${root}`)
  } catch (error) {
    throw isCloudError(error) ? new CloudError(error.code, `${what}: ${error.message}`) : error
  }
}

/** The texts of an element's parts; what has parts of its own is left out. An absent element has none. */
export function readRecord(element: XmlElement | undefined): OneRecord {
  const texts = element?.children.filter(({ children }) => children.length === 0) ?? []
  return Object.fromEntries(texts.map(({ name, text }) => [name, text]))
}

/** The only element of that name, or the first. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name)
}

/** All elements of that name, one or many. */
export function childrenOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

/** The text of a part. @throws {CloudError} provider-failed naming the part that is not there */
export function textIn(element: XmlElement, name: string): string {
  const text = childOf(element, name)?.text
  if (text !== undefined) return text
  throw new CloudError('provider-failed', `OpenNebula's ${element.name} has no ${name}`)
}

/** The whole number of a part. @throws {CloudError} provider-failed naming the part that is none */
export function integerIn(element: XmlElement, name: string): number {
  const number = toInteger(textIn(element, name))
  if (number !== undefined) return number
  throw new CloudError('provider-failed', `OpenNebula's ${element.name}: ${name} is no whole number`)
}

/** The whole number that a text says; nothing where it is absent, or says something else. */
export function toInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** OpenNebula's number of a thing; `undefined` for what can be none. */
export function toOneId(remoteId: string): number | undefined {
  const id = toInteger(remoteId)
  return id !== undefined && id >= 0 && id <= I4_MAX ? id : undefined
}
