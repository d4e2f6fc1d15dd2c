import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMemoryProcess } from '../conformance/memory-process.ts'
import { MEMORY_CONFIG, startGateway, type Gateway } from '../e2e/gateway.ts'
import { ROOT, run } from '../e2e/programs.ts'
import { startOpenNebula } from '../opennebula/opennebula.ts'
import { startSynnefo } from '../synnefo/synnefo.ts'
import { needQemu } from './demo-guest.ts'
import { need, needPython, PYTHON } from './need.ts'
import { assertNothingLeft, startQemuGateway } from './qemu-gateway.ts'

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@example'

/** Begins what each block prints. */
const MARK = '@@@ block '

/** A page that fails half-way leaves nothing running in the background. */
const TIDY = "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT"

/** A reader would not wait longer for a page in which something never comes. */
const PATIENCE_S = 600

/** What a reader is to run, under which heading, and what the page says that it prints. */
interface Block {
  readonly heading: string
  readonly code: string
  readonly prints?: string
}

/** What stands behind `sh` where a block is not run, and why it is not. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'old-client': 'rOCCI-cli is not installed here',
  'front-end': "runs OpenNebula's own tools, where OpenNebula is; here a simulator stands in for it",
  guest: 'needs a machine with an SSH server, at an address that this host can reach',
  typing: 'waits for somebody who types a secret',
}

/** Blocks that are `sh` and nothing else; the others say behind it why they are not run. */
function blocksOf(page: string): readonly Block[] {
  const found = page.matchAll(/^#+ (.+)$|^```sh\n([^]*?)^```$(?:\n\n```text\n([^]*?)\n```$)?/gm)
  let heading = ''
  return [...found].flatMap(([, title, code, prints]) => {
    heading = title ?? heading
    return code === undefined ? [] : [{ heading, code, ...(prints === undefined ? {} : { prints }) }]
  })
}

/** As the page writes it: `…` is the rest of a line, or, where it stands alone, any lines. */
function pattern(prints: string): RegExp {
  const lines = prints.split('\n').map((line) => (line === '…' ? '[^]*' : escaped(line).replaceAll('…', '.*')))
  return new RegExp(`^${lines.join('\\n')}$`)
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}

interface Listed {
  readonly id: string
  readonly revision: number
}

/** Does what a guest does, for every machine: takes its user data, other ones too, and reports that it used them. */
async function beGuests({ ask, metadataUrl }: Gateway, signal: AbortSignal): Promise<void> {
  const served = new Set<string>()
  while (!signal.aborted) {
    const listed = (await (await ask('/api/v1/instances')).json()) as { instances: readonly Listed[] }
    for (const { id, revision } of listed.instances.filter((each) => !served.has(`${each.id} ${each.revision}`))) {
      const shown = await ask(`/api/v1/instances/${id}`)
      const { seedUrl } = shown.ok ? ((await shown.json()) as { seedUrl?: string }) : {}
      // It may be gone by now, or not be there yet.
      if (seedUrl === undefined) continue
      await (await fetch(`${seedUrl}user-data`)).arrayBuffer()
      const body = JSON.stringify({ agent: 'agent', stage: 'applied', exitCode: 0 })
      await fetch(`${metadataUrl}/report/${seedUrl.split('/').at(-2)}`, { method: 'POST', body })
      served.add(`${id} ${revision}`)
    }
    await sleep(100)
  }
}

/** Has guests meanwhile. */
async function withGuests(gateway: Gateway, task: () => Promise<void>): Promise<void> {
  const ending = new AbortController()
  const guests = beGuests(gateway, ending.signal)
  try {
    await task()
  } finally {
    ending.abort()
    await guests
  }
}

async function pageOf(name: string): Promise<string> {
  return await readFile(join(ROOT, 'docs', 'howto', name), 'utf8')
}

/** A gateway with the very settings that a page has, in front of an OpenNebula that has what the page speaks of. */
async function startOpenNebulaGateway(t: TestContext, page: string): Promise<Gateway> {
  const one = await startOpenNebula(t)
  one.addUser({ name: 'bellhop', password: 'wonderland' })
  one.addNetwork({ name: 'public', mode: '644', range: { first: '192.0.2.10', size: 50 } })
  const template = 'CPU="1" MEMORY="512" NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES" ]'
  one.addTemplate({ name: 'debian', mode: '604', template })
  const folder = await newFolder(t)
  await writeFile(join(folder, 'one_auth'), 'bellhop:wonderland\n')
  const here = settingsIn(page)
    .replace('http://one.example.org:2633/RPC2', one.url)
    .replace('/home/bellhop/one_auth', join(folder, 'one_auth'))
  return await startGateway(t, { config: ALONE + here })
}

/** As above, in front of a Synnefo, by the file of its own client. */
async function startSynnefoGateway(t: TestContext, page: string): Promise<Gateway> {
  const site = await startSynnefo(t)
  site.addImage({ id: 'd0a1', name: 'Debian Base' })
  site.addFlavor({ id: 42, name: 'C2R2048D10drbd' })
  site.addNetwork({ id: 1, name: 'private' })
  const kamakirc = join(await newFolder(t), 'kamakirc')
  await writeFile(kamakirc, `[cloud "okeanos"]\nurl = ${site.authUrl}\ntoken = ${site.token}\n`)
  const here = settingsIn(page).replace('/home/bellhop/.kamakirc', kamakirc)
  return await startGateway(t, { config: ALONE + here })
}

/** A gateway in front of a cloud that gives machines other data while they run. */
async function startUpdatingGateway(t: TestContext): Promise<Gateway> {
  const socketPath = join(await newFolder(t), 'cloud.sock')
  const cloud = await startMemoryProcess({ socketPath, options: { capabilities: { update: 'live' } } })
  t.after(() => cloud.kill())
  return await startGateway(t, { config: `${MEMORY_CONFIG}socket = "${socketPath}"\n` })
}

/** What a page's own settings leave out: a free port, and no metadata server. */
const ALONE = '[server]\nlisten = "127.0.0.1:0"\n[metadata]\nenabled = false\n'

function settingsIn(page: string): string {
  return /^```toml\n([^]*?)^```$/m.exec(page)?.[1] ?? assert.fail('the page has settings')
}

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-howto-site-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

/**
 * Runs every `sh` block of a page in one shell, in the order of the page, as a reader with a key would; compares what each
 * prints with what the page says, and asserts that nothing failed or complained.
 *
 * @param printing how many blocks of the page say at least what they print
 * @param talk what may stand on stderr
 */
async function follow(
  t: TestContext,
  { folder, url }: Gateway,
  name: string,
  printing = 6,
  talk = /^$/,
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'bellhop-howto-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  await mkdir(join(home, '.ssh'))
  await writeFile(join(home, '.ssh', 'id_ed25519.pub'), `${PUBLIC_KEY}\n`)
  const blocks = blocksOf(await pageOf(name))
  const script = [TIDY, ...blocks.map(({ code }, index) => `echo '${MARK}${index}'\n${code}`)].join('\n')
  const PATH = [join(ROOT, 'bin'), dirname(PYTHON), process.env['PATH']].join(delimiter)
  const env = { ...process.env, PATH, HOME: home, XDG_STATE_HOME: folder, BELLHOP_URL: url, NO_PROXY: '*' }
  // A reader would see an error and stop; so does this shell, wherever in a pipe it comes from.
  const bash = ['bash', '-euo', 'pipefail', '-c', script]
  const ended = await run('timeout', ['--foreground', String(PATIENCE_S), ...bash], { cwd: home, env })

  const printed = ended.stdout.split(new RegExp(`^${MARK}\\d+\\n`, 'm')).slice(1)
  const last = blocks[printed.length - 1]
  assert.equal(ended.code, 0, `"${last?.heading}": ${printed.at(-1)}\n${ended.stderr}`)
  assert.equal(printed.length, blocks.length)
  assert.match(ended.stderr, talk)
  const said = blocks.filter(({ prints }) => prints !== undefined)
  assert.ok(said.length >= printing)
  for (const [index, { heading, prints }] of blocks.entries())
    if (prints !== undefined) assert.match(printed[index]?.trim() ?? '', pattern(prints), heading)
}

describe('every block of a how-to runs, in the order of the page, and prints what it says:', () => {
  it('OCCI', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const gateway = await startGateway(t, { config: MEMORY_CONFIG })
    await withGuests(gateway, () => follow(t, gateway, 'occi.md'))
  })

  it('CIMI, with machines of QEMU', async (t) => {
    if (!need(t, 'curl', 'curl') || !needPython(t, 'requests', 'python3-requests') || !needQemu(t)) return
    const gateway = await startQemuGateway(t)
    await follow(t, gateway, 'cimi.md')
    await assertNothingLeft(gateway, [])
  })

  it('an OpenNebula', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const gateway = await startOpenNebulaGateway(t, await pageOf('opennebula.md'))
    await follow(t, gateway, 'opennebula.md', 5)
  })

  it('a Synnefo', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const gateway = await startSynnefoGateway(t, await pageOf('synnefo.md'))
    await follow(t, gateway, 'synnefo.md', 4)
  })

  it('data that arrive', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const gateway = await startUpdatingGateway(t)
    // The command line tells people on stderr how far it is.
    await withGuests(gateway, () => follow(t, gateway, 'watch.md', 3, /^bellhop: /))
  })

  it('webhooks', async (t) => {
    if (!need(t, 'python3', 'python3')) return
    const gateway = await startGateway(t, { config: MEMORY_CONFIG + settingsIn(await pageOf('webhooks.md')) })
    await follow(t, gateway, 'webhooks.md', 2, /^bellhop: /)
  })

  it('HEPiX images', async (t) => {
    await follow(t, await startGateway(t, { config: MEMORY_CONFIG }), 'hepix.md', 3)
  })
})

it('a block of a how-to that is not run has a reason', async () => {
  for (const name of await readdir(join(ROOT, 'docs', 'howto')))
    for (const [, mark = ''] of (await pageOf(name)).matchAll(/^```sh (.*)$/gm))
      assert.ok(Object.hasOwn(NOT_RUN, mark), `${name}: ${mark}`)
})
