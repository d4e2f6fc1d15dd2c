import type { Database } from './tables.ts'

/** What an image, size or network is named by. */
export interface Template {
  readonly provider: string
  readonly remoteId: string
  readonly title: string
}

/** Which of the name spaces. */
export type TemplateKind = 'image' | 'size' | 'network'

/** Long titles make no better names; a suffix still fits within 64 characters. */
const SLUG_MAX_LENGTH = 56

/**
 * A title as one word of `[a-z0-9][a-z0-9-]*`: OCCI terms and host names allow no more.
 *
 * @returns `''` when nothing of `text` can stand in it
 */
function slugOf(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, SLUG_MAX_LENGTH)
    .replace(/-$/, '')
}

/** @returns the names that `templates` were given before, in their order; `undefined` for those that have none yet */
export async function knownNames(
  database: Database,
  kind: TemplateKind,
  templates: readonly Template[],
): Promise<readonly (string | undefined)[]> {
  const rows = await rowsOf(database, kind)
  const names = new Map(rows.map(({ provider, remote_id, name }) => [keyOf(provider, remote_id), name]))
  return templates.map(({ provider, remoteId }) => names.get(keyOf(provider, remoteId)))
}

/** Names those that have no name yet. @returns all names, in the order of `templates` */
export async function giveNames(
  database: Database,
  kind: TemplateKind,
  templates: readonly Template[],
): Promise<readonly string[]> {
  const rows = await rowsOf(database, kind)
  const taken = new Set(rows.map(({ name }) => name))
  const names = new Map(rows.map(({ provider, remote_id, name }) => [keyOf(provider, remote_id), name]))
  const given: string[] = []
  for (const template of templates) {
    const key = keyOf(template.provider, template.remoteId)
    const name = names.get(key) ?? (await giveName(database, kind, template, taken))
    names.set(key, name)
    taken.add(name)
    given.push(name)
  }
  return given
}

async function giveName(
  database: Database,
  kind: TemplateKind,
  { provider, remoteId, title }: Template,
  taken: ReadonlySet<string>,
): Promise<string> {
  const stem = `${provider}-${slugOf(title) || slugOf(remoteId) || kind}`
  // Another node may have named it, or have taken the name, since the rows were read.
  for (let count = 1; ; count++) {
    const name = count === 1 ? stem : `${stem}-${count}`
    if (taken.has(name)) continue
    const row = { kind, provider, remote_id: remoteId, name }
    const inserted = await database
      .insertInto('template_names')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .returning('name')
      .executeTakeFirst()
    if (inserted) return name
    const [theirs] = await knownNames(database, kind, [{ provider, remoteId, title }])
    if (theirs !== undefined) return theirs
  }
}

function rowsOf(database: Database, kind: TemplateKind) {
  return database
    .selectFrom('template_names')
    .select(['provider', 'remote_id', 'name'])
    .where('kind', '=', kind)
    .execute()
}

function keyOf(provider: string, remoteId: string): string {
  return JSON.stringify([provider, remoteId])
}
