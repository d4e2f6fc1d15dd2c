import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { creation, startGateway, type Asking, type Gateway } from '../e2e/gateway.ts'
import { askMetadata } from './openstack/metadata.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { logIn, untilHolds } from './openstack/rest.ts'

const PATIENCE_MS = 120_000
const USER_DATA = Buffer.from(Array.from({ length: 256 }, (_, value) => value))
const CONFIG = `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[providers.site]
driver = "openstack"
cloud = "own"
rights = "caller"
`

describe('a real Keystone’s users at Bellhop', () => {
  it('are told by every front end where to get a token, and of what is wrong with theirs', async (t) => {
    const site = await open(t)
    if (!site) return
    const { peer, gateway, red } = site
    const keystone = peer.authUrl.replace(/\/v3$/, '')
    for (const path of ['/-/', '/compute/', '/cimi/machines', '/api/v1/instances'])
      for (const headers of [{}, { 'X-Auth-Token': 'gAAAAABnobody' }, { Authorization: 'Bearer gAAAAABnobody' }]) {
        const refused = await fetch(new URL(path, gateway.url), { headers })
        assert.equal(refused.status, 401, path)
        assert.equal(refused.headers.get('www-authenticate'), `Keystone uri='${keystone}'`)
      }
    const unscoped = await tokenWithoutProject(peer, red)
    const refused = await gateway.ask('/-/', { headers: { 'X-Auth-Token': unscoped } })
    assert.equal(refused.status, 401)
    assert.match(await refused.text(), /for no project; get one for the project/)
  })

  it('have machines with their own rights, in their own project, and see no others', async (t) => {
    const site = await open(t)
    if (!site) return
    const { peer, red, blue } = site
    const [alice, bob] = [await asking(site, red), await asking(site, blue)]
    const made = await alice('/compute/', creation(USER_DATA))
    assert.equal(made.status, 201, await made.text())
    const id = made.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
    const shown = await untilActive(alice, id)
    assert.equal(shown.userDataSha256, sha256(USER_DATA))
    const guest = { serverId: shown.remoteId ?? '', projectId: red.id }
    const seen = await (await askMetadata(peer, guest, 'openstack/latest/user_data')).arrayBuffer()
    assert.deepEqual(Buffer.from(seen), USER_DATA)
    assert.deepEqual(
      (await red.content()).servers.map(({ id: serverId }) => serverId),
      [shown.remoteId],
    )
    assert.deepEqual((await blue.content()).servers, [])

    assert.equal((await bob(`/compute/${id}`)).status, 404)
    assert.equal((await bob(`/cimi/machines/${id}`, { method: 'DELETE' })).status, 404)
    assert.deepEqual(await (await bob('/api/v1/instances')).json(), { instances: [] })
    const listed = (await (await alice('/api/v1/instances')).json()) as { instances: { id: string }[] }
    assert.deepEqual(
      listed.instances.map((each) => each.id),
      [id],
    )
    assert.equal((await alice(`/compute/${id}`, { method: 'DELETE' })).status, 200)
    assert.deepEqual((await red.content()).servers, [])
  })

  it('lend their machine a key pair of their own account, and have it back', async (t) => {
    const site = await open(t)
    if (!site) return
    const alice = await asking(site, site.red)
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'
    const mixin = 'Category: ssh_key; scheme="http://schemas.ogf.org/occi/infrastructure/credentials#"; class="mixin"'
    const request = creation('#!/bin/sh\n')
    const [kind = '', ...rest] = request.body.split('\n')
    const attribute = `X-OCCI-Attribute: occi.credentials.ssh.publickey="${key}"`
    const made = await alice('/compute/', { ...request, body: [kind, mixin, attribute, ...rest].join('\n') })
    assert.equal(made.status, 201, await made.text())
    const id = made.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
    const { remoteId: serverId = '' } = await untilActive(alice, id)
    const keys = await askMetadata(
      site.peer,
      { serverId, projectId: site.red.id },
      'latest/meta-data/public-keys/0/openssh-key',
    )
    assert.equal((await keys.text()).trim(), key)
    await untilHolds('the key pair is back', PATIENCE_MS, async () => {
      await untilActive(alice, id)
      return (await site.red.content()).keys.length === 0
    })
    assert.equal((await alice(`/compute/${id}`, { method: 'DELETE' })).status, 200)
  })

  it('may bring the token in any place, of a password, an application credential or an identity provider', async (t) => {
    const site = await open(t)
    if (!site) return
    const { peer, gateway, red } = site
    const { token } = await logIn(peer.authUrl, red.credentials)
    const basic = (user: string) => `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`
    for (const Authorization of [`Bearer ${token}`, basic('site'), basic('')])
      assert.equal((await fetch(new URL('/compute/', gateway.url), { headers: { Authorization } })).status, 200)
    for (const other of [await applicationToken(peer), await federatedToken(peer)])
      assert.equal((await gateway.ask('/compute/', { headers: { 'X-Auth-Token': other } })).status, 200)
  })

  it('leave no token behind, in log or state', async (t) => {
    const site = await open(t)
    if (!site) return
    const { peer, gateway, red } = site
    const { token } = await logIn(peer.authUrl, red.credentials)
    const headers = { 'X-Auth-Token': token }
    const made = await gateway.ask('/compute/', {
      ...creation('#!/bin/sh\n'),
      headers: { ...headers, 'Content-Type': 'text/plain' },
    })
    assert.equal(made.status, 201, await made.text())
    const id = made.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
    await untilActive((path, init = {}) => gateway.ask(path, { ...init, headers }), id)
    assert.equal((await gateway.ask(`/compute/${id}`, { method: 'DELETE', headers })).status, 200)
    await gateway.stop()
    const state = join(gateway.folder, 'bellhop')
    const files = (await readdir(state, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    assert.ok(files.length > 0)
    for (const { parentPath, name } of files)
      assert.ok(!(await readFile(join(parentPath, name))).includes(token), `${name} holds the token`)
    assert.ok(!gateway.log.join('\n').includes(token), 'the log holds the token')
  })

  it('find what a killed gateway left unfinished, once', async (t) => {
    const site = await open(t)
    if (!site) return
    const { gateway, red } = site
    const alice = await asking(site, red)
    const lost = alice('/compute/', creation(USER_DATA)).catch(() => undefined)
    await untilHolds('Nova has the server', PATIENCE_MS, async () => (await red.content()).servers.length > 0)
    await gateway.stop('SIGKILL')
    await lost
    const again = await startGateway(t, { config: CONFIG, folder: gateway.folder })
    const asked = await asking({ ...site, gateway: again }, red)
    const [left] = ((await (await asked('/api/v1/instances')).json()) as { instances: { id: string }[] }).instances
    const { remoteId } = await untilActive(asked, left?.id ?? assert.fail('the instance is lost'))
    assert.deepEqual(
      (await red.content()).servers.map(({ id }) => id),
      [remoteId],
    )
    assert.equal((await asked(`/compute/${left?.id}`, { method: 'DELETE' })).status, 200)
    assert.deepEqual((await red.content()).servers, [])
  })
})

interface Site {
  readonly peer: OpenStackPeer
  readonly gateway: Gateway
  readonly red: OwnProject
  readonly blue: OwnProject
}

type Ask = (path: string, init?: Asking) => Promise<Response>

async function open(t: TestContext): Promise<Site | undefined> {
  const peer = await openStackPeer(t)
  if (peer === undefined) return undefined
  const [red, blue] = [await openOwnProject(t, peer), await openOwnProject(t, peer)]
  // Its user and password are there, and never used.
  process.env['OS_CLIENT_CONFIG_FILE'] = await blue.cloudsYaml(peer.authUrl)
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  return { peer, red, blue, gateway: await startGateway(t, { config: CONFIG }) }
}

async function asking({ peer, gateway }: Pick<Site, 'peer' | 'gateway'>, { credentials }: OwnProject): Promise<Ask> {
  const { token } = await logIn(peer.authUrl, credentials)
  return (path, init = {}) => gateway.ask(path, { ...init, headers: { 'X-Auth-Token': token, ...init.headers } })
}

interface Shown {
  readonly state: string
  readonly reason?: string
  readonly remoteId?: string
  readonly userDataSha256?: string
}

async function untilActive(ask: Ask, id: string): Promise<Shown> {
  let shown: Shown | undefined
  await untilHolds(`${id} is active`, PATIENCE_MS, async () => {
    shown = (await (await ask(`/api/v1/instances/${id}`)).json()) as Shown
    assert.notEqual(shown.state, 'error', shown.reason ?? 'no reason is given')
    return shown.state === 'active'
  })
  return shown ?? assert.fail('it is not there')
}

async function tokenFrom(response: Response): Promise<string> {
  return response.headers.get('x-subject-token') ?? assert.fail(`${response.status} ${await response.text()}`)
}

function authenticate({ authUrl }: OpenStackPeer, auth: object): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  return fetch(`${authUrl}/auth/tokens`, { method: 'POST', headers, body: JSON.stringify({ auth }) })
}

async function tokenWithoutProject(peer: OpenStackPeer, { credentials }: OwnProject): Promise<string> {
  const { user: name, password, domain } = credentials
  const identity = { methods: ['password'], password: { user: { name, password, domain: { name: domain } } } }
  return await tokenFrom(await authenticate(peer, { identity, scope: 'unscoped' }))
}

async function applicationToken(peer: OpenStackPeer): Promise<string> {
  const identity = { methods: ['application_credential'], application_credential: peer.applicationCredential }
  return await tokenFrom(await authenticate(peer, { identity }))
}

async function federatedToken(peer: OpenStackPeer): Promise<string> {
  const { identityProvider, protocol, accessToken } = peer.oidc
  const url = `${peer.authUrl}/OS-FEDERATION/identity_providers/${identityProvider}/protocols/${protocol}/auth`
  const headers = { Authorization: `Bearer ${accessToken}` }
  const token = await tokenFrom(await fetch(url, { method: 'POST', headers }))
  const project = { name: peer.demo.project, domain: { name: peer.demo.domain } }
  return await tokenFrom(
    await authenticate(peer, { identity: { methods: ['token'], token: { id: token } }, scope: { project } }),
  )
}
