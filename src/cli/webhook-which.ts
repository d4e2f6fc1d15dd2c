import { CloudError } from '../model/errors.ts'

/**
 * The webhook that is given by its id, or by a beginning of it that no other has.
 *
 * @throws {CloudError} not-found; conflict where several are meant
 */
export function whichWebhook<W extends { readonly id: string }>(webhooks: readonly W[], given: string): W {
  const wanted = given.toLowerCase()
  const [first, ...more] = wanted === '' ? [] : webhooks.filter(({ id }) => id.startsWith(wanted))
  if (!first)
    throw new CloudError('not-found', `there is no webhook "${given}"; bellhop webhook ls shows those that there are`)
  if (more.length === 0) return first
  const ids = [first, ...more].map(({ id }) => id).join(', ')
  throw new CloudError('conflict', `"${given}" is ${more.length + 1} webhooks: ${ids}; give more of the id`)
}
