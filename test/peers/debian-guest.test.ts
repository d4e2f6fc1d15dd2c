import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import type { ContextEvent } from '../../src/model/events.ts'
import { BELLHOP, QEMU_CONFIG, startGateway, type Gateway } from '../e2e/gateway.ts'
import { run as runProgram, type Ended } from '../e2e/programs.ts'
import { debianGuest, needDebianGuest } from './debian-guest/guest.ts'
import { processesWith } from './demo-guest.ts'
import { consoleOf } from './qemu-gateway.ts'

/** An emulated boot takes about a minute on an idle host. */
const BOOT_LIMIT_S = 540

describe('a stock Debian guest with systemd and cloud-init, whose ds-identify decides by itself', () => {
  it('takes a script from our metadata server, and its cloud-init tells each stage while it boots', async (t) => {
    if (!needDebianGuest(t)) return
    const word = randomBytes(8).toString('hex')
    const userData = Buffer.from(`#!/bin/sh\necho "the word is ${word}" >/dev/console\n`)
    const { gateway, cli } = await startSite(t)
    const path = join(gateway.folder, 'user-data')
    await writeFile(path, userData)
    const made = await cli('create', '--name', 'web-1', '--user-data', path, '--by', 'metadata')
    assert.equal(made.code, 0, made.stderr)
    const id = made.stdout.trim()
    const stateNow = async (): Promise<unknown> =>
      ((await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as { delivery: { state: string } }).delivery.state

    const told: string[] = []
    let stateAtFirstStage: unknown
    for await (const line of followed(t, gateway, 'logs', '-f', id)) {
      told.push(line)
      if (line.endsWith(' init-network: SUCCESS')) stateAtFirstStage = await stateNow()
      if (line.endsWith(' modules-final: SUCCESS')) break
    }
    t.diagnostic(`\n${told.join('\n')}`)

    const digest = sha256(userData).slice(0, 12)
    assertInOrder(told, [
      /^ +[\d.]+ s  planned /,
      /  offered   metadata /,
      /  access    metadata  metadata    \/openstack\/[\d-]+\/meta_data\.json /,
      new RegExp(`  fetched   metadata  metadata    /openstack/[\\d-]+/user_data  .*  sha256 ${digest}…$`),
      /  state  +cloud-init  init-network\/activate-datasource: SUCCESS$/,
      /  state  +cloud-init  init-network: SUCCESS$/,
      /  state  +cloud-init  modules-config: SUCCESS$/,
      /  applied  +cloud-init  modules-final\/config-scripts-user: SUCCESS$/,
      /  finished  +cloud-init  modules-final: SUCCESS$/,
    ])
    assert.equal(told.filter((line) => line.includes('  fetched ')).length, 1)
    assert.equal(stateAtFirstStage, 'fetched', 'it was told while the guest was booting')
    assert.equal(await stateNow(), 'applied')
    assert.match(await consoleOf(gateway, id), new RegExp(`the word is ${word}`))
    assert.equal((await cli('rm', id)).code, 0)
    assert.deepEqual(await processesWith(id), [], 'no process is left')
  })

  it('takes a cloud-config from our disk, and its cloud-init says on the console that it was used', async (t) => {
    const ran = await run(t, (word) => `#cloud-config\nruncmd:\n  - echo "the word is ${word}" >/dev/console\n`, [
      '--by',
      'disk',
    ])
    if (!ran) return
    assert.deepEqual(ran.eventsOf('access'), [], 'there was no metadata server')
    assert.match(ran.console, /finished at .* Datasource DataSourceConfigDrive/)
    assert.equal(ran.eventsOf('applied')[0]?.source, 'cloud-init')
  })

  it('takes a script from the disk where both are there, and reports by the metadata server all the same', async (t) => {
    const ran = await run(t, (word) => `#!/bin/sh\necho "the word is ${word}" >/dev/console\n`, [])
    if (!ran) return
    assert.deepEqual(ran.eventsOf('fetched'), [], 'ds-identify prefers a config drive')
    assert.equal(ran.eventsOf('applied')[0]?.source, 'cloud-init')
    assert.doesNotMatch(ran.console, /finish: modules-final/, 'not on the console')
  })
})

/** A gateway whose only image is the Debian guest, and the command line that asks it. */
async function startSite(
  t: TestContext,
): Promise<{ gateway: Gateway; cli: (...args: readonly string[]) => Promise<Ended> }> {
  const config = `${QEMU_CONFIG}
images = [{ path = "${await debianGuest()}" }]
sizes = [{ id = "run", cores = 2, memoryMiB = 1024 }]
`
  const gateway = await startGateway(t, { config })
  return { gateway, cli: (...args) => runProgram(BELLHOP, args, { env: envOf(gateway) }) }
}

function envOf({ folder, url }: Gateway): NodeJS.ProcessEnv {
  return { ...process.env, XDG_STATE_HOME: folder, BELLHOP_URL: url, BELLHOP_TOKEN: '' }
}

/** The lines of a command that goes on, as they come, until nobody wants more of them or a boot's time is up. */
async function* followed(t: TestContext, gateway: Gateway, ...args: readonly string[]): AsyncGenerator<string> {
  const signal = AbortSignal.timeout(BOOT_LIMIT_S * 1000)
  const child = spawn(BELLHOP, args, { env: envOf(gateway), stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  signal.addEventListener('abort', () => child.kill('SIGKILL'))
  yield* createInterface(child.stdout)
  assert.ok(!signal.aborted, `the guest did not finish its boot within ${BOOT_LIMIT_S} s`)
}

/** Each pattern has a line, after that of the pattern before. */
function assertInOrder(lines: readonly string[], patterns: readonly RegExp[]): void {
  let from = 0
  for (const pattern of patterns) {
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line))
    assert.notEqual(at, -1, `${pattern} in its place in\n${lines.join('\n')}`)
    from = at + 1
  }
}

/** A run that ended well, and all that is to be known of it. */
interface Ran {
  readonly digest: string
  readonly console: string
  readonly eventsOf: (kind: ContextEvent['kind']) => readonly ContextEvent[]
}

/**
 * Boots the guest with data that hold a word which nobody else knows, until they are applied.
 *
 * @returns `undefined` where the peer is missing, and the test is skipped
 */
async function run(
  t: TestContext,
  data: (word: string) => string,
  options: readonly string[],
): Promise<Ran | undefined> {
  if (!needDebianGuest(t)) return undefined
  const word = randomBytes(8).toString('hex')
  const userData = Buffer.from(data(word))
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-debian-guest-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'user-data')
  await writeFile(path, userData)
  const parameters = ['run', await debianGuest(), '--user-data', path, '--hostname', 'web-1', ...options]
  const { code, stdout, stderr } = await bellhop([...parameters, '--timeout', `${BOOT_LIMIT_S}s`, '-v', '-o', 'json'])
  assert.equal(code, 0, stderr)
  const said = JSON.parse(stdout) as {
    digest: string
    exitReason: string
    events: ContextEvent[]
    instance: { id: string }
  }
  assert.equal(said.exitReason, 'applied')
  assert.equal(said.digest, sha256(userData))
  assert.match(stderr, new RegExp(`the word is ${word}`))
  assert.match(stderr, /web-1 login:|Cloud-init .* finished at/)
  assert.deepEqual(await processesWith(said.instance.id), [], 'no process is left')
  t.diagnostic(stderr.trim().split('\n').at(-1) ?? '')
  return {
    digest: said.digest,
    console: stderr,
    eventsOf: (kind) => said.events.filter((event) => event.kind === kind),
  }
}

function bellhop(parameters: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { timeout: (BOOT_LIMIT_S + 60) * 1000, maxBuffer: 64 * 1024 * 1024 }
    execFile(BELLHOP, parameters, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}
