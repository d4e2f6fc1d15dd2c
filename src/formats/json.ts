import type { Format } from './format.ts'
import { ignored } from './format.ts'
import type { Payload } from './payload.ts'

/** The value of a JSON text; `undefined` where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a parsed value is an object, not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The configuration of CoreOS and Flatcar machines, which Ignition reads. */
export const ignition: Format = {
  name: 'ignition',
  title: 'Ignition config',
  matches: (payload) => {
    const value = looksLikeJson(payload) && payload.text.includes('"ignition"') ? parseJson(payload.text) : undefined
    const section = isObject(value) ? value['ignition'] : undefined
    return isObject(section) && typeof section['version'] === 'string'
  },
  examine: () => ignored('only images with Ignition read it, and they take no gzip'),
}

/** JSON of whatever meaning. */
export const json: Format = {
  name: 'json',
  title: 'JSON',
  matches: (payload) => looksLikeJson(payload) && parseJson(payload.text) !== undefined,
  examine: () => ignored(),
}

/** A list or an object: a bare number or word is text. */
function looksLikeJson({ lead }: Payload): boolean {
  return lead.startsWith('{') || lead.startsWith('[')
}
