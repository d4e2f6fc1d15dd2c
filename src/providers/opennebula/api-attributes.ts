import { CloudError } from '../../model/errors.ts'
import type { XmlElement } from '../../wire/xml.ts'

/** A vector attribute (CONTEXT, DISK, NIC …) or a part of a body: texts by their names, as OpenNebula spells both. */
export type OneRecord = Readonly<Record<string, string>>

/** What stands in a TEMPLATE or USER_TEMPLATE. */
export interface OneAttributes {
  /** Attributes with a text; of several that have one name it is the first, as OpenNebula's own tools have it. */
  readonly single: OneRecord
  /** Attributes with parts; each name may stand there more than once. */
  readonly vectors: Readonly<Record<string, readonly OneRecord[]>>
}

/** Reads attributes; an absent element has none. One that is empty counts as a text. */
export function readAttributes(element: XmlElement | undefined): OneAttributes {
  const single = new Map<string, string>()
  const vectors = new Map<string, OneRecord[]>()
  for (const child of element?.children ?? []) {
    if (child.children.length === 0) {
      if (!single.has(child.name)) single.set(child.name, child.text)
      continue
    }
    const named = vectors.get(child.name)
    if (named) named.push(readRecord(child))
    else vectors.set(child.name, [readRecord(child)])
  }
  return { single: Object.fromEntries(single), vectors: Object.fromEntries(vectors) }
}

/** The texts of an element's parts; what has parts of its own is left out. */
export function readRecord(element: XmlElement): OneRecord {
  const texts = element.children.filter(({ children }) => children.length === 0)
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

/** The whole number that an attribute says; nothing where it is absent, or says something else. */
export function toInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}
