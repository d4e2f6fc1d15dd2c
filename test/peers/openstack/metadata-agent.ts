import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { request as send, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { PYTHON } from '../need.ts'
import type { OpenStackPeer } from './peer.ts'
import { logIn, untilHolds } from './rest.ts'
import { FOLDER } from './site.ts'

/** Where a guest is, and so how Neutron's proxies know it. */
export interface Place {
  readonly address: string
  readonly networkId: string
}

/** An answer as it leaves the agent. */
export interface AgentsAnswer {
  readonly status: number
  readonly type: string | undefined
  readonly bytes: Buffer
}

/** A metadata agent of the peer's Neutron. */
export interface MetadataAgent {
  /** Asks as the proxy in front of it does for a guest. */
  readonly ask: (
    guest: Place,
    path: string,
    init?: { readonly method?: string; readonly body?: string },
  ) => Promise<AgentsAnswer>
}

const PROGRAM = '/usr/bin/neutron-metadata-agent'
const PATIENCE_MS = 60_000

/**
 * Neutron's own metadata agent, a process of its own with the stock program of Debian, which believes Nova's metadata service to
 * be at `novaUrl`. It ends with the test, and Neutron forgets it.
 */
export async function startMetadataAgent(
  t: Pick<TestContext, 'after'>,
  { authUrl, admin, metadataSharedSecret }: OpenStackPeer,
  novaUrl: string,
): Promise<MetadataAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-agent-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const host = `agent-${randomUUID().slice(0, 8)}`
  const [configuration, socketPath, logPath] = ['agent.conf', 'proxy', 'log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const { hostname, port } = new URL(novaUrl)
  await writeFile(
    configuration,
    `[DEFAULT]
host = ${host}
transport_url = ${await transportUrl()}
state_path = ${folder}
metadata_proxy_socket = ${socketPath}
metadata_proxy_shared_secret = ${metadataSharedSecret}
metadata_workers = 0
nova_metadata_host = ${hostname}
nova_metadata_port = ${port}
[oslo_concurrency]
lock_path = ${folder}
`,
    { mode: 0o600 },
  )
  const { ask } = await logIn(authUrl, admin)
  const { catalog } = await ask<{
    catalog: { type: string; endpoints: { interface: string; url: string }[] }[]
  }>('GET', `${authUrl}/auth/catalog`)
  const neutron = catalog.find(({ type }) => type === 'network')?.endpoints[0]?.url
  const agents = async (): Promise<readonly { readonly id: string }[]> =>
    (await ask<{ agents: { id: string }[] }>('GET', `${neutron}/v2.0/agents?host=${host}`)).agents
  t.after(async () => {
    for (const { id } of await agents()) await ask('DELETE', `${neutron}/v2.0/agents/${id}`)
  })

  const log = await open(logPath, 'a')
  const child = spawn(PYTHON, [PROGRAM, '--config-file', configuration], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: folder },
    stdio: ['ignore', log.fd, log.fd],
  })
  await log.close()
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGTERM')
    // It waits for RPC answers that nobody needs any more.
    const force = setTimeout(() => child.kill('SIGKILL'), 3000)
    await ended
    clearTimeout(force)
  })
  // Neutron 21 cannot list ports to an agent before one has reported to it.
  await untilHolds('the agent is there', PATIENCE_MS, async () => {
    if (child.exitCode !== null) throw new Error(`the agent ended: ${await readFile(logPath, 'utf8')}`)
    return (await accepts(socketPath)) && (await agents()).length > 0
  })
  return { ask: (guest, path, init) => askOn(socketPath, guest, path, init) }
}

async function askOn(
  socketPath: string,
  { address, networkId }: Place,
  path: string,
  { method = 'GET', body = '' }: { readonly method?: string; readonly body?: string } = {},
): Promise<AgentsAnswer> {
  const headers = {
    'X-Forwarded-For': address,
    'X-Neutron-Network-ID': networkId,
    ...(body === '' ? {} : { 'Content-Length': Buffer.byteLength(body) }),
  }
  const asked = send({ socketPath, path, method, headers, agent: false })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const bytes: Buffer = await buffer(response)
  return { status: response.statusCode ?? 0, type: response.headers['content-type'], bytes }
}

async function transportUrl(): Promise<string> {
  const text = await readFile(join(FOLDER, 'etc/neutron/neutron.conf'), 'utf8')
  const found = /^transport_url = (.+)$/m.exec(text)?.[1]
  if (found === undefined) throw new Error('the peer has no queue')
  return found
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
