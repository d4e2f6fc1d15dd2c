import { CloudError } from '../model/errors.ts'
import { placeIn } from './body.ts'
import { jsonFault } from './json-fault.ts'

/** What any of our dialects needs is not half as deep. What is above may be read by recursion. */
export const MAX_DEPTH = 32

/**
 * Reads JSON. The engine's own error is not passed on: it repeats the text around the fault, which may be a secret.
 *
 * @throws {CloudError} invalid with line and column where it stops being JSON, or when it is nested too deeply
 */
export function parseJsonText(text: string): unknown {
  const value = parse(text)
  if (isDeeper(value, MAX_DEPTH)) throw new CloudError('invalid', `the JSON is nested deeper than ${MAX_DEPTH} levels`)
  return value
}

/** Whether a value is an object, not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const fault = jsonFault(text)
    if (!fault) throw error
    throw new CloudError('invalid', `${placeIn(text, fault.index)}: ${fault.expected} expected; this is not JSON`)
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}
