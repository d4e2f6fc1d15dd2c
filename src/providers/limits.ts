import type { InjectedFile } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import type { FilesCapability } from './provider.ts'

/** A limit, and who has it. */
export interface Limit<T> {
  /** For people. */
  readonly who: string
  readonly limit: T
  /** What to do instead, for people. */
  readonly otherWays?: string | undefined
}

/**
 * Whether files reach a guest whole.
 *
 * @throws {CloudError} too-large naming limit and size, unsupported naming what of a file would be lost
 */
export function checkFiles(
  files: readonly InjectedFile[],
  { who, limit: { max, eachMaxBytes, pathMaxCharacters, carries }, otherWays }: Limit<FilesCapability>,
): void {
  const refused = (code: 'too-large' | 'unsupported', message: string) =>
    new CloudError(code, withWays(`files: ${message}`, otherWays))
  if (files.length > max) throw refused('too-large', `there are ${files.length}; ${who} takes ${max}`)
  for (const file of files) {
    const [pathCharacters, path] = [Array.from(file.path).length, file.path.slice(0, SHOWN_CHARACTERS)]
    if (pathCharacters > pathMaxCharacters)
      throw refused(
        'too-large',
        `the path ${path}… has ${pathCharacters} characters; ${who} takes ${pathMaxCharacters}`,
      )
    if (file.bytes.byteLength > eachMaxBytes)
      throw refused('too-large', `${path} is ${file.bytes.byteLength} bytes; ${who} takes ${eachMaxBytes} in each`)
    const lost = (['mode', 'owner', 'group'] as const).find((key) => file[key] !== undefined && !carries.includes(key))
    if (lost) throw refused('unsupported', `${path} has its own ${lost}, which ${who} does not carry`)
  }
}

/** @throws {CloudError} unsupported naming how many keys reach a guest */
export function checkKeys(publicKeys: readonly unknown[], { who, limit, otherWays }: Limit<number>): void {
  if (publicKeys.length <= limit) return
  throw new CloudError(
    'unsupported',
    withWays(`publicKeys: there are ${publicKeys.length}; ${who} gives a guest ${limit}`, otherWays),
  )
}

const SHOWN_CHARACTERS = 80

function withWays(problem: string, otherWays: string | undefined): string {
  return otherWays === undefined ? problem : `${problem}; ${otherWays}`
}
