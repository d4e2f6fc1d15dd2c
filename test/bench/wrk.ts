import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { need } from '../peers/need.ts'
import { medianOf } from './median.ts'

/** The kernel counts CPU time in these. @see proc_pid_stat(5), sysconf(_SC_CLK_TCK) */
const TICK_US = 10_000
const THREADS = 2

/** A server under load. */
export interface Target {
  readonly port: number
  /** Its processes, whose CPU time counts. */
  readonly pids: readonly number[]
}

/** What a load did. */
export interface Measured {
  /** The server's CPU time for a request, user and system, of all threads. */
  readonly cpuUs: number
  readonly requestsPerSecond: number
  readonly requests: number
  readonly p50Us: number
  readonly p99Us: number
}

/** How wrk asks. */
interface Load {
  /** A Lua file beside this one, which prints one line of JSON at its end. */
  readonly script: string
  readonly args: readonly string[]
  readonly connections: number
  readonly seconds: number
}

/** What the scripts print. */
interface Said {
  readonly requests: number
  readonly tookUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly failures: number
}

/** @throws where a request failed */
export async function measureLoad({ port, pids }: Target, load: Load): Promise<Measured> {
  const script = fileURLToPath(new URL(load.script, import.meta.url))
  const before = cpuUsOf(pids)
  const { stdout } = await promisify(execFile)('wrk', [
    '-t',
    `${THREADS}`,
    '-c',
    `${load.connections}`,
    '-d',
    `${load.seconds}s`,
    '--timeout',
    '20s',
    '-s',
    script,
    `http://127.0.0.1:${port}`,
    '--',
    ...load.args,
  ])
  const cpuUs = cpuUsOf(pids) - before
  const said = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Said
  if (said.failures > 0) throw new Error(`${said.failures} of ${said.requests} requests failed`)
  const { requests, p50Us, p99Us } = said
  return { cpuUs: cpuUs / requests, requestsPerSecond: (requests / said.tookUs) * 1e6, requests, p50Us, p99Us }
}

/** User and system time of processes, all their threads. @see proc_pid_stat(5), fields 14 and 15 */
export function cpuUsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_US
  }, 0)
}

/** Memory of processes in MiB; what they share counts once. @see proc_pid_smaps(5), smaps_rollup */
export function memoryMiBOf(pids: readonly number[]): number {
  const ofOne = (pid: number): number =>
    Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? Number.NaN)
  return pids.reduce((sum, pid) => sum + ofOne(pid), 0) / 1024
}

/** Whether there is a program to measure with or against. Loudly, if not. */
export function has(program: string, debianPackage: string): boolean {
  return need({ skip: (why) => console.error(`NOT MEASURED: ${why}`) }, program, debianPackage)
}

/** A line of a table whose columns are right-aligned. */
export function printRow(name: string, ...columns: readonly string[]): void {
  console.log(name.padEnd(34) + columns.map((column) => column.padStart(10)).join(''))
}

/** A line of such a table: the medians of rounds. */
export function printMedians(name: string, rounds: readonly Measured[]): void {
  const median = (of: (measured: Measured) => number, digits: number) => medianOf(rounds.map(of)).toFixed(digits)
  printRow(
    name,
    median(({ cpuUs }) => cpuUs, 1),
    median(({ requestsPerSecond }) => requestsPerSecond, 0),
    median(({ p50Us }) => p50Us / 1000, 2),
    median(({ p99Us }) => p99Us / 1000, 2),
  )
}
