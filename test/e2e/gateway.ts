import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killProcesses } from '../../src/providers/qemu/processes.ts'

/** The command line, as users start it. */
export const BELLHOP = fileURLToPath(new URL('../../bin/bellhop', import.meta.url))

/** Free ports, and a cloud in memory. */
export const MEMORY_CONFIG = configFor('memory')

/** Free ports, and machines on this host. */
export const QEMU_CONFIG = configFor('qemu')

function configFor(driver: string): string {
  return `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[providers.${driver}]
driver = "${driver}"
`
}

/** A request; its headers are plain, so that the credential can stand beside them. */
export type Asking = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }

/** A `bellhop serve` that listens. */
export interface Gateway {
  readonly url: string
  readonly metadataUrl: string
  /** Empty where callers come with tokens of a Keystone. */
  readonly token: string
  /** Where its state is; a second gateway can be started on it. */
  readonly folder: string
  /** The log's lines so far. */
  readonly log: readonly string[]
  /** Asks with its token. */
  readonly ask: (path: string, init?: Asking) => Promise<Response>
  /** Ends it, by default as a service manager does. @returns its exit code, `null` where the signal ended it */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>
}

/** Runs `bellhop serve`, in a new state folder or in that of an earlier one; it ends with the test. */
export async function startGateway(
  t: Pick<TestContext, 'after'>,
  {
    config,
    folder,
    program = BELLHOP,
  }: { readonly config: string; readonly folder?: string; readonly program?: string },
): Promise<Gateway> {
  const state = folder ?? (await mkdtemp(join(tmpdir(), 'bellhop-serve-')))
  if (folder === undefined)
    t.after(async () => {
      // Gateways, and the machines that a failed test left: each has the folder's path among its arguments.
      await killProcesses((parameters) => parameters.some((each) => each.includes(state)), 10_000)
      await rm(state, { recursive: true, force: true })
    })
  const path = join(state, 'bellhop.toml')
  await writeFile(path, config)
  const child = spawn(program, ['serve', '--config', path], {
    env: { ...process.env, XDG_STATE_HOME: state },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const ended = once(child, 'exit') as Promise<[number | null]>
  const log: string[] = []
  const lines = createInterface(child.stderr)
  const listening = new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
    lines.on('line', (line) => {
      log.push(line)
      if (line.includes('"msg":"listening"')) resolve(JSON.parse(line) as Record<string, string>)
    })
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${log.join('\n')}`)))
  })
  const { url = '', metadataUrl = '' } = await listening
  const token = (await readFile(join(state, 'bellhop', 'token'), 'utf8').catch(() => '')).trim()
  return {
    url,
    metadataUrl,
    token,
    folder: state,
    log,
    ask: (target, init = {}) =>
      fetch(new URL(target, url), { ...init, headers: { 'X-Auth-Token': token, ...init.headers } }),
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      return (await ended)[0]
    },
  }
}

/**
 * A gateway with one provider, whose credential stands in a file of its own. It has a metadata server only where guests have a URL for
 * it, by which they report.
 *
 * @param provider its table in the configuration, of that file
 */
export async function startGatewayTo(
  t: Pick<TestContext, 'after'>,
  secret: string,
  provider: (file: string) => string,
  reportUrl?: string,
): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-secret-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'secret')
  await writeFile(file, `${secret}\n`)
  const metadata =
    reportUrl === undefined ? 'enabled = false' : `listen = "127.0.0.1:0"\n[report]\nurl = "${reportUrl}"`
  const config = `[server]\nlisten = "127.0.0.1:0"\n[metadata]\n${metadata}\n${provider(file)}`
  return await startGateway(t, { config })
}

/** What a client POSTs to `/compute/` for a machine with these user data. */
export function creation(userData: string | Uint8Array): Asking & { readonly body: string } {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: [
      'Category: compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"',
      `X-OCCI-Attribute: occi.compute.userdata="${Buffer.from(userData).toString('base64')}"`,
    ].join('\n'),
  }
}
