import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../model/errors.ts'

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
