import type { AttributeName, TypeName } from './types.ts'

/** What the user notes of a resource. */
export type Properties = ReadonlyMap<string, string>

/** Times and URLs are texts; an integer is a number. */
export type Value = string | number | boolean | Properties | Resource | readonly Resource[]

/**
 * What any document says, in no format. References and nested objects are resources too; a reference has `href`.
 *
 * A list or properties that would be empty are left out, for XML cannot say that; the items of a collection stand there
 * always, unless only its `href` is known.
 */
export interface Resource {
  readonly type: TypeName
  readonly attributes: ReadonlyMap<AttributeName, Value>
}

/** A document that was read. */
export interface Document {
  /** Its type is always one of those that were expected. */
  readonly resource: Resource
  /** The type that the document gives itself, if it does: another than `resource.type` is for the caller to judge. */
  readonly claimed?: string
  /** Paths of attributes that its type does not have; the first few. */
  readonly unknown: readonly string[]
}

/** Whether a value is a list of resources. */
export function isList(value: Value): value is readonly Resource[] {
  return Array.isArray(value)
}

/** Whether a value is a map of properties. */
export function isProperties(value: Value): value is Properties {
  return value instanceof Map
}
