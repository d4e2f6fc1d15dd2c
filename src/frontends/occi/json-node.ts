import { CloudError } from '../../model/errors.ts'
import { bodyText, placeIn } from './body.ts'
import { jsonFault } from './json-fault.ts'

/** A value in a JSON document and where it stands: `resources[0].mixins[2]`. */
export interface JsonNode {
  readonly value: unknown
  /** Empty for the document itself. */
  readonly path: string
}

/** What OCCI needs is 5 deep, and what rOCCI nests is not much deeper. What is above may be read by recursion. */
const MAX_DEPTH = 32
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
  const value = parse(text)
  if (isDeeper(value, MAX_DEPTH)) throw new CloudError('invalid', `the JSON is nested deeper than ${MAX_DEPTH} levels`)
  return { value, path: '' }
}

/** Whether a value is an object, not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The engine's error repeats the text, and goes no further.
    const fault = jsonFault(text) ?? { index: 0, expected: 'JSON' }
    throw new CloudError('invalid', `${placeIn(text, fault.index)}: ${fault.expected} expected; this is not JSON`)
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}

function below({ path }: JsonNode, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
