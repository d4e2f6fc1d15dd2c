import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { need, needPython, needRoot } from '../need.ts'
import type { OpenStack } from './content.ts'
import { isAlive, ownerOfRun } from './owner.ts'
import { logPath } from './processes.ts'
import { readRecord, type PeerRecord } from './record.ts'
import { FOLDER } from './site.ts'

/** Holds a peer, or says why not. */
export const PROGRAM = fileURLToPath(new URL('openstack.ts', import.meta.url))
const LOOK_MS = 100

const PACKAGES = [
  ['keystone-manage', 'python3-keystone'],
  ['glance-api', 'glance-api'],
  ['placement-manage', 'python3-placement'],
  ['neutron-server', 'neutron-common'],
  ['nova-api-wsgi', 'nova-common'],
  ['nova-conductor', 'nova-conductor'],
  ['nova-scheduler', 'nova-scheduler'],
  ['/usr/sbin/mariadbd', 'mariadb-server-core'],
  ['mariadb', 'mariadb-client-core'],
  ['/usr/lib/rabbitmq/bin/rabbitmq-server', 'rabbitmq-server'],
  ['uwsgi_python3', 'uwsgi-plugin-python3'],
] as const

/** A real OpenStack that is up. */
export interface OpenStackPeer extends OpenStack {
  /** The process that holds it. */
  readonly pid: number
  /** What one of its services has logged: `keystone`, `nova`, `nova-compute`, `metadata` … */
  readonly log: (service: string) => Promise<string>
  /** Ends it, and waits until nothing is left of it. Needless: it ends with the test run. */
  readonly stop: () => Promise<void>
}

/**
 * A real OpenStack; `undefined` where it is not installed, and the test is skipped (a failure in CI).
 *
 * The first test that asks starts it, which takes a minute; the rest of the run uses it, also from other files. Files are
 * processes of their own and none knows which is the last, so the peer has a process that outlives them, and that ends it
 * when the test runner has ended, however that was.
 */
export async function openStackPeer(t: Pick<TestContext, 'skip' | 'diagnostic'>): Promise<OpenStackPeer | undefined> {
  if (!needOpenStack(t)) return undefined
  const { process: holder, cloud } = (await sharedPeer()) ?? (await startPeer((line) => t.diagnostic(line)))
  return {
    ...cloud,
    pid: holder.pid,
    log: (service) => readFile(logPath(FOLDER, service), 'utf8'),
    stop: async () => {
      if (await isAlive(holder)) process.kill(holder.pid, 'SIGTERM')
      while (await isAlive(holder)) await sleep(LOOK_MS)
    },
  }
}

/** Whether OpenStack is installed and may be run; else the test is skipped, or fails in CI. */
export function needOpenStack(t: Pick<TestContext, 'skip'>): boolean {
  const installed = PACKAGES.every(([program, debianPackage]) => need(t, program, debianPackage))
  return installed && needPython(t, 'pymysql', 'python3-pymysql') && needRoot(t)
}

async function sharedPeer(): Promise<PeerRecord | undefined> {
  const [record, owner] = await Promise.all([readRecord(), ownerOfRun()])
  if (record === undefined || !(await isAlive(record.process))) return undefined
  // One without an owner was started by hand, to be used by many runs.
  const { owner: other } = record
  const isOurs = other === undefined || (other.pid === owner.pid && other.startedAt === owner.startedAt)
  return isOurs ? record : undefined
}

async function startPeer(log: (line: string) => void): Promise<PeerRecord> {
  const { pid, startedAt } = await ownerOfRun()
  // In a session of its own: a Ctrl-C ends the test run, and with it, in order, the peer.
  const child = spawn(process.execPath, [PROGRAM, String(pid), startedAt], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (lines: string) => {
    said += lines
    log(lines.trimEnd())
  })
  const record = await untilUp(child)
  if (record === undefined) throw new Error(`the OpenStack peer did not come up:\n${said}`)
  child.unref()
  child.stderr.destroy()
  return record
}

async function untilUp(child: ChildProcess): Promise<PeerRecord | undefined> {
  const ended = once(child, 'close')
  while (child.exitCode === null && child.signalCode === null) {
    const record = await readRecord()
    if (record !== undefined && record.process.pid === child.pid) return record
    await sleep(LOOK_MS)
  }
  // What it said last is read by then.
  await ended
  return undefined
}
