import { CloudError } from '../../model/errors.ts'
import { bodyText } from '../body.ts'
import { isObject, parseJsonText } from '../json-text.ts'

/** A value in a JSON document and where it stands: `resources[0].mixins[2]`. */
export interface JsonNode {
  readonly value: unknown
  /** Empty for the document itself. */
  readonly path: string
}

const SHOWN_PATH_LENGTH = 200

/**
 * Reads a JSON document.
 *
 * @returns `undefined` where the body is empty
 * @throws {CloudError} invalid with line and column where it stops being JSON, or when it is nested too deeply
 */
export function parseJson(body: Uint8Array): JsonNode | undefined {
  const text = bodyText(body)
  if (text.trim() === '') return undefined
  return { value: parseJsonText(text), path: '' }
}

/** The member `name` of an object; `undefined` where it is missing or null. @throws {CloudError} invalid when `node` is no object */
export function memberOf(node: JsonNode, name: string): JsonNode | undefined {
  if (!isObject(node.value)) return refuse(node, 'an object')
  const value = node.value[name]
  return value === undefined || value === null ? undefined : { value, path: below(node, name) }
}

/** All members of an object that are not null, by name. @throws {CloudError} invalid when `node` is no object */
export function membersOf(node: JsonNode | undefined): readonly (readonly [name: string, member: JsonNode])[] {
  if (!node) return []
  if (!isObject(node.value)) return refuse(node, 'an object')
  return Object.entries(node.value)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, { value, path: below(node, name) }])
}

/** All elements of a list; none where there is no list. @throws {CloudError} invalid when `node` is something else */
export function elementsOf(node: JsonNode | undefined): readonly JsonNode[] {
  if (!node) return []
  if (!Array.isArray(node.value)) return refuse(node, 'a list')
  return node.value.map((value: unknown, index) => ({ value, path: `${node.path}[${index}]` }))
}

/** The text that stands at `node`. @throws {CloudError} invalid when it is none, or when UTF-8 cannot hold it */
export function textAt(node: JsonNode, called = 'a text'): string {
  if (typeof node.value !== 'string') return refuse(node, called)
  if (!node.value.isWellFormed()) return refuse(node, 'text without halves of surrogate pairs')
  return node.value
}

/** Says what should stand at `node`. The value that does is not repeated. */
export function refuse({ path }: JsonNode, expected: string): never {
  const shown = path.length > SHOWN_PATH_LENGTH ? `${path.slice(0, SHOWN_PATH_LENGTH)}…` : path
  throw new CloudError('invalid', `${shown === '' ? 'the document' : shown}: ${expected} is expected`)
}

function below({ path }: JsonNode, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
