/**
 * A boot storm: guests that all boot at once and each ask for what cloud-init asks for, at our metadata server with a real
 * SQLite store. What recording costs is seen beside the same server that records nothing, in the same run.
 *
 *     node test/bench/storm.ts [--check] [--quick] [--rounds N] [--guests N]
 *
 * What counts is the CPU time of the server, user and system, of all its threads. With `--check` the exit code is 1 where not
 * exactly one `fetched` was recorded for each guest, where any other event is missing or too many, or where recording costs more
 * than the bar allows.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bootAll, BOOT_PATHS, RECORDED_PATHS } from './boots.ts'
import { medianOf } from './median.ts'
import { addressOf } from './metadata-keys.ts'
import { cpuUsOf, printRow } from './wrk.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const CONNECTIONS = 64
/** Boots under way at once. */
const AT_ONCE = 1000
/** What a request costs where it is recorded, over what it costs where nothing is. */
const COST_BAR = 1.5

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    guests: { type: 'string', default: '10000' },
  },
})
// Quick: to see that it runs; its figures say nothing.
if (values.quick) Object.assign(values, { rounds: '1', guests: '500' })
const guests = Number(values.guests)
const addresses = Array.from({ length: guests }, (_, number) => addressOf(number))

const KINDS = { recorded: 'recorded', silent: 'nothing recorded' } as const
type Kind = keyof typeof KINDS

interface Storm {
  readonly cpuUs: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly fetched: number
  readonly guestsFetched: number
  readonly accesses: number
}

const storms: Record<Kind, Storm[]> = { recorded: [], silent: [] }
for (let round = 0; round < Number(values.rounds); round++)
  for (const kind of ['recorded', 'silent'] as const) storms[kind].push(await measure(kind))
report()

async function measure(kind: Kind): Promise<Storm> {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-bench-'))
  const parameters = [join(HERE, 'metadata-server.ts'), folder, String(guests), kind]
  const child = spawn(process.execPath, parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    return { ...(await boot(child)), ...countsIn(folder) }
  } finally {
    child.kill()
    rmSync(folder, { recursive: true })
  }
}

/** All guests boot; then the server is told to stop, and has recorded everything. */
async function boot(child: ChildProcess): Promise<Omit<Storm, keyof ReturnType<typeof countsIn>>> {
  const { stdin, stdout, pid = 0 } = child
  if (!stdin || !stdout) throw new Error('the server has no pipes')
  const [line] = (await once(createInterface(stdout), 'line')) as [string]
  const { port } = JSON.parse(line) as { port: number }
  const before = cpuUsOf([pid])
  const startedAt = performance.now()
  const tookMs = (await bootAll({ port, addresses, atOnce: AT_ONCE, connections: CONNECTIONS })).toSorted(
    (a, b) => a - b,
  )
  const seconds = (performance.now() - startedAt) / 1000
  // What is recorded late is counted, too.
  stdin.write('\n')
  await once(createInterface(stdout), 'line')
  const cpuUs = (cpuUsOf([pid]) - before) / tookMs.length
  stdin.end()
  await once(child, 'exit')
  const at = (part: number): number => tookMs[Math.floor(tookMs.length * part)] ?? Number.NaN
  return { cpuUs, requestsPerSecond: tookMs.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}

function countsIn(folder: string): { fetched: number; guestsFetched: number; accesses: number } {
  const database = new DatabaseSync(join(folder, 'bench.db'), { readOnly: true })
  const count = (what: string, kind: string): number =>
    Number(database.prepare(`select count(${what}) as n from events where event_json ->> 'kind' = ?`).get(kind)?.['n'])
  const counts = {
    fetched: count('*', 'fetched'),
    guestsFetched: count('distinct instance_id', 'fetched'),
    accesses: count('*', 'access'),
  }
  database.close()
  return counts
}

function report(): void {
  console.log(`${guests} guests, ${BOOT_PATHS.length} requests each, a connection for each, ${CONNECTIONS} at once;`)
  console.log(`medians of ${values.rounds} rounds\n`)
  printRow('', 'CPU us', 'req/s', 'p50 ms', 'p99 ms')
  const median = (kind: Kind, of: (storm: Storm) => number): number => medianOf(storms[kind].map(of))
  for (const kind of ['silent', 'recorded'] as const)
    printRow(
      KINDS[kind],
      median(kind, ({ cpuUs }) => cpuUs).toFixed(1),
      median(kind, ({ requestsPerSecond }) => requestsPerSecond).toFixed(0),
      median(kind, ({ p50Ms }) => p50Ms).toFixed(2),
      median(kind, ({ p99Ms }) => p99Ms).toFixed(2),
    )
  const cost = median('recorded', ({ cpuUs }) => cpuUs) / median('silent', ({ cpuUs }) => cpuUs)
  console.log(`recorded over not: ${cost.toFixed(2)}, at most ${COST_BAR}: ${cost <= COST_BAR ? 'yes' : 'NO'}`)
  if (values.check && !(cost <= COST_BAR)) process.exitCode = 1
  const accesses = guests * (RECORDED_PATHS.length - 1)
  for (const storm of storms.recorded) {
    const right = storm.fetched === guests && storm.guestsFetched === guests && storm.accesses === accesses
    console.log(
      `${storm.fetched} fetched, by ${storm.guestsFetched} guests, ${storm.accesses} of ${accesses} accesses: ${right ? 'yes' : 'NO'}`,
    )
    if (values.check && !right) process.exitCode = 1
  }
}
