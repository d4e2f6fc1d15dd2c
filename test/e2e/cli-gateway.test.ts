import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryProcessProvider } from '../../src/providers/memory/client.ts'
import type { MemoryProviderOptions } from '../../src/providers/memory/index.ts'
import { startMemoryProcess } from '../conformance/memory-process.ts'
import { BELLHOP, startGateway, type Gateway } from './gateway.ts'
import { run, type Ended } from './programs.ts'

const AWAY = 'bellhop: the gateway is away; waiting for it'

/** A gateway that can be killed and started again in the same place, over a cloud that goes on meanwhile. */
async function site(t: TestContext, options: MemoryProviderOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-cli-gateway-'))
  const socketPath = join(folder, 'cloud.sock')
  const cloud = await startMemoryProcess({ socketPath, options })
  const config = `
[server]
listen = "127.0.0.1:${await freePort()}"
[metadata]
listen = "127.0.0.1:0"
[providers.memory]
driver = "memory"
socket = "${socketPath}"
`
  let gateway = await startGateway(t, { config, folder })
  t.after(async () => {
    await gateway.stop('SIGKILL')
    await cloud.kill()
    await rm(folder, { recursive: true, force: true })
  })
  const env = { ...process.env, XDG_STATE_HOME: folder, BELLHOP_URL: gateway.url, BELLHOP_TOKEN: '' }
  const data = join(folder, 'hello.sh')
  await writeFile(data, '#!/bin/sh\necho hello\n')
  return {
    env,
    data,
    provider: await memoryProcessProvider({ socketPath }),
    gateway: () => gateway,
    kill: async () => void (await gateway.stop('SIGKILL')),
    restart: async () => void (gateway = await startGateway(t, { config, folder })),
    bellhop: (...args: readonly string[]): Promise<Ended> => run(BELLHOP, args, { env }),
    /** Starts an instance. @returns its id */
    create: async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(BELLHOP, ['create', '--user-data', data, ...args], { env })
      assert.equal(code, 0, stderr)
      return stdout.trim()
    },
  }
}

type Site = Awaited<ReturnType<typeof site>>

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A command that goes on; its lines come as they are said. */
function going(t: TestContext, { env }: Pick<Site, 'env'>, ...args: readonly string[]) {
  const child = spawn(BELLHOP, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const [lines, talk]: [string[], string[]] = [[], []]
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  createInterface(child.stderr).on('line', (line) => talk.push(line))
  const ended = once(child, 'close') as Promise<[number | null]>
  return { lines, talk, ended: async () => (await ended)[0] }
}

async function until(holds: () => boolean, what: () => unknown): Promise<void> {
  for (const end = Date.now() + 40_000; !holds(); await sleep(20)) assert.ok(Date.now() < end, JSON.stringify(what()))
}

/** What a guest does that comes by network: fetches its data, and reports. */
function guestOf({ ask, metadataUrl }: Gateway, id: string) {
  const seedUrl = async (): Promise<string> =>
    ((await (await ask(`/api/v1/instances/${id}`)).json()) as { seedUrl: string }).seedUrl
  return {
    fetches: async (file: string) => await (await fetch(`${await seedUrl()}${file}`)).text(),
    reports: async (report: object) => {
      const token = (await seedUrl()).split('/').at(-2)
      const body = JSON.stringify({ agent: 'agent', ...report })
      const { status } = await fetch(`${metadataUrl}/report/${token}`, { method: 'POST', body })
      assert.ok(status < 300, String(status))
    },
  }
}

test('an instance is started, looked at and waited for, until it is gone', async (t) => {
  const there = await site(t)
  const { bellhop, create, gateway } = there
  const id = await create('--name', 'web1', '--hostname', 'web1', '--variable', 'role=web', '--size', 'memory-large')
  assert.match(id, /^[0-9a-f-]{36}$/)
  await create('--name', 'other')

  const { stdout: list } = await bellhop('ls')
  assert.match(list, /^ID {8}NAME {3}STATE +DATA +IMAGE +SIZE +AGE\n/)
  assert.match(
    list,
    new RegExp(`^${id.slice(0, 8)} {2}web1 {3}\\w+ +offered +memory-debian +memory-large +\\d+ s$`, 'm'),
  )
  const { instances } = JSON.parse((await bellhop('ls', '-o', 'json')).stdout) as { instances: { id: string }[] }
  assert.equal(instances[0]?.id, id)
  assert.equal((await bellhop('ls', '-q')).stdout.split('\n')[0], id)

  const guest = guestOf(gateway(), id)
  const waiting = going(t, there, 'wait', 'web1', '--for', 'fetched')
  assert.equal(await guest.fetches('user-data'), '#!/bin/sh\necho hello\n')
  assert.deepEqual([await waiting.ended(), waiting.lines], [0, ['fetched']])
  await guest.reports({ stage: 'applied', exitCode: 0 })
  const applied = await bellhop('wait', id.slice(0, 8), '-o', 'json')
  const ending = JSON.parse(applied.stdout) as Record<string, unknown>
  assert.deepEqual([applied.code, ending['state'], ending['revision'], ending['exitCode']], [0, 'applied', 1, 0])

  const { stdout: shown } = await bellhop('show', 'web1')
  assert.match(shown, /^arrival {5}applied by metadata$/m)
  assert.match(shown, /^way {9}metadata applied: /m)
  assert.equal((JSON.parse((await bellhop('show', id, '-o', 'json')).stdout) as { id: string }).id, id)
  const { stdout: timeline } = await bellhop('logs', 'web1')
  assert.match(timeline, /^ +\d+\.\d s {2}planned {3}metadata {2}service[^]*fetched[^]*applied/)
  const kinds = (await bellhop('logs', 'web1', '-o', 'json')).stdout.trim().split('\n')
  assert.deepEqual(
    kinds.map((line) => (JSON.parse(line) as { sequence: number }).sequence),
    kinds.map((_, index) => index + 1),
  )

  const removed = await bellhop('rm', 'web1', 'other')
  assert.deepEqual([removed.code, removed.stdout], [0, ''])
  assert.equal((await bellhop('ls', '-q')).stdout, '')
})

test('logs -f outlives a killed gateway, shows each event once, and ends with the instance', async (t) => {
  const there = await site(t)
  const id = await there.create('--name', 'web1')
  const { remoteId = '' } = JSON.parse((await there.bellhop('show', id, '-o', 'json')).stdout) as { remoteId?: string }
  const following = going(t, there, 'logs', '-f', 'web1', '-o', 'json')
  const hearing = going(t, there, 'logs', '-f', 'web1', '--console')
  await until(
    () => following.lines.length >= 4,
    () => following,
  )
  await until(
    () => hearing.lines.length > 0,
    () => hearing,
  )
  await there.kill()
  await until(
    () => following.talk.length > 0,
    () => following,
  )
  assert.deepEqual(following.talk, [AWAY])
  await there.restart()
  await there.provider.writeConsole(remoteId, 'said meanwhile\n')
  await guestOf(there.gateway(), id).reports({ stage: 'applied', exitCode: 0 })
  await until(
    () => following.lines.some((line) => line.includes('"applied"')),
    () => following,
  )
  await until(
    () => hearing.lines.length > 1,
    () => hearing,
  )
  assert.equal((await there.bellhop('rm', id)).code, 0)
  assert.deepEqual([await following.ended(), await hearing.ended()], [0, 0])
  assert.deepEqual(hearing.lines, ['booted', 'said meanwhile'])
  const seen = following.lines.map((line) => JSON.parse(line) as { sequence: number; kind: string })
  assert.deepEqual(
    seen.map(({ sequence }) => sequence),
    seen.map((_, index) => index + 1),
  )
  assert.ok(seen.filter(({ kind }) => kind === 'applied').length === 1)
})

test('wait outlives a killed gateway, too', async (t) => {
  const there = await site(t)
  const id = await there.create('--name', 'web1')
  const waiting = going(t, there, 'wait', 'web1')
  await until(
    () => waiting.talk.includes('bellhop: web1: offered'),
    () => waiting,
  )
  await there.kill()
  await until(
    () => waiting.talk.includes(AWAY),
    () => waiting,
  )
  await there.restart()
  await guestOf(there.gateway(), id).reports({ stage: 'applied', exitCode: 0 })
  assert.deepEqual([await waiting.ended(), waiting.lines], [0, ['applied']])
})

test('other user data are a new revision, and for what takes itself for a new guest where that is asked for', async (t) => {
  const there = await site(t, { capabilities: { update: 'live' } })
  const { bellhop, create, data, gateway } = there
  const id = await create('--name', 'web1')
  await bellhop('show', id)
  const guest = guestOf(gateway(), id)
  await guest.reports({ stage: 'applied', exitCode: 0 })
  assert.equal((await bellhop('wait', 'web1')).code, 0)
  const instanceIdTold = async () => /"instance-id": "([^"]+)"/.exec(await guest.fetches('meta-data'))?.[1]
  assert.equal(await instanceIdTold(), id)

  await writeFile(data, '#!/bin/sh\necho other\n')
  const same = await bellhop('update', 'web1', '--user-data', data)
  assert.deepEqual([same.code, same.stdout], [0, '2\n'])
  assert.equal(await instanceIdTold(), id)
  const anew = await bellhop('update', 'web1', '--user-data', data, '--reapply', '--format', 'script')
  assert.deepEqual([anew.code, anew.stdout], [0, '3\n'])
  const told = (await instanceIdTold()) ?? ''
  assert.match(told, /^[0-9a-f-]{36}$/)
  assert.notEqual(told, id)
  assert.equal(await guest.fetches('user-data'), '#!/bin/sh\necho other\n')
  // What was applied is of the revision before.
  assert.equal((await bellhop('wait', 'web1', '--timeout', '300ms')).code, 7)
  await guest.reports({ stage: 'applied', exitCode: 0 })
  assert.equal((await bellhop('wait', 'web1')).code, 0)
})

describe('what goes wrong at a gateway has its own exit code', { concurrency: 2 }, () => {
  it('3 for no such instance, 4 for no such token, 5 for bad data, 6 for no gateway, 9 for a name of several', async (t) => {
    const { bellhop, create, env, data } = await site(t)
    await Promise.all([create('--name', 'twin'), create('--name', 'twin')])
    for (const [code, args, says] of [
      [3, ['show', 'nosuch'], /there is no instance "nosuch"/],
      [3, ['rm', 'nosuch'], /there is no instance "nosuch"/],
      [3, ['logs', '-f', '00000000-0000-4000-8000-000000000000'], /there is no instance 0000/],
      [5, ['plan', '--user-data', data, '--provider', 'mars'], /there is no "mars"/],
      [5, ['plan', '--user-data', data, '--by', 'injection'], /memory does not deliver by injection/],
      [5, ['create', '--variable', 'x'], /--variable: one is not like/],
      [5, ['update', 'twin', '--user-data', '/no/file'], /--user-data: cannot read/],
      [6, ['ls', '--url', `http://127.0.0.1:${await freePort()}`], /no gateway answers .*bellhop serve/],
      [9, ['show', 'twin'], /"twin" is 2 instances/],
    ] as const) {
      const ended = await bellhop(...args)
      assert.deepEqual([ended.code, ended.stdout], [code, ''], args.join(' '))
      assert.match(ended.stderr, says)
    }
    const denied = await run(BELLHOP, ['ls'], { env: { ...env, BELLHOP_TOKEN: 'nobody' } })
    assert.deepEqual([denied.code, denied.stdout], [4, ''])
  })

  it('6 where the provider fails, 7 at the time-out, 8 where the guest failed, and 3 where it is gone', async (t) => {
    const there = await site(t)
    const { bellhop, create, provider, gateway, data } = there
    await provider.setFaults({ create: { before: 'provider-failed', times: 1 } })
    const failed = await bellhop('create', '--user-data', data)
    assert.deepEqual([failed.code, failed.stdout], [6, ''])

    const id = await create('--name', 'web1')
    const late = await bellhop('wait', 'web1', '--timeout', '300ms')
    assert.deepEqual([late.code, late.stdout], [7, ''])
    assert.match(late.stderr, /web1: time-out after 0\.3 s: the data are offered/)
    await guestOf(gateway(), id).reports({ stage: 'failed', exitCode: 3 })
    const ill = await bellhop('wait', 'web1')
    assert.deepEqual([ill.code, ill.stdout], [8, ''])
    assert.match(ill.stderr, /the guest reported failure \(exit code 3/)

    const gone = await create('--name', 'gone')
    const waiting = going(t, there, 'wait', gone)
    await until(
      () => waiting.talk.includes(`bellhop: ${gone}: offered`),
      () => waiting,
    )
    assert.equal((await bellhop('rm', 'gone')).code, 0)
    assert.equal(await waiting.ended(), 3)
  })
})

test('nothing that a guest or a name says is obeyed by the terminal', async (t) => {
  const { bellhop, create, provider, gateway } = await site(t)
  const evil = 'a\u001b[31m\u009b31m\u202eb'
  const id = await create('--name', evil)
  const { remoteId = '' } = JSON.parse((await bellhop('show', id, '-o', 'json')).stdout) as { remoteId?: string }
  await provider.writeConsole(remoteId, `one ${evil}\r\n\u001b]0;title\u0007two\n`)
  await guestOf(gateway(), id).reports({ stage: 'failed', exitCode: 1, detail: evil })
  const commands = [['ls'], ['show', id], ['logs', id], ['logs', '--console', id], ['wait', id], ['rm', evil]]
  for (const args of commands.flatMap((each) => (each[0] === 'rm' ? [each] : [each, [...each, '-o', 'json']]))) {
    const { stdout, stderr } = await bellhop(...args)
    assert.doesNotMatch(stdout + stderr, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/, args.join(' '))
    if (args.includes('--console') && !args.includes('json')) assert.equal(stdout, 'booted\none a31mb\ntwo\n')
  }
})

test('providers, and ids, are there to be looked up', async (t) => {
  const { bellhop, create, env } = await site(t)
  const { stdout } = await bellhop('providers')
  assert.match(stdout, /^NAME {4}ANSWERS {2}WAYS[^]*\nmemory {2}yes {6}metadata, disk {2}8\.0 MiB {4}live/)
  const id = await create('--name', 'web1')
  const script = `source <("$0" completion bash); COMP_WORDS=(bellhop show ${id.slice(0, 4)}) COMP_CWORD=2
    _bellhop "$0"; printf '%s\\n' "\${COMPREPLY[@]}"`
  assert.equal((await run('bash', ['-c', script, BELLHOP], { env })).stdout.trim(), id)
})
