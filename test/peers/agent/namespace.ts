import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { need, needRoot } from '../need.ts'

/** What is to run in namespaces of its own. */
export interface Job {
  /** Who stands at the metadata address, by the names of `servers.ts`; `absent`: nobody, not even with a refusal. */
  readonly server: string
  readonly shell: readonly string[]
  readonly path: string
  readonly options: readonly string[]
}

/** What came of it. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
  readonly asked: readonly string[]
  readonly events: readonly { readonly kind: string; readonly detail?: string; readonly exitCode?: number }[]
}

/** The programs of an image, of which the agent finds no others. */
export interface Tools {
  readonly shell: 'dash' | 'bash' | 'busybox ash'
  readonly client: 'curl' | 'GNU wget' | 'busybox wget' | 'none'
  readonly blkid: boolean
}

const NAMESPACES = 'setpriv --pdeathsig KILL unshare --net --mount --fork --kill-child --propagation private'
const HERE = fileURLToPath(new URL('.', import.meta.url))

const PROGRAMS = [
  ['unshare', 'util-linux'],
  ['ip', 'iproute2'],
  ['busybox', 'busybox'],
  ['mawk', 'mawk'],
  ['bash', 'bash'],
  ['curl', 'curl'],
  ['wget', 'wget'],
  ['xorriso', 'xorriso'],
  ['mcopy', 'mtools'],
] as const

/** Whether all is there that {@link runInside} needs; else the test is skipped, or fails in CI. */
export function needNamespaces(t: Pick<TestContext, 'skip'>): boolean {
  return needRoot(t) && PROGRAMS.every(([program, debianPackage]) => need(t, program, debianPackage))
}

/** What the agent uses of every image, whichever program has it. */
const ALWAYS =
  `awk base64 cat chmod chown cut date grep gzip head hostname id mkdir mktemp mv od rm sed sha256sum sh sleep tail
  touch tr umount wc readlink`.split(/\s+/)

/** Runs the agent with these programs alone, against such a server; it stands at the metadata address. */
export async function runInside(
  t: Pick<TestContext, 'after'>,
  tools: Tools,
  server: string,
  root: string,
  options: readonly string[],
): Promise<Ended> {
  const path = mkdtempSync(join(tmpdir(), 'bellhop-agent-tools-'))
  t.after(() => rmSync(path, { recursive: true }))
  fill(path, tools)
  const job: Job = {
    server,
    shell: tools.shell === 'busybox ash' ? [whereIs('busybox'), 'ash'] : [whereIs(tools.shell)],
    path,
    options: ['--root', root, '--console', join(root, 'console'), ...options],
  }
  // Should we be killed, the kernel kills unshare, and with it all that it started.
  const words = ['-c', `exec ${NAMESPACES} "$@"`, 'sh', process.execPath, join(HERE, 'inside.ts')]
  const child = spawn('sh', words, {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify(job))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (stdout === '') throw new Error(`the namespaces came to nothing: ${stderr}`)
  return JSON.parse(stdout) as Ended
}

function fill(folder: string, { shell, client, blkid }: Tools): void {
  const busybox = whereIs('busybox')
  const link = (name: string, target: string): void => symlinkSync(target, join(folder, name))
  const isBusybox = shell === 'busybox ash'
  // Small images may lack it.
  const always = shell === 'dash' ? ALWAYS : [...ALWAYS, 'timeout']
  for (const name of always)
    link(name, isBusybox ? busybox : whereIs(name === 'awk' ? (shell === 'dash' ? 'mawk' : 'gawk') : name, name))
  if (client === 'curl') link('curl', whereIs('curl'))
  if (client === 'GNU wget') link('wget', whereIs('wget'))
  if (client === 'busybox wget') for (const name of ['wget', 'nc']) link(name, busybox)
  if (blkid) link('blkid', whereIs('blkid'))
  if (kernelHasDisks()) link('mount', isBusybox ? busybox : whereIs('mount'))
  else {
    writeFileSync(join(folder, 'mount'), readFileSync(join(HERE, 'mount-unpacked.sh')))
    chmodSync(join(folder, 'mount'), 0o755)
  }
}

/** Where a program is, or else the other one. */
function whereIs(...names: readonly string[]): string {
  for (const name of names) {
    try {
      return execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin; command -v "$1"', 'sh', name], {
        encoding: 'utf8',
      }).trim()
    } catch {
      continue
    }
  }
  throw new Error(`there is no ${names.join(' and no ')}`)
}

function kernelHasDisks(): boolean {
  const known = readFileSync('/proc/filesystems', 'utf8')
  return ['iso9660', 'vfat'].every((type) => new RegExp(`\\b${type}$`, 'm').test(known))
}

/**
 * Writes an image, and where the kernel cannot mount it, beside it what xorriso or mtools find in it, which may be less than all of
 * a broken one.
 */
export function saveImage(folder: string, name: string, image: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, image)
  if (kernelHasDisks()) return path
  for (const [type, program, ...words] of [
    ['iso9660', 'xorriso', '-osirrox', 'on', '-indev', path, '-extract', '/', `${path}.iso9660`],
    ['vfat', 'mcopy', '-s', '-n', '-i', path, '::*', `${path}.vfat`],
  ] as const) {
    const content = `${path}.${type}`
    if (type === 'vfat') mkdirSync(content)
    try {
      execFileSync(program, words, { stdio: 'ignore', timeout: 20_000, env: { ...process.env, MTOOLSRC: '/dev/null' } })
    } catch {
      // What is not of this type leaves nothing.
    }
    if (existsSync(content)) execFileSync('find', [content, '-depth', '-type', 'd', '-empty', '-delete'])
  }
  return path
}
