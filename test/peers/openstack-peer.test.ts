import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { findProcesses } from '../../src/providers/qemu/processes.ts'
import { run } from '../e2e/programs.ts'
import { askMetadata, type Guest } from './openstack/metadata.ts'
import { needOpenStack, openStackPeer, PROGRAM, type OpenStackPeer } from './openstack/peer.ts'
import { isOfSite } from './openstack/processes.ts'
import { logIn, untilHolds, type Rest } from './openstack/rest.ts'
import { FOLDER, isFree } from './openstack/site.ts'

/** Nova takes 65535 characters of base64. */
const USER_DATA_MAX_BYTES = 49_149
const PATIENCE_MS = 120_000

interface Server {
  readonly id: string
  readonly status: string
  readonly tenant_id: string
}

describe('the OpenStack peer', () => {
  it('gives a server its user data by the metadata service, byte for byte, up to the limit', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const demo = await asDemo(peer)
    const bytes = everyByte(USER_DATA_MAX_BYTES)
    const server = await serverWith(t, peer, demo, bytes)
    assert.deepEqual(
      Buffer.from(await (await askMetadata(peer, guestOf(server), 'openstack/latest/user_data')).arrayBuffer()),
      bytes,
    )
    assert.deepEqual(
      Buffer.from(await (await askMetadata(peer, guestOf(server), 'latest/user-data')).arrayBuffer()),
      bytes,
    )
    const about = (await (await askMetadata(peer, guestOf(server), 'openstack/latest/meta_data.json')).json()) as {
      uuid: string
    }
    assert.equal(about.uuid, server.id)
  })

  it('refuses user data that are one byte too long', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const demo = await asDemo(peer)
    await assert.rejects(create(peer, demo, everyByte(USER_DATA_MAX_BYTES + 1)), /: 400 .*user_data/)
  })

  it('tells nothing to who cannot sign, or names another project', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const server = await serverWith(t, peer, await asDemo(peer), Buffer.from('#!/bin/sh\n'))
    const wrongSecret = { ...peer, metadataSharedSecret: 'wrong' }
    assert.equal((await askMetadata(wrongSecret, guestOf(server), 'latest/user-data')).status, 403)
    const otherProject = { ...server, tenant_id: randomBytes(16).toString('hex') }
    assert.equal((await askMetadata(peer, guestOf(otherProject), 'latest/user-data')).status, 404)
  })

  it('lets the demo user log in in every way that its clouds.yaml names', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const { clouds } = parse(await readFile(peer.cloudsYaml, 'utf8')) as {
      clouds: Record<string, { auth: Record<string, string> }>
    }
    assert.deepEqual(Object.keys(clouds), ['peer', 'peer-admin', 'peer-application-credential', 'peer-oidc'])
    assert.ok(Object.values(clouds).every(({ auth }) => auth['auth_url'] === peer.authUrl))
    const { id, secret } = peer.applicationCredential
    const credential = await fetch(`${peer.authUrl}/auth/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } },
      }),
    })
    assert.equal(credential.status, 201)
    const { identityProvider, protocol, accessToken } = peer.oidc
    const federated = `${peer.authUrl}/OS-FEDERATION/identity_providers/${identityProvider}/protocols/${protocol}/auth`
    const logInWith = (token: string) =>
      fetch(federated, { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
    assert.equal((await logInWith(accessToken)).status, 201)
    assert.equal((await logInWith('another')).status, 401)
  })

  it('is the same for whoever asks again in this run', async (t) => {
    const [first, second] = [await openStackPeer(t), await openStackPeer(t)]
    if (first === undefined || second === undefined) return
    assert.equal(first.metadataSharedSecret, second.metadataSharedSecret)
    assert.match(await second.log('nova-compute'), /nova/)
  })

  it('is the only one on its machine', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const { code, stderr } = await run(process.execPath, [PROGRAM])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`another OpenStack peer runs on this machine, process ${peer.pid}:`))
  })

  // Last: what asks for the peer after this starts another.
  it('leaves no process, port or file behind', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    await peer.stop()
    await assertNothingLeft(peer)
  })
})

describe('an OpenStack peer that is killed', () => {
  it('is cleared away by the next, which itself ends when its owner has', async (t) => {
    if (!needOpenStack(t)) return
    const first = spawn(process.execPath, [PROGRAM], { stdio: 'ignore' })
    await untilHolds('its first services run', PATIENCE_MS, async () => (await processesOfSite()).length >= 3)
    first.kill('SIGKILL')
    await once(first, 'exit')
    assert.notDeepEqual(await processesOfSite(), [])
    const owner = spawnSync('true')
    assert.equal((await run(process.execPath, [PROGRAM, String(owner.pid), '1'])).code, 0)
    assert.deepEqual(await processesOfSite(), [])
    await assert.rejects(readdir(FOLDER), { code: 'ENOENT' })
  })
})

async function processesOfSite(): Promise<readonly number[]> {
  return findProcesses((parameters) => isOfSite(FOLDER, parameters))
}

async function assertNothingLeft({ ports, cloudsYaml }: OpenStackPeer): Promise<void> {
  assert.deepEqual(await processesOfSite(), [])
  for (const port of ports) assert.ok(await isFree(port), `port ${port} is free`)
  await assert.rejects(readFile(cloudsYaml), { code: 'ENOENT' })
}

async function asDemo({ authUrl, demo }: OpenStackPeer): Promise<Rest> {
  return logIn(authUrl, demo)
}

/** Makes a server, and waits until it is up; it ends with the test. */
async function serverWith(t: TestContext, peer: OpenStackPeer, rest: Rest, userData: Uint8Array): Promise<Server> {
  const url = `${await novaOf(rest, peer)}/servers`
  const { id } = await create(peer, rest, userData)
  t.after(async () => {
    await rest.ask('DELETE', `${url}/${id}`)
    await untilHolds('the server is gone', PATIENCE_MS, async () => !(await serversOf(rest, url)).includes(id))
  })
  let server: Server | undefined
  await untilHolds('the server is up', PATIENCE_MS, async () => {
    server = (await rest.ask<{ server: Server }>('GET', `${url}/${id}`)).server
    assert.notEqual(server.status, 'ERROR')
    return server.status === 'ACTIVE'
  })
  assert.ok(server)
  return server
}

async function create(peer: OpenStackPeer, rest: Rest, userData: Uint8Array): Promise<{ readonly id: string }> {
  const { server } = await rest.ask<{ server: { id: string } }>('POST', `${await novaOf(rest, peer)}/servers`, {
    server: {
      name: 'peer-test',
      flavorRef: peer.flavorId,
      imageRef: peer.imageId,
      networks: [{ uuid: peer.networkId }],
      user_data: Buffer.from(userData).toString('base64'),
    },
  })
  return server
}

async function serversOf(rest: Rest, url: string): Promise<readonly string[]> {
  return (await rest.ask<{ servers: { id: string }[] }>('GET', url)).servers.map(({ id }) => id)
}

/** Nova's address, as the catalogue has it. */
async function novaOf(rest: Rest, { authUrl, region }: OpenStackPeer): Promise<string> {
  const { catalog } = await rest.ask<{
    catalog: { type: string; endpoints: { interface: string; region_id: string; url: string }[] }[]
  }>('GET', `${authUrl}/auth/catalog`)
  const endpoint = catalog
    .find(({ type }) => type === 'compute')
    ?.endpoints.find((each) => each.interface === 'public' && each.region_id === region)
  assert.ok(endpoint)
  return endpoint.url
}

function guestOf({ id, tenant_id: projectId }: Server): Guest {
  return { serverId: id, projectId }
}

/** Random bytes, each value among them. */
function everyByte(length: number): Buffer {
  return Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, value) => value)), randomBytes(length - 256)])
}
