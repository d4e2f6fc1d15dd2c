import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { creation, MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

const NOVAS = 'a-token-of-nova'
const CONFIG = `${MEMORY_CONFIG.replace('[metadata]', '[metadata]\npublicUrl = "http://10.0.0.1:8788"')}
[log]
level = "debug"
[[vendordata]]
provider = "memory"
tokenSha256 = "${sha256(Buffer.from('an-older-one'))}"
[[vendordata]]
provider = "memory"
tokenSha256 = "${sha256(Buffer.from(NOVAS))}"
`

const SECRET = 'very-secret'
const USER_DATA = Buffer.from(`#!/bin/sh\necho ${SECRET}\n`).toString('base64')

function askAsNova(
  { url }: Pick<Gateway, 'url'>,
  instanceId: string,
  headers: Readonly<Record<string, string>> = { Authorization: `Basic ${btoa(`nova:${NOVAS}`)}` },
): Promise<Response> {
  return fetch(`${url}/vendordata/memory`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ 'instance-id': instanceId, 'user-data': USER_DATA, metadata: { role: SECRET } }),
  })
}

test('a cloud is told what to add, with its token and at its place alone; users with theirs are not', async (t) => {
  const gateway = await startGateway(t, { config: CONFIG })
  const made = await gateway.ask('/compute/', creation('#!/bin/sh\n'))
  const id = made.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
  const { remoteId } = (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as { remoteId: string }
  const told = (await (await askAsNova(gateway, remoteId)).json()) as string
  assert.match(told, new RegExp(`endpoint: "http://10\\.0\\.0\\.1:8788/report/${id}\\.[\\w-]{43}"`))
  assert.equal((await askAsNova(gateway, remoteId, { 'X-Auth-Token': 'an-older-one' })).status, 200)
  assert.equal((await askAsNova(gateway, remoteId, { 'X-Auth-Token': gateway.token })).status, 401)
  assert.equal((await askAsNova(gateway, remoteId, {})).status, 401)
  const novas = { headers: { 'X-Auth-Token': NOVAS } }
  for (const path of ['/-/', '/api/v1/instances', '/cimi/machines', '/metrics', '/vendordata', '/vendordata/other'])
    assert.equal((await fetch(gateway.url + path, novas)).status, 401, path)

  // The URL is the metadata server's own, but for its name.
  const report = new URL(/endpoint: "([^"]+)"/.exec(told)?.[1] ?? '').pathname
  const body = JSON.stringify({
    origin: 'cloudinit',
    name: 'modules-final/config-scripts-user',
    event_type: 'finish',
    result: 'SUCCESS',
    description: 'config-scripts-user ran successfully',
  })
  assert.equal((await fetch(gateway.metadataUrl + report, { method: 'POST', body })).status, 200)
  const { delivery } = (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as { delivery: { state: string } }
  assert.equal(delivery.state, 'applied')
})

test('what a cloud sends of others is neither logged nor kept', async (t) => {
  const gateway = await startGateway(t, { config: CONFIG })
  const asked = await askAsNova(gateway, '6b914a1c-9d0e-4a39-8f5f-1d1f1c4f0a11')
  assert.deepEqual([asked.status, await asked.text()], [200, '""'])
  assert.equal((await askAsNova(gateway, 'no-uuid')).status, 400)
  assert.equal((await askAsNova(gateway, 'x', { 'X-Auth-Token': 'wrong' })).status, 401)
  assert.equal(await gateway.stop(), 0)
  assert.ok(
    gateway.log.some((line) => line.includes('"path":"/vendordata/memory","status":200')),
    'it logs a lot',
  )
  const state = join(gateway.folder, 'bellhop')
  const names = await readdir(state, { recursive: true, withFileTypes: true })
  const kept = names.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name)))
  const all = [Buffer.from(gateway.log.join('\n')), ...(await Promise.all(kept))]
  assert.ok(all.length > 1)
  for (const bytes of all)
    for (const word of [SECRET, USER_DATA, USER_DATA.slice(0, 12), NOVAS]) assert.ok(!bytes.includes(word), word)
})
