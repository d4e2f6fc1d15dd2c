import { Buffer } from 'node:buffer'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quoted } from '../disks/disk.ts'
import type { ExtFileSystem } from '../disks/filesystems-ext.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import { askDebugfs, toInode, word, type ExtPlace, type Inode } from './injection-debugfs.ts'
import { keptNames, toWrites, type Found, type Writes } from './injection-ext-writes.ts'
import type { InjectionOptions, WrittenFile } from './injection-outcome.ts'
import { parentOf, pathsTo, resolvePath } from './injection-paths.ts'

/** What is known of an image before anything is written. */
type Nodes = Map<string, Inode | undefined>

const SELINUX_CONFIG = '/etc/selinux/config'
const RELABEL = '.autorelabel'
const SMALL_BYTES = 64 * 1024

/**
 * Writes files into an ext2, ext3 or ext4, without the kernel and without root, and reads them back.
 *
 * @param files paths relative to the root of the file system
 * @throws {CloudError} conflict when something has a file's name already, or a file stands where a folder is needed; too-large;
 *   unsupported when the file system has something that must not be written to; provider-failed when what is read back is not what
 *   was to be written
 */
export async function injectIntoExt(
  place: ExtPlace,
  fileSystem: ExtFileSystem,
  files: Files,
  { existing = 'refuse', isTrial = false }: InjectionOptions,
): Promise<{
  readonly files: readonly WrittenFile[]
  readonly folders: readonly string[]
  readonly remarks: readonly string[]
}> {
  const nodes: Nodes = new Map()
  await look(place, nodes, [
    '/',
    SELINUX_CONFIG,
    `/${RELABEL}`,
    ...[...files.keys()].flatMap((path) => pathsTo(`/${path}`)),
  ])
  const wanted = new Map<string, Found>()
  for (const [path, entry] of files) {
    const real = await resolve(place, nodes, `/${path}`)
    if (wanted.has(real)) throw new CloudError('conflict', `${quoted(path)}: another file leads to ${quoted(real)} too`)
    wanted.set(real, { entry })
  }
  const taken = [...wanted.keys()].filter((path) => nodes.get(path) !== undefined)
  if (existing === 'keep') await look(place, nodes, taken.flatMap(keptNames))
  await readFound(place, nodes, wanted)
  const hasLabels = [...wanted.values()].some(({ label }) => label !== undefined)
  const isRelabelled = !hasLabels && nodes.get(`/${RELABEL}`) === undefined && (await usesSelinux(place, nodes))
  if (isRelabelled) wanted.set(`/${RELABEL}`, { entry: { bytes: new Uint8Array(), mode: 0o600 } })
  const writes = toWrites(nodes, wanted, existing)
  checkRoom(writes, fileSystem)
  if (!isTrial) {
    await write(place, writes)
    await verify(place, writes)
  }
  return {
    files: writes.files.map(({ bytes: _, label: __, before: ___, ...file }) => file),
    folders: writes.folders.map(({ path }) => path),
    remarks: isRelabelled
      ? ['files have no SELinux labels here: the guest labels all at its next boot (/.autorelabel)']
      : [],
  }
}

/** Whether there is a folder of that name, links followed. */
export async function hasFolder(place: ExtPlace, path: string): Promise<boolean> {
  const nodes: Nodes = new Map()
  await look(place, nodes, ['/', path])
  return nodes.get(path)?.type === 'directory'
}

async function resolve(place: ExtPlace, nodes: Nodes, path: string): Promise<string> {
  for (;;) {
    const resolved = resolvePath(path, nodes)
    if ('path' in resolved) return resolved.path
    await look(place, nodes, [resolved.unknown])
  }
}

async function look(place: ExtPlace, nodes: Nodes, paths: readonly string[]): Promise<void> {
  const unknown = [...new Set(paths)].filter((path) => !nodes.has(path))
  if (unknown.length === 0) return
  const answers = await askDebugfs(
    place,
    unknown.map((path) => `stat ${word(path)}`),
    'read',
  )
  for (const [index, path] of unknown.entries()) nodes.set(path, toInode(answers[index] ?? ''))
  if (nodes.get('/')?.type !== 'directory')
    throw new CloudError(
      'unsupported',
      'debugfs cannot read the root of the file system: it is damaged, or has a feature that debugfs lacks',
    )
}

/** What stands at the files' places now, and the SELinux labels that they must have: their own, or as the guest's kernel would, their folder's. */
async function readFound(place: ExtPlace, nodes: Nodes, wanted: Map<string, Found>): Promise<void> {
  const entries = [...wanted].map(([path, found], index) => {
    const inode = nodes.get(path)
    const above = inode ? path : pathsTo(parentOf(path)).findLast((folder) => nodes.get(folder) !== undefined)
    const isLikely = inode?.type === 'regular' && inode.sizeBytes === found.entry.bytes.length
    return { path, found, index, above: above ?? '/', isLikely }
  })
  await askDebugfs(
    place,
    entries.flatMap(({ path, index, above, isLikely }) => [
      `ea_get -f label.${index} ${word(above)} security.selinux`,
      ...(isLikely ? [`dump ${word(path)} was.${index}`] : []),
    ]),
    'read',
  )
  for (const { path, found, index, isLikely } of entries) {
    const label = await readMade(place, `label.${index}`)
    const bytes = isLikely ? await readMade(place, `was.${index}`) : undefined
    const isSame = bytes !== undefined && bytes.equals(found.entry.bytes)
    wanted.set(path, { ...found, isSame, ...(label && label.length > 0 ? { label } : {}) })
  }
}

async function usesSelinux(place: ExtPlace, nodes: Nodes): Promise<boolean> {
  const config = nodes.get(SELINUX_CONFIG)
  if (config?.type !== 'regular' || config.sizeBytes > SMALL_BYTES) return false
  await askDebugfs(place, [`dump ${SELINUX_CONFIG} selinux`], 'read')
  const text = (await readMade(place, 'selinux'))?.toString('utf8') ?? ''
  return /^\s*SELINUX\s*=\s*(?:enforcing|permissive)\s*$/m.test(text)
}

/** What debugfs made in the injection's folder; `undefined` where it made nothing. */
async function readMade({ folder }: ExtPlace, name: string): Promise<Buffer | undefined> {
  return readFile(join(folder, name)).catch(() => undefined)
}

/** A block more for each file and folder: a longer folder, a tree of extents. */
function checkRoom({ files, folders }: Writes, { freeBytes, freeInodes, blockBytes }: ExtFileSystem): void {
  const made = files.filter(({ was }) => was !== 'unchanged')
  const neededBytes =
    made.reduce((sum, { bytes }) => sum + (Math.ceil(bytes.length / blockBytes) + 2) * blockBytes, 0) +
    folders.length * 2 * blockBytes
  if (made.length > 0 && neededBytes > freeBytes)
    throw new CloudError('too-large', `the files need ${neededBytes} bytes; the file system has ${freeBytes} left`)
  if (made.length + folders.length > freeInodes)
    throw new CloudError(
      'too-large',
      `the files and folders are ${made.length + folders.length}; the file system takes ${freeInodes} more`,
    )
}

async function write(place: ExtPlace, writes: Writes): Promise<void> {
  const commands: string[] = []
  const own = async (
    path: string,
    { mode, uid, gid, label }: { mode: number; uid: number; gid: number; label?: Buffer },
    name: string,
  ) => {
    const target = word(path)
    commands.push(`sif ${target} mode 0${mode.toString(8)}`, `sif ${target} uid ${uid}`, `sif ${target} gid ${gid}`)
    if (label === undefined) return
    await writeFile(join(place.folder, name), label)
    commands.push(`ea_set -f ${name} ${target} security.selinux`)
  }
  // Only what is not there may be made: debugfs damages a file system with a folder that it has.
  for (const [index, { path, label }] of writes.folders.entries()) {
    commands.push(`mkdir ${word(path)}`)
    await own(
      path,
      { mode: FOLDER_TYPE | FOLDER_MODE, uid: 0, gid: 0, ...(label ? { label } : {}) },
      `folder-label.${index}`,
    )
  }
  for (const [index, file] of writes.files.entries()) {
    const { path, was, bytes, keptAs } = file
    if (was === 'unchanged') continue
    if (keptAs !== undefined) commands.push(`ln ${word(path)} ${word(keptAs)}`, `unlink ${word(path)}`)
    if (was === 'replaced') commands.push(`rm ${word(path)}`)
    await writeFile(join(place.folder, `file.${index}`), bytes, { mode: 0o600 })
    commands.push(`write file.${index} ${word(path)}`)
    await own(path, { ...file, mode: FILE_TYPE | file.mode }, `file-label.${index}`)
  }
  if (commands.length > 0) await askDebugfs(place, commands, 'write')
}

const FILE_TYPE = 0o100_000
const FOLDER_TYPE = 0o040_000
const FOLDER_MODE = 0o755

/** debugfs tells of no failure: only what can be read back was written. */
async function verify(place: ExtPlace, { files, folders }: Writes): Promise<void> {
  const kept = files.flatMap(({ keptAs, before }) => (keptAs === undefined ? [] : [{ path: keptAs, before }]))
  const answers = await askDebugfs(
    place,
    [
      ...[...folders, ...files, ...kept].map(({ path }) => `stat ${word(path)}`),
      ...files.flatMap(({ path }, index) => [
        `dump ${word(path)} is.${index}`,
        `ea_get -f is-label.${index} ${word(path)} security.selinux`,
      ]),
    ],
    'read',
  )
  const inodes = answers.map(toInode)
  for (const [index, { path }] of folders.entries()) {
    const { type, mode, uid, gid } = inodes[index] ?? {}
    assertSame(path, [type, mode, uid, gid], ['directory', FOLDER_MODE, 0, 0])
  }
  for (const [index, file] of files.entries()) {
    const { type, mode, uid, gid, links } = inodes[folders.length + index] ?? {}
    assertSame(file.path, [type, mode, uid, gid], ['regular', file.mode, file.uid, file.gid])
    if (file.was !== 'unchanged') assertSame(file.path, [links], [1])
    const bytes = await readMade(place, `is.${index}`)
    assertSame(file.path, [bytes && sha256(bytes)], [file.sha256])
    const label = await readMade(place, `is-label.${index}`)
    if (file.label) assertSame(file.path, [label?.toString('hex')], [Buffer.from(file.label).toString('hex')])
  }
  for (const [index, { path, before }] of kept.entries()) {
    const { type, sizeBytes, links } = inodes[folders.length + files.length + index] ?? {}
    assertSame(path, [type, sizeBytes, links], [before?.type, before?.sizeBytes, before?.links])
  }
}

function assertSame(path: string, is: readonly unknown[], wanted: readonly unknown[]): void {
  if (is.every((value, index) => value === wanted[index])) return
  throw new CloudError(
    'provider-failed',
    `${quoted(path)}: what was read back (${is.join(', ')}) is not what was to be written (${wanted.join(', ')})`,
  )
}
