/**
 * Our metadata server in Nova's place, beside Nova's own: the same guests with the same data, asked by the same wrk as Neutron's
 * metadata agents ask, with a connection for each request.
 *
 *     node test/bench/openstack.ts [--check] [--quick] [--rounds N] [--seconds N]
 *
 * Warm is as each is by default: Nova keeps what it knows of a guest for 15 seconds, Bellhop as long as it is true. Cold is with
 * nothing kept. What Nova costs its database and Neutron, which it asks for each guest that it does not remember, comes on
 * top and is not counted. Needs the OpenStack of the peer tests, and starts it where it does not run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startMetadataService } from '../peers/openstack/metadata-service.ts'
import { openOwnProject, type OwnProject } from '../peers/openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from '../peers/openstack/peer.ts'
import { untilHolds } from '../peers/openstack/rest.ts'
import { medianOf } from './median.ts'
import type { Served } from './openstack-server.ts'
import { has, measureLoad, memoryMiBOf, printMedians, printRow, type Measured, type Target } from './wrk.ts'

const PATHS = ['/latest/user-data', '/openstack/latest/meta_data.json'] as const
const CONNECTIONS = 16
const GUESTS = 4
const USER_DATA_BYTES = 1024
const PATIENCE_MS = 180_000
/** Nova's CPU time for a request over ours, at least. */
const BARS = { warm: 2, cold: 20 } as const

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
  },
})
if (values.quick) Object.assign(values, { rounds: '1', seconds: '1' })

/** What is measured. */
interface Contender extends Target {
  readonly name: string
  readonly mode: 'close' | 'keep-alive'
}

/** What is to be undone at the end, last first, as after a test. */
const undo: (() => unknown)[] = []
const t = {
  after: (task: () => unknown): void => void undo.push(task),
  skip: (why?: string): void => console.error(`NOT MEASURED: ${why ?? ''}`),
  diagnostic: (line: string): void => console.error(line),
}
try {
  await main()
} finally {
  for (const task of undo.toReversed()) await task()
}

async function main(): Promise<void> {
  if (!has('wrk', 'wrk')) return
  const peer = await openStackPeer(t)
  if (peer === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-bench-'))
  t.after(() => rm(folder, { recursive: true }))
  const guests = await makeGuests(peer, await openOwnProject(t, peer))
  const list = join(folder, 'guests')
  await writeFile(list, guests.map((guest) => `${signed(peer, guest)}\n`).join(''))

  const nova = await startMetadataService(t, peer, '', true)
  const novaCold = await startMetadataService(t, peer, '[api]\nmetadata_cache_expiration = 0', true)
  const ours = await startOurs(join(folder, 'warm'), peer, guests, '')
  const oursCold = await startOurs(join(folder, 'cold'), peer, guests, '0')
  const contenders: readonly Contender[] = [
    { name: 'Nova, warm', mode: 'close', port: Number(new URL(nova.metadataUrl).port), pids: await nova.pids() },
    { name: 'Bellhop, warm', mode: 'close', ...ours },
    { name: 'Bellhop, warm, keep-alive', mode: 'keep-alive', ...ours },
    {
      name: 'Nova, cold',
      mode: 'close',
      port: Number(new URL(novaCold.metadataUrl).port),
      pids: await novaCold.pids(),
    },
    { name: 'Bellhop, cold', mode: 'close', ...oursCold },
  ]
  for (const path of PATHS) await compare(path, list, contenders)
  console.log('memory, MiB')
  for (const { name, pids } of contenders) printRow(`  ${name}`, memoryMiBOf(pids).toFixed(0))
}

async function makeGuests({ imageId, flavorId, networkId }: OpenStackPeer, own: OwnProject): Promise<Served['guests']> {
  const url = `${own.targets.compute}/v2.1/servers`
  const guests = await Promise.all(
    Array.from({ length: GUESTS }, async (_, at) => {
      const [name, userData] = [`bench-${at}`, randomBytes(USER_DATA_BYTES).toString('base64')]
      const body = {
        name,
        imageRef: imageId,
        flavorRef: flavorId,
        networks: [{ uuid: networkId }],
        user_data: userData,
      }
      const { server } = await own.ask<{ server: { id: string } }>('POST', url, { server: body })
      return { serverId: server.id, projectId: own.id, name, userDataBase64: userData }
    }),
  )
  await untilHolds('the servers are up', PATIENCE_MS, async () =>
    (await own.content()).servers.every(({ status }) => status === 'ACTIVE'),
  )
  return guests
}

function signed({ metadataSharedSecret }: OpenStackPeer, { serverId, projectId }: Served['guests'][number]): string {
  return `${serverId} ${createHmac('sha256', metadataSharedSecret).update(serverId).digest('hex')} ${projectId}`
}

async function startOurs(
  folder: string,
  { metadataSharedSecret }: OpenStackPeer,
  guests: Served['guests'],
  cacheMaxBytes: string,
): Promise<Target> {
  await mkdir(folder)
  const sharedSecretFile = join(folder, 'secret')
  await writeFile(sharedSecretFile, metadataSharedSecret, { mode: 0o600 })
  const program = fileURLToPath(new URL('openstack-server.ts', import.meta.url))
  const child = spawn(process.execPath, [program, folder, cacheMaxBytes], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => ended(child))
  child.stdin.write(`${JSON.stringify({ sharedSecretFile, guests } satisfies Served)}\n`)
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const { port } = JSON.parse(value as string) as { port: number }
  return { port, pids: [child.pid ?? 0] }
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.stdin?.end()
  await gone
}

async function compare(path: string, list: string, contenders: readonly Contender[]): Promise<void> {
  const all = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]))
  for (const contender of contenders) await warmUp(path, list, contender)
  // In turns: what else runs on the machine slows all of them.
  for (let round = 0; round < Number(values.rounds); round++)
    for (const contender of contenders)
      all.get(contender.name)?.push(await load(path, list, contender, Number(values.seconds)))
  console.log(`GET ${path}, ${GUESTS} guests at random, ${CONNECTIONS} connections; medians of ${values.rounds} rounds`)
  console.log(`of ${values.seconds} s; user data have ${USER_DATA_BYTES} bytes\n`)
  printRow('', 'CPU us', 'req/s', 'p50 ms', 'p99 ms')
  for (const [name, rounds] of all) printMedians(name, rounds)
  for (const [state, bar] of Object.entries(BARS)) {
    const ratio = cpuOf(all.get(`Nova, ${state}`)) / cpuOf(all.get(`Bellhop, ${state}`))
    console.log(
      `  ${state}: Nova takes ${ratio.toFixed(1)} times the CPU; at least ${bar}: ${ratio >= bar ? 'yes' : 'NO'}`,
    )
    if (values.check && ratio < bar) process.exitCode = 1
  }
  console.log()
}

function warmUp(path: string, list: string, contender: Contender): Promise<Measured> {
  return load(path, list, contender, 1)
}

function load(path: string, list: string, { mode, ...target }: Contender, seconds: number): Promise<Measured> {
  return measureLoad(target, { script: 'openstack.lua', args: [path, list, mode], connections: CONNECTIONS, seconds })
}

function cpuOf(rounds: readonly Measured[] = []): number {
  return medianOf(rounds.map(({ cpuUs }) => cpuUs))
}
