import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MEMORY_CONFIG, startGateway, type Gateway } from '../e2e/gateway.ts'
import { ROOT, run } from '../e2e/programs.ts'
import { needQemu } from './demo-guest.ts'
import { need, needPython, PYTHON } from './need.ts'
import { assertNothingLeft, startQemuGateway } from './qemu-gateway.ts'

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@example'

/** Begins what each block prints. */
const MARK = '@@@ block '

/** What a reader is to run, under which heading, and what the page says that it prints. */
interface Block {
  readonly heading: string
  readonly code: string
  readonly prints?: string
}

/** Blocks that are `sh` and nothing else; those of clients that are not installed here say so behind it. */
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

/** Does what a guest does, for every machine: takes its user data and reports that it used them. */
async function beGuests({ ask, metadataUrl }: Gateway, signal: AbortSignal): Promise<void> {
  const served = new Set<string>()
  while (!signal.aborted) {
    const { instances } = (await (await ask('/api/v1/instances')).json()) as { instances: readonly { id: string }[] }
    for (const { id } of instances.filter((instance) => !served.has(instance.id))) {
      const shown = await ask(`/api/v1/instances/${id}`)
      const { seedUrl } = shown.ok ? ((await shown.json()) as { seedUrl?: string }) : {}
      // It may be gone by now, or not be there yet.
      if (seedUrl === undefined) continue
      await (await fetch(`${seedUrl}user-data`)).arrayBuffer()
      const body = JSON.stringify({ agent: 'agent', stage: 'applied', exitCode: 0 })
      await fetch(`${metadataUrl}/report/${seedUrl.split('/').at(-2)}`, { method: 'POST', body })
      served.add(id)
    }
    await sleep(100)
  }
}

/**
 * Runs every `sh` block of a page in one shell, in the order of the page, as a reader with a key would; compares what each
 * prints with what the page says, and asserts that nothing failed or complained.
 */
async function follow(t: TestContext, { folder, url }: Gateway, name: string): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'bellhop-howto-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  await mkdir(join(home, '.ssh'))
  await writeFile(join(home, '.ssh', 'id_ed25519.pub'), `${PUBLIC_KEY}\n`)
  const blocks = blocksOf(await readFile(join(ROOT, 'docs', 'howto', name), 'utf8'))
  const script = blocks.map(({ code }, index) => `echo '${MARK}${index}'\n${code}`).join('\n')
  const PATH = [dirname(PYTHON), process.env['PATH']].join(delimiter)
  const env = { ...process.env, PATH, HOME: home, XDG_STATE_HOME: folder, BELLHOP_URL: url, NO_PROXY: '*' }
  // A reader would see an error and stop; so does this shell, wherever in a pipe it comes from.
  const ended = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: home, env })

  const printed = ended.stdout.split(new RegExp(`^${MARK}\\d+\\n`, 'm')).slice(1)
  const last = blocks[printed.length - 1]
  assert.equal(ended.code, 0, `"${last?.heading}": ${printed.at(-1)}\n${ended.stderr}`)
  assert.equal(printed.length, blocks.length)
  assert.equal(ended.stderr, '')
  const said = blocks.filter(({ prints }) => prints !== undefined)
  assert.ok(said.length > 5)
  for (const [index, { heading, prints }] of blocks.entries())
    if (prints !== undefined) assert.match(printed[index]?.trim() ?? '', pattern(prints), heading)
}

describe('every block of a how-to runs, in the order of the page, and prints what it says:', () => {
  it('OCCI', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const gateway = await startGateway(t, { config: MEMORY_CONFIG })
    const ending = new AbortController()
    const guests = beGuests(gateway, ending.signal)
    try {
      await follow(t, gateway, 'occi.md')
    } finally {
      ending.abort()
      await guests
    }
  })

  it('CIMI, with machines of QEMU', async (t) => {
    if (!need(t, 'curl', 'curl') || !needPython(t, 'requests', 'python3-requests') || !needQemu(t)) return
    const gateway = await startQemuGateway(t)
    await follow(t, gateway, 'cimi.md')
    await assertNothingLeft(gateway, [])
  })
})
