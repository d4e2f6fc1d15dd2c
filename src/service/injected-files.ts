import { DISK_LAYOUTS } from '../layouts/index.ts'
import type { Context, InjectedFile } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import type { FileEntry, Files } from '../model/files.ts'

/**
 * Where cloud-init looks for the files of a layout in the machine itself.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html (Local filesystem)
 */
const SEEDS: Readonly<Record<string, string>> = { nocloud: 'var/lib/cloud/seed/nocloud-net' }

/** cloud-init takes a folder for a seed where it has both. */
const NEEDED: ReadonlySet<string> = new Set(['meta-data', 'user-data'])

const SEED = { mode: 0o600, uid: 0, gid: 0 }
/** Of a file whose user says nothing else. */
const FILE_MODE = 0o644

/**
 * What is written into a machine's own disk: the layouts' files, which nobody but root may read, and the user's files where they
 * belong. Paths are relative to the guest's root.
 *
 * @throws {CloudError} unsupported for a layout that no guest looks for in its own disk
 */
export function injectedFiles(context: Context, layouts: readonly string[]): Files {
  const seeds = layouts.flatMap((name) => seedOf(context, name))
  return new Map([...seeds, ...context.files.map(toEntry)])
}

/** Whether a file's owner and group can be told without the guest's own table of names. */
export function isOwnerKnown({ owner, group }: Pick<InjectedFile, 'owner' | 'group'>): boolean {
  return [owner, group].every((name) => toId(name) !== undefined)
}

function seedOf(context: Context, name: string): readonly (readonly [string, FileEntry])[] {
  const [layout, folder] = [DISK_LAYOUTS[name], SEEDS[name]]
  if (!layout || folder === undefined)
    throw new CloudError(
      'unsupported',
      `no guest looks for the layout ${name} in its own disk; nocloud can be injected`,
    )
  return [...layout.render(context)]
    .filter(([file, { bytes }]) => bytes.length > 0 || NEEDED.has(file))
    .map(([file, entry]) => [`${folder}/${file}`, { ...entry, ...SEED }] as const)
}

function toEntry({ path, bytes, mode = FILE_MODE, owner, group }: InjectedFile): readonly [string, FileEntry] {
  // A name stands for a number in the guest alone. Who is not known has no right to it.
  return [path.replace(/^\/+/, ''), { bytes, mode, uid: toId(owner) ?? 0, gid: toId(group) ?? 0 }]
}

function toId(name = 'root'): number | undefined {
  if (name === 'root') return 0
  return /^\d{1,9}$/.test(name) ? Number(name) : undefined
}
