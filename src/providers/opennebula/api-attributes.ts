import type { XmlElement } from '../../wire/xml.ts'
import { readRecord, type OneRecord } from '../one-xml.ts'

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
