import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { BELLHOP, MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'
import { run } from './programs.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane'

/** What a guest gets that asks by the socket of its own; its status alone where it gets nothing. */
async function asked({ folder }: Gateway, id: string, path: string): Promise<string> {
  const socketPath = join(folder, 'bellhop', 'sockets', `${id}.sock`)
  const asking = request({ socketPath, path, headers: { Host: '169.254.169.254' } }).end()
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const body = await text(answer)
  return answer.statusCode === 200 ? body : String(answer.statusCode)
}

const uuidIn = (metadata: string): string => (JSON.parse(metadata) as { readonly uuid: string }).uuid

test('a guest of our metadata server has other user data at once, and another id where they are to be applied anew', async (t) => {
  const gateway = await startGateway(t, { config: MEMORY_CONFIG })
  const env = { ...process.env, XDG_STATE_HOME: gateway.folder, BELLHOP_URL: gateway.url, BELLHOP_TOKEN: '' }
  const bellhop = (...args: readonly string[]) => run(BELLHOP, args, { env })
  const data = join(gateway.folder, 'data.sh')
  await writeFile(data, '#!/bin/sh\necho one\n')
  const id = (await bellhop('create', '--name', 'web1', '--user-data', data)).stdout.trim()
  await bellhop('show', id)
  assert.equal(await asked(gateway, id, '/openstack/latest/user_data'), '#!/bin/sh\necho one\n')
  const ec2Id = await asked(gateway, id, '/latest/meta-data/instance-id')

  await writeFile(data, '#!/bin/sh\necho two\n')
  const updated = await bellhop('update', 'web1', '--user-data', data)
  assert.deepEqual([updated.code, updated.stdout], [0, '2\n'], updated.stderr)
  assert.match(updated.stderr, /disk: a guest that runs finds the former data there/)
  for (const path of ['/openstack/latest/user_data', '/latest/user-data', '/seed/user-data'])
    assert.equal(await asked(gateway, id, path), '#!/bin/sh\necho two\n', path)
  assert.equal(uuidIn(await asked(gateway, id, '/openstack/latest/meta_data.json')), id)

  assert.equal((await bellhop('update', 'web1', '--user-data', data, '--reapply')).stdout, '3\n')
  const anew = uuidIn(await asked(gateway, id, '/openstack/latest/meta_data.json'))
  assert.notEqual(anew, id)
  assert.ok((await asked(gateway, id, '/seed/meta-data')).includes(`"instance-id": "${anew}"`))
  const ec2Anew = await asked(gateway, id, '/latest/meta-data/instance-id')
  assert.match(ec2Anew, /^i-[0-9a-f]+$/)
  assert.notEqual(ec2Anew, ec2Id)

  await gateway.stop()
  const again = await startGateway(t, { config: MEMORY_CONFIG, folder: gateway.folder })
  const answer = await again.ask(`/api/v1/instances/${id}/events?after=0&limit=1000`)
  const { events } = (await answer.json()) as { events: { kind: string; revision: number; sha256?: string }[] }
  const fetched = events
    .filter(({ kind }) => kind === 'fetched')
    .map(({ revision, sha256: digest }) => [revision, digest])
  const [one, two] = ['one', 'two'].map((word) => sha256(Buffer.from(`#!/bin/sh\necho ${word}\n`)))
  assert.deepEqual(fetched[0], [1, one])
  assert.deepEqual(new Set(fetched.slice(1).map(String)), new Set([`2,${two}`]))
  await again.stop()
})

test('a guest with keys alone was served by our metadata server once it has its id', async (t) => {
  const gateway = await startGateway(t, { config: MEMORY_CONFIG })
  const json = { 'Content-Type': 'application/json' }
  const body = JSON.stringify({ publicKeys: [KEY] })
  const made = await gateway.ask('/api/v1/instances', { method: 'POST', headers: json, body })
  const id = made.headers.get('location')?.split('/').at(-1) ?? ''
  const delivery = async () => {
    const answer = await gateway.ask(`/api/v1/instances/${id}`)
    return ((await answer.json()) as { delivery: { state: string; servedBy?: string } }).delivery
  }
  assert.equal(await asked(gateway, id, '/latest/meta-data/hostname'), '404')
  assert.equal(await asked(gateway, id, '/latest/meta-data/ami-id').then((found) => found.startsWith('ami-')), true)
  assert.equal((await delivery()).servedBy, undefined)
  await asked(gateway, id, '/latest/meta-data/instance-id')
  const { state, servedBy } = await delivery()
  assert.deepEqual([state, servedBy], ['offered', 'metadata'])
})
