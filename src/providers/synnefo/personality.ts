import { Buffer } from 'node:buffer'
import type { InjectedFile } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { FilesCapability } from '../provider.ts'

/** Cyclades counts the base64 of a file, not its bytes. @see Synnefo, settings: MAX_PERSONALITY, MAX_PERSONALITY_SIZE */
const CONTENT_MAX_CHARACTERS = 10_240

/** So many bytes have that base64. */
export const FILE_MAX_BYTES = (CONTENT_MAX_CHARACTERS / 4) * 3

/** What sites take where they do not say otherwise; what they say, they tell nobody. */
export const FILE_LIMITS: FilesCapability = {
  max: 5,
  eachMaxBytes: FILE_MAX_BYTES,
  // Of any system with files.
  pathMaxCharacters: 4095,
  carries: ['mode', 'owner', 'group'],
}

/** A file as Cyclades takes it. @see Synnefo, Compute API: Create server, `personality` */
export interface Personality {
  readonly path: string
  readonly contents: string
  /** The permission bits as the number that they are: a text passes, and breaks the build. */
  readonly mode?: number
  readonly owner?: string
  readonly group?: string
}

/** What snf-image's scripts pass on unchanged: they split at blanks, expand patterns, take backslashes away, and know ASCII alone. */
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[!-)+-.0->@-Z^-~]+)+$/

/** snf-image looks them up by name, with grep. */
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,31}$/

/**
 * Files as Cyclades takes them. What it takes and snf-image then spoils, or fails at, is refused.
 *
 * @throws {CloudError} unsupported naming the path
 * @see snf-image, tasks/60EnforcePersonality
 */
export function toPersonality(files: readonly InjectedFile[]): readonly Personality[] {
  return files.map(({ path, bytes, mode, owner, group }) => {
    const shown = JSON.stringify(path.slice(0, 80))
    if (!PATH.test(path))
      throw new CloudError(
        'unsupported',
        `files: ${shown} is a path that Synnefo would spoil; it takes printable ASCII without blanks * ? [ ] and \\, each part with a name`,
      )
    for (const [key, name] of [['owner', owner] as const, ['group', group] as const])
      if (name !== undefined && !NAME.test(name))
        throw new CloudError(
          'unsupported',
          `files: the ${key} of ${shown} must be a name of the image's own: letters, digits, _ and -, no number`,
        )
    return {
      path,
      contents: Buffer.from(bytes).toString('base64'),
      ...(mode === undefined ? {} : { mode }),
      ...(owner === undefined ? {} : { owner }),
      ...(group === undefined ? {} : { group }),
    }
  })
}
