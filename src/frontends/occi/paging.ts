import { CloudError } from '../../model/errors.ts'
import type { HttpRequest } from '../http.ts'

/** More on one page is refused, as the specification demands of every server that has a limit. */
const PAGE_MAX = 1000

/**
 * The part of a list that `page` and `number` ask for, counted from page 1; without them all of it.
 *
 * @throws {CloudError} too-large when `number` is above the limit; invalid when one is missing or no number
 * @see GFD.223 section 5.6
 */
export function pageOf<T>(all: readonly T[], { query }: Pick<HttpRequest, 'query'>): readonly T[] {
  // Some put `;` between the two, as the specification's own example does.
  const given = new URLSearchParams(query.toString().replaceAll(/%3B(\w+)%3D/g, '&$1='))
  if (!given.has('page') && !given.has('number')) return all
  const [page, number] = [numberIn(given, 'page'), numberIn(given, 'number')]
  if (number > PAGE_MAX)
    throw new CloudError('too-large', `number=${number} is above ${PAGE_MAX}, the most on one page`)
  return all.slice((page - 1) * number, page * number)
}

function numberIn(query: URLSearchParams, name: string): number {
  const text = query.get(name)
  if (text === null) throw new CloudError('invalid', `page and number go together; ${name} is missing`)
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new CloudError('invalid', `${name}=${text.slice(0, 50)} is no number above 0`)
}
