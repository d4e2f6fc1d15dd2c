import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { need } from './need.ts'

const MIB = 1024 ** 2
/** Where the partition of an image begins. */
export const PART_START = MIB

// Debian's e2fsprogs are where root alone looks for programs.
process.env['PATH'] = `${process.env['PATH']}:/usr/sbin:/sbin`

/** Whether all is there that makes, changes and checks images; else the test is skipped, or fails in CI. */
export function needImages(t: Pick<TestContext, 'skip'>): boolean {
  return (
    need(t, 'debugfs', 'e2fsprogs') &&
    need(t, 'qemu-img', 'qemu-utils') &&
    need(t, 'qemu-storage-daemon', 'qemu-system-common')
  )
}

/** What an image is to be. */
export interface ImageWish {
  readonly kind?: 'ext2' | 'ext3' | 'ext4'
  readonly format?: 'raw' | 'qcow2'
  readonly sizeMiB?: number
  /** Commands for debugfs that make more of it. */
  readonly commands?: readonly string[]
  /** A number of files in /etc/many, so that the folder is indexed. */
  readonly many?: number
  readonly mkfs?: readonly string[]
}

/** A folder that goes with the test. */
export async function testFolder(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-injection-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

/** An image with a partition table and one file system, as small guests have it. @returns its path */
export async function makeImage(folder: string, name: string, wish: ImageWish = {}): Promise<string> {
  const { kind = 'ext4', format = 'raw', sizeMiB = 32, commands = [], many = 0, mkfs = [] } = wish
  const root = await mkdtemp(join(folder, 'root-'))
  for (const path of ['etc/many', 'var/lib', 'run']) await mkdir(join(root, path), { recursive: true })
  await symlink('/run', join(root, 'var', 'run'))
  await writeFile(join(root, 'etc', 'motd'), 'welcome\n')
  for (let i = 0; i < many; i++) await writeFile(join(root, 'etc', 'many', `a file with quite a long name ${i}`), '')
  const raw = join(folder, `${name}.raw`)
  await writeFile(raw, '')
  await using file = await open(raw, 'r+')
  await file.truncate(sizeMiB * MIB)
  const table = Buffer.alloc(66)
  table.writeUInt8(0x83, 4)
  table.writeUInt32LE(PART_START / 512, 8)
  table.writeUInt32LE(((sizeMiB - 1) * MIB) / 512, 12)
  table.writeUInt16BE(0x55aa, 64)
  await file.write(table, 0, table.length, 446)
  run('mke2fs', '-q', '-F', '-t', kind, '-d', root, '-E', `offset=${PART_START}`, ...mkfs, raw, `${sizeMiB - 1}M`)
  debugfs(raw, commands, '-w')
  await rm(root, { recursive: true })
  if (format === 'raw') return raw
  const qcow2 = join(folder, `${name}.qcow2`)
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2)
  await rm(raw)
  return qcow2
}

/** Lets debugfs do commands on an image's only file system. @returns what it printed */
export function debugfs(raw: string, commands: readonly string[], ...options: readonly string[]): string {
  const input = commands.map((command) => `${command}\n`).join('')
  return runWith(input, 'debugfs', ...options, '-f', '-', `${raw}?offset=${PART_START}`)
}

/** An image of any format as a raw one. @returns its path */
export function asRaw(image: string, format: 'raw' | 'qcow2'): string {
  if (format === 'raw') return image
  const raw = `${image}.unpacked`
  run('qemu-img', 'convert', '-f', format, '-O', 'raw', image, raw)
  return raw
}

/** What e2fsck finds to be wrong; it throws where that is anything. */
export function assertClean(raw: string): void {
  run('e2fsck', '-f', '-n', `${raw}?offset=${PART_START}`)
}

/** Runs a program to its end. @returns what it printed @throws when it fails */
export function run(program: string, ...words: readonly string[]): string {
  return runWith('', program, ...words)
}

function runWith(input: string, program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { input, encoding: 'utf8', stdio: 'pipe' })
}

/** SHA-256 of a file of any size. */
export async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
