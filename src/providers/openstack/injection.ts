import { Buffer } from 'node:buffer'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { InjectedFile } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import { checkFiles } from '../limits.ts'
import type { FilesCapability } from '../provider.ts'
import type { Session } from './session.ts'

/** The last microversion, by its minor number, in which Nova injects files. */
export const LAST_WITH_FILES = 56

const CONTENT_MAX_CHARACTERS = 10_240

/** What Nova takes where a site does not say otherwise. @see Nova, Configuration: `[quota] injected_files` and its like */
export const FILE_LIMITS: FilesCapability = {
  max: 5,
  eachMaxBytes: bytesIn(CONTENT_MAX_CHARACTERS),
  pathMaxCharacters: 255,
  carries: [],
}

/** What a user can do about keys and files that Nova does not carry. */
export const OTHER_WAYS =
  'put the rest into user data (#cloud-config has ssh_authorized_keys and write_files), or ask the site to set vendordata'

const body = Compile(
  Type.Object({
    limits: Type.Object({
      absolute: Type.Object({
        maxPersonality: Type.Optional(Type.Integer()),
        maxPersonalitySize: Type.Optional(Type.Integer()),
      }),
    }),
  }),
)

/**
 * Whether this project may have the files injected.
 *
 * @param minor of a microversion in which Nova still tells its limits of files
 * @throws {CloudError} too-large, unsupported naming limit and size; provider-failed
 * @see Nova, Compute API: Limits
 */
export async function checkSiteFiles(
  session: Session,
  who: string,
  minor: number,
  files: readonly InjectedFile[],
): Promise<void> {
  const answer = await session.request('compute', { method: 'GET', path: '/limits', microversion: `2.${minor}` })
  const json = answer.json()
  if (!body.Check(json)) throw new CloudError('provider-failed', `${who}: the answer is no limits as Nova shows them`)
  const { maxPersonality, maxPersonalitySize } = json.limits.absolute
  const limit = {
    ...FILE_LIMITS,
    max: orUnlimited(maxPersonality ?? FILE_LIMITS.max),
    eachMaxBytes: bytesIn(orUnlimited(maxPersonalitySize ?? CONTENT_MAX_CHARACTERS)),
  }
  checkFiles(files, { who, limit, otherWays: OTHER_WAYS })
}

function orUnlimited(limit: number): number {
  return limit === -1 ? Infinity : limit
}

/** Nova counts a file's base64, as it comes. */
function bytesIn(characters: number): number {
  return Math.floor(characters / 4) * 3
}

/** Files as Nova takes them. @see Nova, Compute API: Create server, `personality` */
export function toPersonality(
  files: readonly InjectedFile[],
): readonly { readonly path: string; readonly contents: string }[] {
  return files.map(({ path, bytes }) => ({ path, contents: Buffer.from(bytes).toString('base64') }))
}
