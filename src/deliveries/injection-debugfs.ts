import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloudError } from '../model/errors.ts'
import { runProgram } from '../wire/programs.ts'

/** Where an ext2, ext3 or ext4 stands. */
export interface ExtPlace {
  /** The folder of the injection: what is read and written by the way is there. */
  readonly folder: string
  /** The image's name in it. */
  readonly file: string
  readonly startBytes: number
}

/** What debugfs tells of a file, a folder or whatever else has a name. */
export interface Inode {
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly links: number
  readonly flags: number
  /** Where a symbolic link leads, unless it is too long to stand in its inode. */
  readonly target?: string
}

const DEBUGFS = { program: 'debugfs', debianPackage: 'e2fsprogs' } as const
const LIMIT_MS = 120_000

/** Debian has it where only root looks for programs. */
const ENVIRONMENT = { LC_ALL: 'C', PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin` } as const

/**
 * Lets debugfs do commands one after the other. It tells of no failure but in words, and goes on: what came of them must be looked at.
 *
 * @returns what it printed for each
 * @throws {CloudError} unavailable when it is not installed; unsupported when it cannot open the file system; timeout
 */
export async function askDebugfs(
  { folder, file, startBytes }: ExtPlace,
  commands: readonly string[],
  purpose: 'read' | 'write',
): Promise<readonly string[]> {
  await writeFile(join(folder, 'commands'), `${commands.join('\n')}\n`, { mode: 0o600 })
  const { exitCode, stdout, stderr } = await runProgram(
    DEBUGFS.program,
    [...(purpose === 'write' ? ['-w'] : []), '-f', 'commands', `${file}?offset=${startBytes}`],
    { ...DEBUGFS, limitMs: LIMIT_MS, cwd: folder, environment: ENVIRONMENT },
  )
  if (exitCode === null) throw new CloudError('timeout', `debugfs was not done in ${LIMIT_MS / 1000} s`)
  const complaint = stderr.split('\n').find((line) => line.startsWith(`debugfs: `) || line.includes('while opening'))
  if (exitCode !== 0 || complaint !== undefined || stdout.includes('Filesystem not open'))
    throw new CloudError('unsupported', `debugfs cannot work on the file system: ${complaint ?? stderr.trim()}`)
  return answersOf(stdout, commands)
}

/** It repeats each command before it answers. */
export function answersOf(stdout: string, commands: readonly string[]): readonly string[] {
  let at = 0
  const starts = commands.map((command) => {
    const echo = `debugfs: ${command}\n`
    const found = stdout.indexOf(echo, at)
    if (found === -1) return { before: at, after: at }
    at = found + echo.length
    return { before: found, after: at }
  })
  return starts.map(({ after }, index) => stdout.slice(after, starts[index + 1]?.before ?? stdout.length))
}

/** A path as a word of a command; {@link checkPaths} refuses what cannot be one. */
export function word(path: string): string {
  return `"${path}"`
}

/** Reads the answer to `stat`; `undefined` where nothing has that name. */
export function toInode(answer: string): Inode | undefined {
  const [, type, mode = '', flags = ''] =
    /^Inode: \d+ +Type: (.+?) +Mode: +([0-7]+) +Flags: 0x([\da-f]+)$/m.exec(answer) ?? []
  const [, uid, gid, sizeBytes] =
    /^User: +(-?\d+) +Group: +(-?\d+) +(?:Project: +-?\d+ +)?Size: (\d+)$/m.exec(answer) ?? []
  const [, links] = /^Links: (\d+) /m.exec(answer) ?? []
  if (type === undefined || uid === undefined) return undefined
  const [, target] = /^Fast link dest: "([^]*)"$/m.exec(answer) ?? []
  return {
    type,
    mode: Number.parseInt(mode, 8),
    // Those above 2^31 it prints as if they were negative.
    uid: Number(uid) >>> 0,
    gid: Number(gid) >>> 0,
    sizeBytes: Number(sizeBytes),
    links: Number(links),
    flags: Number.parseInt(flags, 16),
    ...(target === undefined ? {} : { target }),
  }
}
