import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { BELLHOP, creation, MEMORY_CONFIG, startGateway, type Asking } from './gateway.ts'

test('a gateway without configured tokens makes one, demands it, and says nothing without it', async (t) => {
  const { url, token, folder, ask } = await startGateway(t, { config: MEMORY_CONFIG })
  assert.equal((await stat(join(folder, 'bellhop', 'token'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(folder, 'bellhop', 'bellhop.sqlite'))).mode & 0o777, 0o600)
  assert.ok(token.length >= 40)
  for (const path of ['/-/', '/compute/', '/api/v1/instances', '/metrics', '/nowhere'])
    assert.equal((await fetch(url + path)).status, 401, path)
  for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(url + path)).status, 200, path)
  assert.equal((await ask('/-/')).status, 200)
})

test('what it was told outlives it, and neither data nor token is in its log', async (t) => {
  const first = await startGateway(t, { config: MEMORY_CONFIG })
  const made = await first.ask('/compute/', creation('#!/bin/sh\necho very-secret\n'))
  assert.equal(made.status, 201)
  const path = new URL(made.headers.get('location') ?? '').pathname
  const events = await (await first.ask(`/api/v1/instances/${path.split('/')[2]}/events`)).text()
  assert.match(events, /"kind":"planned".*"kind":"offered"/)
  const metrics = await (await first.ask('/metrics')).text()
  assert.match(metrics, /^bellhop_instances\{state="\w+"\} 1$/m)
  assert.equal(await first.stop(), 0)
  for (const line of first.log) {
    assert.doesNotThrow(() => JSON.parse(line), line)
    assert.doesNotMatch(line, /very-secret|dmVyeS1zZWNyZXQ|IyEvYmlu/)
    assert.ok(!line.includes(first.token))
  }
  assert.match(first.log.at(-1) ?? '', /"msg":"closed"/)

  const second = await startGateway(t, { config: MEMORY_CONFIG, folder: first.folder })
  assert.equal(second.token, first.token)
  const shown = await (await second.ask(path)).text()
  // A cloud in memory ends with its process: the machine is gone, the record is not.
  assert.match(shown, /occi\.compute\.state="error"/)
  assert.match(shown, /bellhop\.userdata\.size=27/)
  assert.equal(await second.stop('SIGINT'), 0)
})

test('CIMI shows strangers its entry point and nothing else, and keeps what it was told', async (t) => {
  const first = await startGateway(t, { config: MEMORY_CONFIG })
  for (const path of ['/cimi', '/cimi/', '/cimi/cloudEntryPoint']) {
    const response = await fetch(first.url + path)
    assert.equal(response.status, 200, path)
    const shown = (await response.json()) as { baseURI: string; machines: { href: string } }
    assert.equal(shown.baseURI, `${first.url}/cimi/`)
    assert.equal((await fetch(shown.machines.href)).status, 401)
  }
  const stranger = { headers: { 'X-Auth-Token': 'nobody' } }
  for (const path of ['/cimi', '/cimiv1/demo/machines'])
    assert.equal((await fetch(first.url + path, stranger)).status, 401)
  const secret = Buffer.from('very-secret').toString('base64')
  const template = {
    name: 't1',
    machineImage: { href: 'memory-debian' },
    machineConfig: { href: 'memory-small' },
    userData: secret,
  }
  const made = await first.ask('/cimi/machine_templates', json(template))
  assert.equal(made.status, 201, await made.text())
  const path = new URL(made.headers.get('location') ?? '').pathname
  assert.equal(await first.stop(), 0)
  for (const line of first.log) assert.ok(!line.includes(secret) && !line.includes('very-secret'))

  const second = await startGateway(t, { config: MEMORY_CONFIG, folder: first.folder })
  const kept = (await (await second.ask(path)).json()) as typeof template
  assert.deepEqual([kept.name, kept.userData], ['t1', secret])
  const machine = await second.ask('/cimi/machines', json({ machineTemplate: { href: path } }))
  assert.equal(machine.status, 201, await machine.text())
  assert.match(machine.headers.get('location') ?? '', /\/cimi\/machines\/[0-9a-f-]{36}$/)
})

function json(value: unknown): Asking {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) }
}

test('a guest elsewhere finds its data by an unguessable URL, which members see', async (t) => {
  const { ask, metadataUrl } = await startGateway(t, { config: MEMORY_CONFIG })
  const made = await ask('/compute/', creation('#!/bin/sh\n'))
  const id = made.headers.get('location')?.split('/').at(-1) ?? ''
  const { seedUrl = '' } = (await (await ask(`/api/v1/instances/${id}`)).json()) as { seedUrl?: string }
  assert.ok(seedUrl.startsWith(`${metadataUrl}/seed/${id}.`))
  assert.equal(await (await fetch(`${seedUrl}user-data`)).text(), '#!/bin/sh\n')
  assert.match(await (await fetch(`${seedUrl}meta-data`)).text(), new RegExp(`"instance-id": "${id}"`))
  assert.equal((await fetch(seedUrl.replace(/.\/$/, 'x/') + 'user-data')).status, 404)
  const { events } = (await (await ask(`/api/v1/instances/${id}/events`)).json()) as { events: { kind: string }[] }
  assert.ok(events.some(({ kind }) => kind === 'fetched'))
})

test('its metadata port tells a stranger nothing, whatever he asks', async (t) => {
  const { metadataUrl } = await startGateway(t, { config: MEMORY_CONFIG })
  for (const path of ['/', '/latest/user-data', '/openstack', '/seed/', '/seed/x/user-data', '/-/'])
    assert.equal((await fetch(metadataUrl + path)).status, 404, path)
})

test('where its port is taken it says which, what to do, and ends with 6', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  t.after(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const state = await mkdtemp(join(tmpdir(), 'bellhop-serve-'))
  t.after(() => rm(state, { recursive: true }))
  const config = join(state, 'bellhop.toml')
  await writeFile(config, MEMORY_CONFIG.replace('127.0.0.1:0', `127.0.0.1:${port}`))
  const child = spawn(BELLHOP, ['serve', '--config', config], { env: { ...process.env, XDG_STATE_HOME: state } })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  assert.deepEqual(await once(child, 'exit'), [6, null])
  assert.match(said, new RegExp(`bellhop: cannot listen on 127\\.0\\.0\\.1:${port} .*set server\\.listen`))
})
