import { cdata } from './xml.ts'

/** Values of a vector attribute (`CONTEXT = [ … ]`) by key. */
export type Vector = ReadonlyMap<string, string>

/** One attribute of a template. Names may repeat (DISK, NIC). */
export interface Attribute {
  readonly name: string
  readonly value: string | Vector
}

/** Attributes in the order in which they came. */
export type Template = readonly Attribute[]

/** A template, or why its text is none (without the prefix `Parse error: `). */
export type Parsed = { readonly template: Template } | { readonly error: string }

/** What reading depends on. */
export interface Syntax {
  /** A text whose first byte is `<` is XML. */
  readonly xml: boolean
  /** `B=""` is an empty value, no error. */
  readonly emptyValues: boolean
  /** `\"` becomes `"`; else it stays as it is. */
  readonly unescapes: boolean
}

/** Values of the first vector attribute of that name. */
export function vectorOf(template: Template, name: string): Vector | undefined {
  return vectorsOf(template, name)[0]
}

/** Values of every vector attribute of that name. */
export function vectorsOf(template: Template, name: string): readonly Vector[] {
  return template.flatMap((one) => (one.name === name && typeof one.value !== 'string' ? [one.value] : []))
}

/** The value of the first plain attribute of that name. */
export function valueOf(template: Template, name: string): string | undefined {
  return template.flatMap((one) => (one.name === name && typeof one.value === 'string' ? [one.value] : []))[0]
}

/** `base` with whole attributes replaced by those of `extra` that have the same name; an empty vector removes. */
export function mergeTemplates(base: Template, extra: Template): Template {
  const replaced = new Set(extra.map(({ name }) => name))
  const kept = base.filter(({ name }) => !replaced.has(name))
  return [...kept, ...extra].filter(({ value }) => typeof value === 'string' || value.size > 0)
}

/** The front end orders attributes and keys by bytes; those of one name stay in their order. */
export function byName(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0
}

/** The elements of a template, without the element round them. */
export function templateXml(template: Template): string {
  return template
    .toSorted((first, second) => byName(first.name, second.name))
    .map(({ name, value }) => (typeof value === 'string' ? cdata(name, value) : vectorXml(name, value)))
    .join('')
}

/** One vector attribute, keys in byte order. */
export function vectorXml(name: string, vector: Vector): string {
  const keys = [...vector].toSorted(([first], [second]) => byName(first, second))
  return `<${name}>${keys.map(([key, value]) => cdata(key, value)).join('')}</${name}>`
}

/** Whether no value holds `]]>`, so that the template can be written as XML. */
export function isWritable(template: Template): boolean {
  return template.every(({ value }) =>
    typeof value === 'string' ? !value.includes(']]>') : [...value.values()].every((one) => !one.includes(']]>')),
  )
}
