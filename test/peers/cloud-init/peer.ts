import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ContextEvent } from '../../../src/model/events.ts'
import { need, needRoot } from '../need.ts'
import { forwarding } from './forwarding.ts'

/** What is delivered, and the machine in which cloud-init looks for it. */
export interface Delivery {
  /** `auto` (default) lets ds-identify decide, as a real boot does; else a `datasource_list` such as `Ec2, None`. */
  readonly sources?: string
  /** Default: all four. `local` waits a minute for DHCP with OpenStack's and AWS's sources: leave it out there. */
  readonly stages?: string
  /** Files of `/sys/class/dmi/id`. */
  readonly dmi?: Readonly<Record<string, string>>
  readonly disk?: Uint8Array
  /** A folder of files that the machine's own disk has beside those of every guest. */
  readonly ownFiles?: string
  /** User and vendor data that our metadata server gives at 169.254.169.254, beside the rest of {@link CONTEXT}. */
  readonly served?: { readonly userData: Uint8Array; readonly vendorData?: Uint8Array }
  /** A metadata server elsewhere that answers at 169.254.169.254 instead, by its URL. */
  readonly reaches?: string
}

/** What cloud-init made of it. */
export interface Outcome {
  /** As cloud-init names it, such as `DataSourceOpenStack [net,ver=2]`. */
  readonly dataSource: string
  readonly errors: readonly string[]
  /** Stages that did not end with 0, each with its status. */
  readonly failedStages: readonly string[]
  readonly warnings: readonly string[]
  readonly log: string
  /** What the stages wrote on their standard output, which a booted machine has on its console. */
  readonly console: string
  /** What our metadata server recorded. */
  readonly events: readonly ContextEvent[]
  /** A file as the guest wrote it; empty where it wrote none. */
  read(path: string): Uint8Array
}

/** The guest's network has no other. */
const WAY_OUT = 'way-out.sock'

const HERE = fileURLToPath(new URL('.', import.meta.url))

const PROGRAMS = [
  ['mmdebstrap', 'mmdebstrap'],
  ['unshare', 'util-linux'],
  ['losetup', 'mount'],
  ['ip', 'iproute2'],
  ['xorriso', 'xorriso'],
  ['mcopy', 'mtools'],
] as const

/** Whether all is there that {@link runCloudInit} needs; else the test is skipped, or fails in CI. */
export function needCloudInit(t: Pick<TestContext, 'skip'>): boolean {
  return needRoot(t) && PROGRAMS.every(([program, debianPackage]) => need(t, program, debianPackage))
}

/** The folder with cloud-init's root file system; the first call builds it, in a minute or two. */
export async function cloudInitRootfs(): Promise<string> {
  const { stdout } = await run(join(HERE, 'rootfs.sh'), [])
  return stdout.trim()
}

/** Lets the real cloud-init of Debian 12 consume a delivery, in namespaces of its own. What it leaves ends with the test. */
export async function runCloudInit(t: Pick<TestContext, 'after'>, delivery: Delivery): Promise<Outcome> {
  const rootfs = await cloudInitRootfs()
  const out = await mkdtemp(join(tmpdir(), 'bellhop-cloud-init-'))
  t.after(() => rm(out, { recursive: true }))
  const { sources = 'auto', stages = 'local init config final', dmi = {}, ownFiles } = delivery
  // Several folders, as overlay takes them.
  const root = ownFiles === undefined ? rootfs : `${ownFiles}:${rootfs}`
  const dmiPairs = Object.entries(dmi).flatMap(([key, value]) => ['--dmi', `${key}=${value}`])
  const options = ['--rootfs', root, '--out', out, '--sources', sources, '--stages', stages, ...dmiPairs]
  options.push(...(await diskOption(out, delivery)), ...(await serverOption(t, out, delivery)))
  // Should we be killed, the kernel kills unshare, and with it all that it started.
  const [program, ...before] = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--fork', '--kill-child', ...NAMESPACES]
  await run(program, [...before, join(HERE, 'guest.sh'), ...options])
  return toOutcome(out)
}

const NAMESPACES = ['--mount', '--net', '--pid', '--uts', '--ipc', '--propagation', 'private']

async function diskOption(out: string, { disk }: Delivery): Promise<readonly string[]> {
  if (!disk) return []
  const path = join(out, 'disk.img')
  await writeFile(path, disk)
  return ['--disk', path]
}

async function serverOption(
  t: Pick<TestContext, 'after'>,
  out: string,
  { served, reaches }: Delivery,
): Promise<readonly string[]> {
  if (reaches !== undefined) {
    const { hostname, port } = new URL(reaches)
    const path = join(out, WAY_OUT)
    const server = await forwarding({ path }, { host: hostname, port: Number(port) })
    t.after(() => server.close())
    return ['--', process.execPath, join(HERE, 'way-out.ts'), path]
  }
  if (!served) return []
  await writeFile(join(out, 'user-data'), served.userData)
  if (served.vendorData) await writeFile(join(out, 'vendor-data'), served.vendorData)
  return ['--', process.execPath, join(HERE, 'serve.ts'), out]
}

function toOutcome(out: string): Outcome {
  const read = (path: string): Buffer => readIfThere(join(out, path))
  const stages = read('stages').toString('utf8').trim().split('\n')
  const { v1: result } = JSON.parse(
    read('changes/var/lib/cloud/data/result.json').toString('utf8') || '{"v1":{}}',
  ) as ResultJson
  const log = read('changes/var/log/cloud-init.log').toString('utf8')
  const events = read('server.out').toString('utf8').split('\n').filter(Boolean)
  return {
    dataSource: result.datasource ?? '',
    errors: result.errors ?? [],
    failedStages: stages.filter((stage) => !stage.endsWith(' 0')),
    warnings: log.split('\n').filter((line) => /\[(?:WARNING|ERROR|CRITICAL)\]/.test(line)),
    log,
    console: read('console').toString('utf8'),
    events: events.map((line) => JSON.parse(line) as ContextEvent),
    read: (path) => read(join('changes', path)),
  }
}

/** @see https://cloudinit.readthedocs.io/en/22.4.2/topics/boot.html (`result.json`) */
interface ResultJson {
  readonly v1: { readonly datasource?: string; readonly errors?: readonly string[] }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

async function run(program: string, parameters: readonly string[]): Promise<{ readonly stdout: string }> {
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [exitCode] = await ended
  if (exitCode === 0) return { stdout }
  throw new Error(`${program} ${parameters.join(' ')} ended with ${exitCode}:\n${stderr}`)
}
