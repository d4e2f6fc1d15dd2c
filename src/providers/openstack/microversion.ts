import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Session } from './session.ts'

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
 * The minor number of the microversion that we speak with a cloud: 90 for 2.90, or the newest that it has.
 *
 * @throws {CloudError} unsupported when all it has is too new for us; provider-failed
 * @see Nova, API guide: Microversions
 */
export async function chooseMicroversion(session: Session, name: string): Promise<number> {
  const answer = await session.request('compute', { method: 'GET', path: '', atVersion: true })
  const json = answer.json()
  if (!body.Check(json))
    throw new CloudError('provider-failed', `${name}: the compute service does not tell its version; is it Nova?`)
  const [min, max] = [minorOf(json.version.min_version) ?? FLOOR_MINOR, minorOf(json.version.version) ?? FLOOR_MINOR]
  if (min > WANTED_MINOR)
    throw new CloudError(
      'unsupported',
      `${name}: Nova speaks 2.${min} and later; this Bellhop speaks up to 2.${WANTED_MINOR}`,
    )
  return Math.min(max, WANTED_MINOR)
}

function minorOf(version: string | undefined): number | undefined {
  const minor = /^2\.(\d{1,4})$/.exec(version ?? '')?.[1]
  return minor === undefined ? undefined : Number(minor)
}
