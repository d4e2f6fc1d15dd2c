import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { killProcesses } from '../../../src/providers/qemu/processes.ts'
import type { Service } from './services.ts'

/** How long a program on a busy machine may take until it answers, or until it has done its one job, in milliseconds. */
const PATIENCE_MS = 240_000
const STOP_GRACE_MS = 30_000

/** The programs of a site. */
export interface Processes {
  /** Starts it; when it ends before its time, `onDeath` is told. */
  readonly start: (service: Service) => void
  /** Runs a program to its end. @throws where that is not 0 */
  readonly run: (job: string, program: string, args: readonly string[]) => Promise<void>
  /** Waits until it answers where it listens. @throws where it does not */
  readonly answers: (service: Service) => Promise<void>
  /** Ends all: politely, in the opposite order, then by force. */
  readonly stop: () => Promise<void>
}

/** Runs a site's programs. Each logs to a file of its own name in `log/`, and none has this process' environment. */
export function openProcesses(folder: string, onDeath: (message: string) => void): Processes {
  const running: ChildProcess[] = []
  let stopping = false
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: join(folder, 'scratch'),
    TMPDIR: join(folder, 'scratch'),
    OS_KEYSTONE_CONFIG_DIR: join(folder, 'etc/keystone'),
    OS_PLACEMENT_CONFIG_DIR: join(folder, 'etc/placement'),
  }
  const launch = (name: string, { program, args, argv0, env: more }: Omit<Service, 'name'>): ChildProcess => {
    if (stopping) throw new Error(`${name} is not started: the peer ends`)
    const log = openSync(logPath(folder, name), 'a', 0o600)
    try {
      // In a process group of its own, so that its workers can be ended with it.
      return spawn(program, args, {
        cwd: folder,
        env: { ...env, ...more },
        stdio: ['ignore', log, log],
        detached: true,
        ...(argv0 === undefined ? {} : { argv0 }),
      })
    } finally {
      closeSync(log)
    }
  }
  return {
    start: (service) => {
      const child = launch(service.name, service)
      running.push(child)
      const died = (how: unknown) => {
        if (!stopping) onDeath(`${service.name} ended (${String(how)}): see ${logPath(folder, service.name)}`)
      }
      child.on('error', died)
      child.on('exit', (code, signal) => died(code ?? signal))
    },
    run: async (job, program, args) => {
      const child = launch(job, { program, args })
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      const [code] = (await once(child, 'exit').finally(() => clearTimeout(timer))) as [number | null]
      // Without the arguments: there are passwords among them.
      if (code !== 0) throw new Error(`${program} ended with ${code}: see ${logPath(folder, job)}`)
    },
    answers: async ({ name, at, http }) => {
      if (at === undefined) return
      for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100))
        if (await (http === true ? speaksHttp(at) : accepts(at))) return
      throw new Error(`${name} does not answer at ${at}: see ${logPath(folder, name)}`)
    },
    stop: async () => {
      stopping = true
      for (const child of running.toReversed()) signalGroup(child, 'SIGTERM')
      for (const until = Date.now() + STOP_GRACE_MS; Date.now() < until; await sleep(50))
        if (running.every(hasEnded)) break
      await killAll(folder)
    },
  }
}

/** Where a program of the site logs. */
export function logPath(folder: string, name: string): string {
  return join(folder, 'log', `${name}.log`)
}

/** Kills what is left of the site's programs, whoever started them. */
export async function killAll(folder: string): Promise<void> {
  await killProcesses((parameters) => isOfSite(folder, parameters), STOP_GRACE_MS)
}

/** Whether a process with these arguments is one of the site's programs. */
export function isOfSite(folder: string, parameters: readonly string[]): boolean {
  return parameters.some((each) => each.includes(`${folder}/`) || each === folder)
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

async function speaksHttp(port: number | string): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) })).arrayBuffer()
    return true
  } catch {
    return false
  }
}

async function accepts(at: number | string): Promise<boolean> {
  const socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
