/**
 * What a request to the metadata server costs, beside nginx in the same run.
 *
 *     node test/bench/metadata.ts [--check] [--quick] [--rounds N] [--seconds N] [--count N]
 *
 * What counts is the CPU time of the server, user and system, of all its threads: also of the one that records who fetched what.
 * Each round measures nginx and ours one after the other. Checked is the best round of each: what else runs on the machine only
 * adds to it, and to the larger program it adds more. An instance's fetching is recorded again after a minute, and here all of
 * them are first asked within the same seconds: a few rounds record a hundred thousand events, and the others none. The best
 * is one of the others; the mean has them all.
 *
 * With `--check` the exit code is 1 when ours costs more than the bar allows.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addressOf, USER_DATA_BYTES } from './metadata-keys.ts'
import { medianOf } from './median.ts'
import { startNginx } from './nginx.ts'
import { cpuUsOf, has, measureLoad, printMedians, printRow, type Measured, type Target } from './wrk.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const PATH = '/latest/user-data'
const CONNECTIONS = 64
/** nginx's CPU time for a request over ours. */
const RATIO_BAR = 0.35
const NAMES = { nginx: 'nginx, a constant', ours: 'bellhop' } as const
const MODES = ['keep-alive', 'close'] as const

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '11' },
    seconds: { type: 'string', default: '2' },
    count: { type: 'string', default: '100000' },
  },
})
// Quick: to see that it runs; its figures say nothing.
if (values.quick) Object.assign(values, { rounds: '1', seconds: '1', count: '2000' })
const count = Number(values.count)

type Mode = (typeof MODES)[number]

const folder = mkdtempSync(join(tmpdir(), 'bellhop-bench-'))
const started: ChildProcess[] = []
try {
  await main()
} finally {
  for (const child of started) child.kill()
  rmSync(folder, { recursive: true })
}

async function main(): Promise<void> {
  if (!has('nginx', 'nginx-light') || !has('wrk', 'wrk')) return
  const nginx = await startNginx(folder, USER_DATA_BYTES)
  started.push(nginx.child)
  const ours = await startOurs()
  const coldUs = await measureAllOnce(ours)
  const warmUs = await measureAllOnce(ours)
  for (const mode of MODES) await measure(ours, mode)
  const rounds: Record<Mode, Round[]> = { 'keep-alive': [], close: [] }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const mode of MODES)
      rounds[mode].push({ nginx: await measure(nginx, mode), ours: await measureRandom(ours, mode) })
  const { rssBytes } = await ours.ask()
  report(rounds, { coldUs, warmUs, rssBytes })
}

type Ours = Target & { ask(): Promise<{ readonly distinct: number; readonly rssBytes: number }> }

async function startOurs(): Promise<Ours> {
  const child = spawn(process.execPath, [join(HERE, 'metadata-server.ts'), folder, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  started.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const read = async <T>(): Promise<T> => JSON.parse((await lines.next()).value as string) as T
  const { port } = await read<{ port: number }>()
  return {
    port,
    pids: [child.pid ?? 0],
    ask: async () => {
      child.stdin.write('\n')
      return await read()
    },
  }
}

async function measureRandom(ours: Ours, mode: Mode): Promise<Measured> {
  await ours.ask()
  const measured = await measure(ours, mode)
  const { distinct } = await ours.ask()
  // A generator that repeats few keys would flatter every cache.
  const expected = count * (1 - Math.exp(-measured.requests / count))
  if (distinct < 0.97 * expected)
    throw new Error(
      `${measured.requests} requests were for ${distinct} instances; at random ${expected.toFixed(0)} are expected`,
    )
  return measured
}

function measure(target: Target, mode: Mode): Promise<Measured> {
  const args = [PATH, String(count), mode]
  const seconds = Number(values.seconds)
  return measureLoad(target, { script: 'metadata.lua', args, connections: CONNECTIONS, seconds })
}

/** Asks for each instance once, over kept connections. @returns CPU microseconds per request */
async function measureAllOnce({ port, pids }: Target): Promise<number> {
  const before = cpuUsOf(pids)
  let next = 0
  const one = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    const ended = once(socket, 'close')
    const ask = (): void => {
      if (next >= count) return void socket.end()
      socket.write(`GET ${PATH} HTTP/1.1\r\nHost: 169.254.169.254\r\nX-Forwarded-For: ${addressOf(next++)}\r\n\r\n`)
    }
    let left = 0
    socket.on('data', (chunk) => {
      if (left === 0) {
        const head = chunk.toString('latin1')
        if (!head.startsWith('HTTP/1.1 200')) throw new Error(`refused: ${head.slice(0, 40)}`)
        left = head.indexOf('\r\n\r\n') + 4 + USER_DATA_BYTES
      }
      left -= chunk.length
      if (left === 0) ask()
    })
    ask()
    await ended
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, one))
  return (cpuUsOf(pids) - before) / count
}

/** What all of them cost together for one request. */
function meanUs(all: readonly Measured[]): number {
  const requests = all.reduce((sum, each) => sum + each.requests, 0)
  return all.reduce((sum, each) => sum + each.cpuUs * each.requests, 0) / requests
}

function ratioOf(all: readonly Round[], of: (measured: readonly Measured[]) => number): number {
  return of(all.map(({ nginx }) => nginx)) / of(all.map(({ ours }) => ours))
}

interface Round {
  readonly nginx: Measured
  readonly ours: Measured
}

function report(
  rounds: Readonly<Record<Mode, readonly Round[]>>,
  { coldUs, warmUs, rssBytes }: { readonly coldUs: number; readonly warmUs: number; readonly rssBytes: number },
): void {
  console.log(`GET ${PATH} of ${USER_DATA_BYTES} bytes, ${count} instances at random, ${CONNECTIONS} connections;`)
  console.log(`medians of ${values.rounds} rounds\n`)
  printRow('what', 'CPU us', 'req/s', 'p50 ms', 'p99 ms')
  for (const mode of MODES) {
    const all = rounds[mode]
    for (const name of ['nginx', 'ours'] as const)
      printMedians(
        `${NAMES[name]}, ${mode}`,
        all.map((round) => round[name]),
      )
    const best = ratioOf(all, (each) => Math.min(...each.map(({ cpuUs }) => cpuUs)))
    const median = ratioOf(all, (each) => medianOf(each.map(({ cpuUs }) => cpuUs)))
    const mean = ratioOf(all, meanUs)
    console.log(`  rounds: ${all.map(({ ours }) => ours.cpuUs.toFixed(1)).join(' ')}`)
    console.log(`  nginx/bellhop: best ${best.toFixed(2)}, median ${median.toFixed(2)}, mean ${mean.toFixed(2)}`)
    console.log(`  best at least ${RATIO_BAR}: ${best >= RATIO_BAR ? 'yes' : 'NO'}\n`)
    if (values.check && best < RATIO_BAR) process.exitCode = 1
  }
  console.log(`first request of an instance: ${coldUs.toFixed(1)} us (read from the store, rendered, recorded)`)
  console.log(`second request of an instance: ${warmUs.toFixed(1)} us (keep-alive)`)
  console.log(`memory of the server: ${(rssBytes / 1024 ** 2).toFixed(0)} MiB`)
}
