import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import { LAST_WITH_FILES } from './injection.ts'
import type { Session } from './session.ts'

/** Minor numbers of the microversions that we speak with a cloud: 90 for 2.90. */
export interface Microversions {
  readonly spoken: number
  /** Of the one request that makes a server with files; absent: this cloud injects none any more. */
  readonly withFiles?: number
}

/** The newest of which we know what it changes; a cloud that has it gives us host names. */
const WANTED_MINOR = 90

/** What a Nova speaks that names no microversion. */
const FLOOR_MINOR = 1

const body = Compile(
  Type.Object({
    version: Type.Object({ version: Type.Optional(Type.String()), min_version: Type.Optional(Type.String()) }),
  }),
)

/**
 * The newest microversions that a cloud has and we know.
 *
 * @param most what the site wants to be asked with at most: `2.79`; `latest` and absent set no limit
 * @throws {CloudError} unsupported when all it has is too new for us, or for that limit; provider-failed
 * @see Nova, API guide: Microversions
 */
export async function chooseMicroversions(session: Session, name: string, most?: string): Promise<Microversions> {
  const answer = await session.request('compute', { method: 'GET', path: '', atVersion: true })
  const json = answer.json()
  if (!body.Check(json))
    throw new CloudError('provider-failed', `${name}: the compute service does not tell its version; is it Nova?`)
  const [min, max] = [minorOf(json.version.min_version) ?? FLOOR_MINOR, minorOf(json.version.version) ?? FLOOR_MINOR]
  const limit = minorOf(most) ?? WANTED_MINOR
  if (min > WANTED_MINOR)
    throw new CloudError(
      'unsupported',
      `${name}: Nova speaks 2.${min} and later; this Bellhop speaks up to 2.${WANTED_MINOR}`,
    )
  if (min > limit)
    throw new CloudError(
      'unsupported',
      `${name}: Nova speaks 2.${min} and later; clouds.yaml allows up to 2.${limit} (compute_default_microversion, compute_api_version)`,
    )
  const spoken = Math.min(max, WANTED_MINOR, limit)
  return { spoken, ...(min <= LAST_WITH_FILES ? { withFiles: Math.min(spoken, LAST_WITH_FILES) } : {}) }
}

function minorOf(version: string | undefined): number | undefined {
  const minor = /^2\.(\d{1,4})$/.exec(version ?? '')?.[1]
  return minor === undefined ? undefined : Number(minor)
}
