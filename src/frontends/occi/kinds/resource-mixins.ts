import { CloudError } from '../../../model/errors.ts'
import type { Attribute } from '../attributes.ts'
import type { CheckedEntity } from '../check.ts'
import type { Value } from '../representation.ts'

/** The provider at which the client wants it. @throws {CloudError} invalid when he names several */
export function providerOf({ mixins }: CheckedEntity): string | undefined {
  const [provider, ...more] = mixins.flatMap((mixin) => (mixin.provider === undefined ? [] : [mixin.provider]))
  if (more.length === 0) return provider
  throw new CloudError('invalid', `it can be at one provider, not at ${[provider, ...more].join(' and ')}`)
}

/**
 * Settings that come back as they were are no change.
 *
 * @throws {CloudError} unsupported when one is to become another
 */
export function requireSame(
  settings: readonly Attribute[],
  { attributes }: Pick<CheckedEntity, 'attributes'>,
  standing: ReadonlyMap<string, Value>,
  what: string,
  advice = 'delete it and make another',
): void {
  const changed = settings.find(({ name }) => attributes.has(name) && attributes.get(name) !== standing.get(name))
  if (changed) throw new CloudError('unsupported', `${changed.name} of ${what} cannot be changed; ${advice}`)
}
