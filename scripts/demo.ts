/**
 * The main job, shown: `npm run demo`.
 *
 * Starts the gateway, asks it through OCCI for a VM whose user data is a script with a fresh random word, shows the timeline and
 * the line that the guest printed, deletes the VM. Once by the metadata server; once by disk, with the metadata server off.
 * Ends with 0 only if the guest printed the word and the timeline ends in `applied`, both times.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { timelineLine } from '../src/cli/timeline.ts'
import type { ContextEvent } from '../src/model/events.ts'

const ROOT = new URL('..', import.meta.url).pathname
const BOOT_LIMIT_MS = 240_000

interface Gateway {
  readonly url: string
  readonly token: string
  readonly child: ChildProcess
}

/** An event as the REST API shows it. */
type TimelineEvent = Omit<ContextEvent, 'at'> & { readonly at: string }

function step(text: string): void {
  console.log(`\n${text}`)
}

function prepare(): void {
  step('What the demo needs: QEMU, and a small guest made from Debian packages')
  for (const [command, ...args] of [
    ['sh', join(ROOT, 'scripts/setup.sh'), 'demo'],
    [process.execPath, join(ROOT, 'scripts/build-demo-guest.ts')],
  ] as const) {
    const { status } = spawnSync(command, args, { stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }
}

async function startGateway(stateDir: string, metadataServer: boolean): Promise<Gateway> {
  const config = join(stateDir, 'bellhop.toml')
  await writeFile(
    config,
    `[server]\nlisten = "127.0.0.1:0"\n[metadata]\nlisten = "127.0.0.1:0"\nenabled = ${String(metadataServer)}\n`,
  )
  const child = spawn(join(ROOT, 'bin/bellhop'), ['serve', '--config', config], {
    env: { ...process.env, XDG_STATE_HOME: stateDir },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const url = await listeningUrl(child)
  return { url, token: (await readFile(join(stateDir, 'bellhop/token'), 'utf8')).trim(), child }
}

/** The log's line `listening` has the address; other lines are shown only if the gateway ends before it. */
async function listeningUrl(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('the gateway has no log')
  const seen: string[] = []
  const lines = createInterface(child.stderr)
  return await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      seen.push(line)
      const match = /"url":"(http:[^"]+)".*"msg":"listening"/.exec(line)
      if (match?.[1] !== undefined) resolve(match[1])
    })
    child.once('exit', () => reject(new Error(`the gateway ended:\n${seen.join('\n')}`)))
  })
}

async function ask(gateway: Gateway, method: string, url: string, body?: string): Promise<Response> {
  const response = await fetch(new URL(url, gateway.url), {
    method,
    headers: { 'X-Auth-Token': gateway.token, ...(body === undefined ? {} : { 'Content-Type': 'text/plain' }) },
    ...(body === undefined ? {} : { body }),
  })
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
  return response
}

async function createCompute(gateway: Gateway, script: string): Promise<string> {
  const userData = Buffer.from(script, 'utf8').toString('base64')
  const response = await ask(
    gateway,
    'POST',
    '/compute/',
    [
      'Category: compute;scheme="http://schemas.ogf.org/occi/infrastructure#";class="kind"',
      'Category: user_data;scheme="http://schemas.openstack.org/compute/instance#";class="mixin"',
      'X-OCCI-Attribute: occi.core.title="demo"',
      `X-OCCI-Attribute: org.openstack.compute.user_data="${userData}"`,
    ].join('\n'),
  )
  return response.headers.get('location') ?? ''
}

/** Prints events as they come until the delivery is settled; returns the kind of the last one that settles it. */
async function follow(gateway: Gateway, id: string): Promise<string> {
  const until = Date.now() + BOOT_LIMIT_MS
  let shown = 0
  let startedAt: number | undefined
  while (Date.now() < until) {
    const response = await ask(gateway, 'GET', `/api/v1/instances/${id}/events`)
    const { events } = (await response.json()) as { events: readonly TimelineEvent[] }
    for (const event of events.slice(shown)) {
      const at = Date.parse(event.at)
      startedAt ??= at
      console.log(`  ${timelineLine({ ...event, at }, startedAt)}`)
      if (event.kind === 'applied' || event.kind === 'failed') return event.kind
    }
    shown = events.length
    await sleep(250)
  }
  return 'time-out'
}

async function consoleLine(gateway: Gateway, id: string, word: string): Promise<string | undefined> {
  for (const attempt of [1, 2, 3, 4, 5]) {
    const { text } = (await (await ask(gateway, 'GET', `/api/v1/instances/${id}/console`)).json()) as { text: string }
    const line = text.split(/\r?\n/).find((candidate) => candidate.includes(word))
    if (line !== undefined) return line
    await sleep(attempt * 200)
  }
  return undefined
}

async function demonstrate(title: string, metadataServer: boolean): Promise<boolean> {
  step(title)
  const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-demo-'))
  let gateway: Gateway | undefined
  try {
    gateway = await startGateway(stateDir, metadataServer)
    const word = `word-${randomBytes(6).toString('hex')}`
    const script = `#!/bin/sh\necho "the guest says ${word}"\n`
    const location = await createCompute(gateway, script)
    const id = location.split('/').at(-1) ?? ''
    console.log(`  created ${location}`)
    const outcome = await follow(gateway, id)
    const line = await consoleLine(gateway, id, word)
    console.log(`  console: ${line ?? `no line with ${word}`}`)
    await ask(gateway, 'DELETE', location)
    console.log(`  deleted; outcome: ${outcome}`)
    return outcome === 'applied' && line !== undefined
  } finally {
    await stop(gateway?.child)
    await rm(stateDir, { recursive: true, force: true })
  }
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

prepare()
const byMetadata = await demonstrate('By the metadata server', true)
const byDisk = await demonstrate('By disk, with the metadata server off', false)
step(byMetadata && byDisk ? 'Both arrived.' : 'NOT everything arrived: see above.')
process.exitCode = byMetadata && byDisk ? 0 : 1
