import { Buffer } from 'node:buffer'
import { isObject } from '../../src/formats/json.ts'
import { badRequest, overLimit, unexpected } from './fault.ts'
import type { Limits, Personality } from './model.ts'

const KEYS: ReadonlySet<string> = new Set(['contents', 'group', 'mode', 'owner', 'path'])

/**
 * Checks files to be injected as Cyclades does: it counts the base64 before it decodes it, and looks at nothing else.
 *
 * @see synnefo/api/util.py: verify_personality
 */
export function verifyPersonality(given: unknown, limits: Limits): readonly Personality[] {
  if (!Array.isArray(given)) throw badRequest('Malformed request')
  if (given.length > limits.personality) throw overLimit('Maximum number of personalities exceeded')
  return given.map((file: unknown) => {
    if (!isObject(file) || !Object.keys(file).every((key) => KEYS.has(key)))
      throw badRequest('Malformed personality in request')
    const { contents } = file
    // A KeyError, which nothing expects.
    if (contents === undefined) throw unexpected()
    if (typeof contents !== 'string') throw badRequest('Malformed personality in request')
    if (contents.length > limits.personalityCharacters) throw overLimit('Maximum size of personality exceeded')
    if (!isPadded(contents)) throw badRequest('Malformed personality in request')
    return { ...file, contents }
  })
}

/** @see synnefo/api/util.py: verify_user_data */
export function verifyUserData(given: unknown): string {
  if (typeof given !== 'string') throw unexpected()
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(given)) return given
  throw badRequest('Marformed user_data request')
}

/** Python passes over what is no base64, and wants the padding. */
function isPadded(contents: string): boolean {
  return contents.replaceAll(/[^A-Za-z0-9+/=]/g, '').length % 4 === 0
}

/** The bytes of a file to be injected. */
export function contentsOf({ contents }: Personality): Uint8Array {
  return Buffer.from(contents, 'base64')
}
