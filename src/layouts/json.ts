import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'

/** What JSON can say; a property that is `undefined` is left out. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/**
 * Renders JSON as Nova does (Python's `json.dumps`): blanks after commas and colons, all beyond ASCII escaped. Guests that
 * look with `sed` and `grep` depend on it.
 *
 * @param escaped which characters are written as `\uXXXX`, besides those that JSON demands; global
 */
export function renderJson(value: Json, escaped: RegExp = BEYOND_ASCII): string {
  if (typeof value === 'string') return JSON.stringify(value).replaceAll(escaped, escape)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isArray(value)) return `[${value.map((member) => renderJson(member, escaped)).join(', ')}]`
  const members: string[] = []
  for (const [key, member] of Object.entries(value))
    if (member !== undefined) members.push(`${renderJson(key, escaped)}: ${renderJson(member, escaped)}`)
  return `{${members.join(', ')}}`
}

/**
 * Reads a file that must hold a JSON object.
 *
 * @param path how the error names the file; its content is never repeated
 * @throws {CloudError} invalid when the bytes are no JSON object
 */
export function parseJsonObject(bytes: Uint8Array, path: string): JsonObject {
  const value = parse(bytes, path)
  if (isObject(value)) return value
  throw new CloudError('invalid', `${path}: a JSON object is expected; write it again with the program that made it`)
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(textOf(bytes))
  } catch {
    // The engine's own message repeats what stands in the file.
    throw new CloudError(
      'invalid',
      `${path}: not JSON (${bytes.length} bytes); write it again with the program that made it`,
    )
  }
}

/** The text of UTF-8 bytes. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Whether a parsed value is an object, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `value` where it is an object, else an empty one. */
export function objectIn(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** The objects of a list; none where `value` is no list. */
export function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** `value` where it is a text. */
export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** `value` where it is a number. */
export function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The members of an object that are texts. */
export function textsIn(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectIn(value)).filter((member): member is [string, string] => typeof member[1] === 'string'),
  )
}

// DEL too: Python escapes all but the printable characters of ASCII.
const BEYOND_ASCII = /[\u007f-\uffff]/g

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

// Array.isArray does not narrow a readonly array.
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
