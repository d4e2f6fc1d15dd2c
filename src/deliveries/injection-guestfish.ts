import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quoted } from '../disks/disk.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import { runProgram } from '../wire/programs.ts'
import type { Inode } from './injection-debugfs.ts'
import { keptNames, toWrites, type FileWrite, type Found } from './injection-ext-writes.ts'
import type { Injection, InjectionOptions } from './injection-outcome.ts'
import { parentOf, pathsTo } from './injection-paths.ts'
import { isExt, listed, type Place, type Places } from './injection-place.ts'

/** The image, and what is known of it. */
interface Target {
  readonly folder: string
  readonly file: string
  /** The partition that is asked for; else guestfish looks for the guest's root. */
  readonly place: Place | undefined
}

const GUESTFISH = { program: 'guestfish', debianPackage: 'libguestfs-tools' } as const
/** It boots a machine for it, which takes half a minute where there is no KVM. */
const LIMIT_MS = 600_000
const MARK = '@@@'
const SELINUX_CONFIG = '/etc/selinux/config'
const RELABEL = '.autorelabel'

/** Kinds in which no guest has its root, or that need a key. */
const NEVER: ReadonlySet<string | undefined> = new Set(['luks', 'swap', 'iso', 'vfat', undefined])

/**
 * Writes files into a file system that debugfs does not know, in a machine of libguestfs, and reads them back.
 *
 * @throws {CloudError} unsupported when nothing can hold a guest's root, or guestfish is not installed or cannot find it; conflict as with ext
 */
export async function injectByGuestfish(
  { folder, file }: Omit<Target, 'place'>,
  { found, place }: { readonly found: Places; readonly place: Place | undefined },
  files: Files,
  { existing = 'refuse', isTrial = false }: InjectionOptions,
): Promise<Injection> {
  const places = place ? [place] : found.places.filter(({ fileSystem }) => !isExt(fileSystem))
  if (places.every(({ fileSystem }) => NEVER.has(fileSystem?.kind)))
    throw new CloudError('unsupported', `nothing here can be a guest's root: ${listed(place ? places : found.places)}`)
  const target = { folder, file, place }
  const wanted = new Map([...files].map(([path, entry]): [string, Found] => [`/${path}`, { entry }]))
  const survey = await look(target, [...wanted.keys()], places)
  for (const [index, [path, { entry }]] of [...wanted].entries()) {
    const bytes = await readFile(join(folder, `was.${index}`)).catch(() => undefined)
    if (bytes?.equals(entry.bytes)) wanted.set(path, { entry, isSame: true })
  }
  const isRelabelled = survey.usesSelinux && survey.known.get(`/${RELABEL}`) === undefined
  if (isRelabelled) wanted.set(`/${RELABEL}`, { entry: { bytes: new Uint8Array(), mode: 0o600 } })
  const writes = toWrites(survey.known, wanted, existing)
  if (!isTrial) await write(target, writes.files)
  return {
    partition: survey.partition,
    fileSystem: survey.fileSystem,
    by: 'guestfish',
    files: writes.files.map(({ bytes: _, label: __, before: ___, ...rest }) => rest),
    folders: writes.folders.map(({ path }) => path),
    remarks: [
      ...found.remarks,
      ...(isRelabelled ? ['the guest gives all files their SELinux labels at its next boot (/.autorelabel)'] : []),
    ],
  }
}

interface Survey {
  readonly known: ReadonlyMap<string, Inode | undefined>
  readonly partition: number
  readonly fileSystem: string
  readonly usesSelinux: boolean
}

async function look(target: Target, paths: readonly string[], places: readonly Place[]): Promise<Survey> {
  const all = [...new Set([...paths.flatMap(pathsTo), ...paths.flatMap(keptNames), SELINUX_CONFIG, `/${RELABEL}`])]
  const [mounts = '', config = '', ...answers] = await ask(
    target,
    [
      'mountpoints',
      `-cat ${SELINUX_CONFIG}`,
      // Folders through their symbolic links, which lead nowhere out of the image there; files as they are.
      ...all.map((path) => `-${paths.includes(path) ? 'lstatns' : 'statns'} ${word(path)}`),
      ...paths.map((path, index) => `-download ${word(path)} was.${index}`),
    ],
    '--ro',
  )
  const [, device = '/dev/sda'] = /^(\S+): \/$/m.exec(mounts) ?? []
  const number = /^\/dev\/sda(\d+)$/.exec(device)?.[1]
  const own =
    places.find(({ partition }) => partition === Number(number ?? 0)) ??
    places.find(({ fileSystem }) => fileSystem?.kind === 'lvm')
  return {
    known: new Map(all.map((path, index) => [path, toInode(answers[index] ?? '')])),
    partition: own?.partition ?? Number(number ?? 0),
    fileSystem: own?.fileSystem?.kind === 'lvm' ? `${device} on lvm` : (own?.fileSystem?.kind ?? device),
    usesSelinux: /^\s*SELINUX\s*=\s*(?:enforcing|permissive)\s*$/m.test(config),
  }
}

async function write(target: Target, files: readonly FileWrite[]): Promise<void> {
  const commands: string[] = []
  for (const [index, { path, bytes, mode, uid, gid, was, keptAs }] of files.entries()) {
    const name = word(path)
    if (was !== 'unchanged') {
      await writeFile(join(target.folder, `file.${index}`), bytes, { mode: 0o600 })
      commands.push(`mkdir-p ${word(parentOf(path))}`)
      if (keptAs !== undefined) commands.push(`mv ${name} ${word(keptAs)}`)
      if (was === 'replaced') commands.push(`rm ${name}`)
      commands.push(`upload file.${index} ${name}`, `chown ${uid} ${gid} ${name}`, `chmod 0${mode.toString(8)} ${name}`)
    }
  }
  const readBack = files.flatMap(({ path }, index) => [`lstatns ${word(path)}`, `download ${word(path)} is.${index}`])
  const answers = (await ask(target, [...commands, ...readBack], '--rw')).slice(commands.length)
  for (const [index, file] of files.entries()) {
    const { type, mode, uid, gid } = toInode(answers[index * 2] ?? '') ?? {}
    const is = [type, mode, uid, gid, sha256(await readFile(join(target.folder, `is.${index}`)))].join(', ')
    const wanted = ['regular', file.mode, file.uid, file.gid, file.sha256].join(', ')
    if (is !== wanted)
      throw new CloudError(
        'provider-failed',
        `${quoted(file.path)}: what was read back (${is}) is not what was to be written (${wanted})`,
      )
  }
}

/** Runs commands in one machine; those with `-` before them may fail. @returns what each printed */
async function ask(
  { folder, file, place }: Target,
  commands: readonly string[],
  mode: '--ro' | '--rw',
): Promise<readonly string[]> {
  const device = place && `/dev/sda${place.partition === 0 ? '' : place.partition}`
  await writeFile(join(folder, 'guestfish'), commands.map((command) => `${command}\necho ${MARK}\n`).join(''), {
    mode: 0o600,
  })
  const parameters = [
    mode,
    '--format=raw',
    '-a',
    file,
    ...(device === undefined ? ['-i'] : ['-m', device]),
    '-f',
    'guestfish',
  ]
  let ended = await run(parameters, folder)
  // It takes a KVM that is there for one that works. Nothing was done to the image yet.
  if (ended.exitCode !== 0 && ended.stderr.includes('guestfs_launch failed'))
    ended = await run(parameters, folder, { LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' })
  const { exitCode, stdout, stderr } = ended
  if (exitCode === 0) return stdout.split(`${MARK}\n`)
  const said = stderr.split('\n').find((line) => line.trim() !== '') ?? `exit code ${exitCode}`
  throw new CloudError('unsupported', `guestfish cannot work on the image: ${said}`)
}

async function run(
  parameters: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): ReturnType<typeof runProgram> {
  try {
    const environment = { LC_ALL: 'C.UTF-8', LIBGUESTFS_BACKEND: 'direct', ...more }
    return await runProgram(GUESTFISH.program, parameters, { ...GUESTFISH, limitMs: LIMIT_MS, cwd, environment })
  } catch (cause) {
    if (!isCloudError(cause, 'unavailable')) throw cause
    throw new CloudError(
      'unsupported',
      `no partition with ext2, ext3 or ext4 has /etc, and other file systems need guestfish: ${cause.message}`,
      { cause },
    )
  }
}

function word(path: string): string {
  return `"${path.replaceAll('\\', '\\\\')}"`
}

const TYPES: Readonly<Record<number, string>> = { 4: 'directory', 8: 'regular', 10: 'symlink' }

/** @see https://libguestfs.org/guestfs.3.html (guestfs_lstatns) */
function toInode(answer: string): Inode | undefined {
  const field = (name: string) => Number(new RegExp(`^st_${name}: (\\d+)$`, 'm').exec(answer)?.[1])
  const mode = field('mode')
  if (Number.isNaN(mode)) return undefined
  return {
    type: TYPES[mode >> 12] ?? 'device',
    mode: mode & 0o7777,
    uid: field('uid'),
    gid: field('gid'),
    sizeBytes: field('size'),
    links: field('nlink'),
    flags: 0,
  }
}
