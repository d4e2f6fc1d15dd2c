import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../model/errors.ts'

/** Where a driver looks for what the settings do not say: in the variables and files of its cloud's own tools. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** @throws what `node:fs` throws where the file is not there, or not for us */
  readonly readFile: (path: string) => Promise<string>
  readonly home: string
}

/** What is around this process. */
export function thisMachine(): Surroundings {
  return { env: process.env, readFile: (path) => readFile(path, 'utf8'), home: homedir() }
}

/**
 * What the configuration says to one provider, checked.
 *
 * @throws {CloudError} invalid naming the provider, each key that is wrong or unknown, and why
 */
export function checkSettings<Schema extends TSchema>(
  schema: Schema,
  settings: Readonly<Record<string, unknown>>,
  provider: string,
): Static<Schema> {
  const validator = Compile(schema)
  if (validator.Check(settings)) return settings
  const lines = validator.Errors(settings).map(({ instancePath, message, params }) => {
    const extra = 'additionalProperties' in params ? params.additionalProperties.join(', ') : ''
    const key = instancePath.slice(1).replaceAll('/', '.')
    return extra === '' ? `${key}: ${message}` : `${key === '' ? extra : `${key}.${extra}`}: is no setting here`
  })
  throw new CloudError('invalid', `provider ${provider}: ${[...new Set(lines)].join('; ')}`)
}
