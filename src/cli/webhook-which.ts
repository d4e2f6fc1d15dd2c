import { theOne } from './which-instance.ts'

/**
 * The webhook that is given by its id, or by a beginning of it that no other has.
 *
 * @throws {CloudError} not-found; conflict where several are meant
 */
export function whichWebhook<W extends { readonly id: string }>(webhooks: readonly W[], given: string): W {
  const wanted = given.toLowerCase()
  const found = wanted === '' ? [] : webhooks.filter(({ id }) => id.startsWith(wanted))
  return theOne(found, given, ['webhook', 'bellhop webhook ls'])
}
