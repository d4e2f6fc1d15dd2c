import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '../../model/errors.ts'

/** How a program that was run to its end ended. */
export interface Ended {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How to run a program: where, how long at most, and which Debian package it is in. */
export interface RunOptions {
  readonly debianPackage: string
  readonly limitMs: number
  readonly cwd?: string
}

/**
 * Runs a program until it ends or its time is over; then it is killed for certain (SIGKILL) and `exitCode` is `null`.
 *
 * It has a session of its own, so that a Ctrl-C meant for us does not reach what it leaves running.
 *
 * @throws {CloudError} unavailable when there is no such program
 */
export async function runProgram(program: string, parameters: readonly string[], options: RunOptions): Promise<Ended> {
  const { debianPackage, limitMs, cwd } = options
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    timeout: limitMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  child.on('error', (cause) => {
    const advice = `${program} cannot be run: install it (Debian: apt-get install ${debianPackage})`
    reject(new CloudError('unavailable', advice, { cause }))
  })
  return promise
}

/** The ids of all processes whose arguments (the program's name first) are as wanted. */
export async function findProcesses(wanted: (parameters: readonly string[]) => boolean): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(async (pid) => ((await isProcess(pid, wanted)) ? [pid] : [])))
  return found.flat()
}

/** Whether the process runs and its arguments are as wanted: a process id alone may mean another program by now. */
export async function isProcess(pid: number, wanted: (parameters: readonly string[]) => boolean): Promise<boolean> {
  // A zombie has no arguments left, and a process that is gone no file.
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text !== '' && wanted(text.split('\0'))
}

/**
 * Kills processes (SIGKILL) until none is left that is wanted: one that forks while it is looked for is found later.
 *
 * @throws {CloudError} provider-failed when some are still there after `limitMs`
 */
export async function killProcesses(
  wanted: (parameters: readonly string[]) => boolean,
  limitMs: number,
): Promise<void> {
  const deadline = Date.now() + limitMs
  for (let pids = await findProcesses(wanted); pids.length > 0; pids = await findProcesses(wanted)) {
    if (Date.now() >= deadline) throw new CloudError('provider-failed', `process ${pids.join(', ')} cannot be killed`)
    for (const pid of pids) kill(pid)
    await sleep(20)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile, or is not ours: the next look shows which.
  }
}
