/**
 * A real OpenStack on this machine's loopback, from Debian 12's packages: `node test/peers/openstack/openstack.ts`.
 *
 * Keystone, Glance, Placement, Neutron and Nova with its metadata service, on free ports of 127.0.0.1; Nova's hypervisor
 * is its fake one, so servers are ACTIVE but no guest boots. It runs until a signal ends it, or, given as arguments the
 * id and start of a process (owner.ts), until that has ended; then nothing is left of it. `peer.json` in its folder tells
 * where all is, and is there once servers can be made.
 */
import { once } from 'node:events'
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configurationFiles, DEFAULT_FILES } from './configuration.ts'
import { cloudsYaml, describeCloud, fillCloud, fillKeystone } from './content.ts'
import { isAlive, startOf, type Owner } from './owner.ts'
import { killAll, logPath, openProcesses, type Processes } from './processes.ts'
import { readRecord, removeRecord, writeRecord } from './record.ts'
import { makeDatabaseFolder, makeSchemas } from './schemas.ts'
import { foundations, identity, services } from './services.ts'
import { FOLDER, newSite, type Site } from './site.ts'

const LOOK_MS = 500
const LOCK_LIMIT_MS = 60_000

/** The machine's, and no file: it goes with its process, however that ends. */
const LOCK = '\0bellhop-openstack-peer'

/** What the programs expect to be there. */
const FOLDERS = [
  'database',
  'etc/keystone/credential',
  'etc/keystone/fernet',
  'images',
  'log',
  'neutron',
  'nova',
  'queue',
  'scratch',
] as const

async function main(): Promise<number> {
  const [pid = '', startedAt = ''] = process.argv.slice(2)
  const owner = pid === '' ? undefined : { pid: Number(pid), startedAt }
  const refusal = await lock()
  if (refusal !== undefined) {
    say(refusal)
    return 1
  }
  const end = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => end.abort())
  if (owner !== undefined) void untilEnded(owner, end.signal).then(() => end.abort())
  return await runPeer(owner, end.signal)
}

async function runPeer(owner: Owner | undefined, end: AbortSignal): Promise<number> {
  // Of a peer that was killed.
  await killAll(FOLDER)
  await rm(FOLDER, { recursive: true, force: true })
  const site = await newSite(FOLDER)
  await writeFiles(site)
  const ended: Promise<unknown> = end.aborted ? Promise.resolve() : once(end, 'abort')
  const failure = Promise.withResolvers<never>()
  const processes = openProcesses(FOLDER, (message) => failure.reject(new Error(message)))
  try {
    await Promise.race([bringUp(site, processes, owner).then(() => ended), failure.promise, ended])
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    say(message)
    // Who heard of it is perhaps gone. The logs stay until the next peer, which begins with nothing.
    await writePrivate(logPath(FOLDER, 'peer'), `${message}\n`)
    await takeDown(processes)
    return 1
  }
  await takeDown(processes)
  await rm(FOLDER, { recursive: true, force: true })
  return 0
}

async function takeDown(processes: Processes): Promise<void> {
  await removeRecord()
  await processes.stop()
}

async function bringUp(site: Site, processes: Processes, owner: Owner | undefined): Promise<void> {
  const start = async (all: ReturnType<typeof services>) => {
    for (const each of all) processes.start(each)
    await Promise.all(all.map(processes.answers))
  }
  say('database and queue')
  await makeDatabaseFolder(site, processes)
  await start(foundations(site))
  say('schemas')
  await makeSchemas(site, processes)
  say('services')
  await start([identity(site)])
  const [applicationCredential] = await Promise.all([fillKeystone(site), start(services(site))])
  say('image, flavors, network, compute host')
  const cloud = describeCloud(site, { applicationCredential, ...(await fillCloud(site)) })
  await writePrivate(cloud.cloudsYaml, cloudsYaml(cloud))
  await writeRecord({
    process: { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' },
    ...(owner === undefined ? {} : { owner }),
    cloud,
  })
  say(`up: OS_CLIENT_CONFIG_FILE=${cloud.cloudsYaml} OS_CLOUD=peer`)
}

async function writeFiles(site: Site): Promise<void> {
  const inside = (path: string) => join(site.folder, path)
  await mkdir(site.folder, { recursive: true, mode: 0o700 })
  await chmod(site.folder, 0o700)
  for (const name of FOLDERS) await mkdir(inside(name), { recursive: true, mode: 0o700 })
  for (const [path, text] of Object.entries(configurationFiles(site))) {
    await mkdir(dirname(inside(path)), { recursive: true })
    await writePrivate(inside(path), text)
  }
  for (const [path, from] of Object.entries(DEFAULT_FILES)) await copyFile(from, inside(path))
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
}

/** @returns why there is no peer now, where another runs */
async function lock(): Promise<string | undefined> {
  for (const until = Date.now() + LOCK_LIMIT_MS; ; await sleep(LOOK_MS)) {
    if (await listensAt(LOCK)) return undefined
    // Without a record it comes or goes, and without its owner it goes: the run before this one may only just have ended.
    const running = await readRecord()
    const stays = running !== undefined && (running.owner === undefined || (await isAlive(running.owner)))
    if (stays || Date.now() >= until)
      return `another OpenStack peer runs on this machine${running ? `, process ${running.process.pid}` : ''}: end it first`
  }
}

async function listensAt(path: string): Promise<boolean> {
  const server = createServer((socket) => socket.destroy()).listen(path)
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  }
}

async function untilEnded(owner: Owner, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await isAlive(owner))) await sleep(LOOK_MS)
}

function say(text: string): void {
  console.error(`openstack: ${text}`)
}

// It ends only here: until then it holds the lock.
process.exit(await main())
