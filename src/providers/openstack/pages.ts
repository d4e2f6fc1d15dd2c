import { CloudError } from '../../model/errors.ts'

/** So many pages are more than any list of ours has. */
const MAX_PAGES = 1000

/**
 * Everything of a list that comes in pages.
 *
 * @param page asks for what stands after the item with this id
 * @throws {CloudError} provider-failed when the pages do not end
 */
export async function allPages<T extends { readonly id: string }>(
  page: (marker: string | undefined) => Promise<{ readonly items: readonly T[]; readonly hasMore: boolean }>,
  what: string,
): Promise<readonly T[]> {
  const all: T[] = []
  for (let count = 0; count < MAX_PAGES; count++) {
    const { items, hasMore } = await page(all.at(-1)?.id)
    all.push(...items)
    if (!hasMore || items.length === 0) return all
  }
  throw new CloudError('provider-failed', `${what}: the pages do not end`)
}
