import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { startGateway, type Gateway } from '../e2e/gateway.ts'
import { assertWraps, createWrapped, type ShownWrapped } from '../e2e/wrapped-instances.ts'
import { askMetadata, type Guest } from './openstack/metadata.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { logIn, untilHolds } from './openstack/rest.ts'
import { CREATIONS } from './whole-way.ts'

const USER_DATA_MAX_BYTES = 49_149
const PATIENCE_MS = 120_000
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'

/** Data that a text would not survive, at both ends of what is possible. */
const DATA: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['one byte', Buffer.of(0)],
  ['every byte', Buffer.from(Array.from({ length: 256 }, (_, value) => value))],
  ['as much as Nova takes', randomBytes(USER_DATA_MAX_BYTES)],
]

describe('a real OpenStack behind Bellhop', () => {
  it('shows its guests the very bytes that came in, by OCCI and by CIMI', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const names = await templateNames(site)
    for (const [what, bytes] of DATA)
      for (const [dialect, ask] of [
        ['OCCI', () => createByOcci(site, names, bytes)],
        ['CIMI', () => createByCimi(site, { userData: bytes.toString('base64') })],
      ] as const)
        await t.test(`${what}, by ${dialect}`, async () => {
          const made = await ask()
          assert.equal(made.status, 201, await made.text())
          const id = idIn(made)
          const { guest, userDataSha256 } = await activeGuest(site, id)
          for (const path of ['openstack/latest/user_data', 'latest/user-data']) {
            const seen: Buffer = Buffer.from(await (await askMetadata(site.peer, guest, path)).arrayBuffer())
            assert.equal(sha256(seen), sha256(bytes), path)
          }
          assert.equal(userDataSha256, sha256(bytes))
          const { plan, delivery } = await shown(site, id)
          assert.deepEqual(
            plan.deliveries.map(({ method, by }) => [method, by]),
            [
              ['metadata', 'provider'],
              ['disk', 'provider'],
            ],
          )
          // Nova tells nobody what its guests have read, and neither do we.
          assert.equal(delivery.state, 'offered')
          assert.equal((await site.gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
        })
    assert.deepEqual(await serversAt(site), [])
  })

  it('gives a guest its key and its variables too, and keeps no key pair', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const made = await createByCimi(site, { credential: { key: KEY } }, { properties: { role: 'web' } })
    assert.equal(made.status, 201, await made.text())
    const id = idIn(made)
    const { guest } = await activeGuest(site, id)
    const about = (await (await askMetadata(site.peer, guest, 'openstack/latest/meta_data.json')).json()) as {
      meta: object
      public_keys: Record<string, string>
      hostname: string
    }
    assert.deepEqual(about.meta, { role: 'web' })
    assert.deepEqual(
      Object.values(about.public_keys).map((key) => key.trim()),
      [KEY],
    )
    assert.match(about.hostname, /^founded(?:\.|$)/)
    const { keypairs } = await site.nova<{ keypairs: unknown[] }>('/os-keypairs')
    assert.deepEqual(keypairs, [])
    assert.equal((await site.gateway.ask(`/cimi/machines/${id}`, { method: 'DELETE' })).status, 200)
    assert.deepEqual(await serversAt(site), [])
  })

  it('gives a guest that is there other bytes by a rebuild, once it is told that it may', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { ask } = site.gateway
    const made = await createByCimi(site, { userData: Buffer.from('before').toString('base64') })
    assert.equal(made.status, 201, await made.text())
    const id = idIn(made)
    const { guest } = await activeGuest(site, id)
    const bytes = randomBytes(USER_DATA_MAX_BYTES)
    const target = `/api/v1/instances/${id}/user-data`
    const refused = await ask(target, { method: 'PUT', body: bytes })
    assert.equal(refused.status, 409, await refused.text())
    const changed = await ask(`${target}?rebuild=true`, { method: 'PUT', body: bytes })
    assert.equal(changed.status, 200, await changed.text())
    assert.equal((await activeGuest(site, id)).userDataSha256, sha256(bytes))
    await untilHolds('Nova forgot what it knew', PATIENCE_MS, async () => {
      const seen = await (await askMetadata(site.peer, guest, 'openstack/latest/user_data')).arrayBuffer()
      return sha256(Buffer.from(seen)) === sha256(bytes)
    })
    assert.equal((await shown(site, id)).delivery.state, 'offered')
    assert.equal((await ask(`${target}?rebuild=true`, { method: 'DELETE' })).status, 200)
    await untilHolds('there are none', PATIENCE_MS, async () => {
      const { status } = await askMetadata(site.peer, guest, 'openstack/latest/user_data')
      return status === 404
    })
    assert.equal((await ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
  })

  it('gives a guest the message that wraps its data, with the very data in it, and another by a rebuild', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { gateway, peer } = site
    const [before, after] = [Buffer.from('#!/bin/sh\necho Grüße'), Buffer.from('#cloud-config\nruncmd: [ls]\n')]
    const made = await createWrapped(gateway, { image: peer.imageId, size: peer.flavorId, userData: before })
    assert.equal(made.status, 201, await made.text())
    const id = idIn(made)
    const { guest } = await activeGuest(site, id)
    const given = async (): Promise<Buffer> =>
      Buffer.from(await (await askMetadata(peer, guest, 'openstack/latest/user_data')).arrayBuffer())
    assertWraps(await given(), await shown(site, id), before)
    const changed = await gateway.ask(`/api/v1/instances/${id}/user-data?rebuild=true`, { method: 'PUT', body: after })
    assert.equal(changed.status, 200, await changed.text())
    await activeGuest(site, id)
    const now = await shown(site, id)
    // Each of its workers forgets in its own time.
    let seen = await given()
    await untilHolds('Nova forgot what it knew', PATIENCE_MS, async () => {
      seen = await given()
      return sha256(seen) === now.plan.wrapped?.sha256
    })
    assertWraps(seen, now, after)
    assert.equal((await gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
  })

  it('is not asked for what it would refuse: the plan names the limit', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const userData = Buffer.alloc(USER_DATA_MAX_BYTES + 1, 'x').toString('base64')
    const refused = await createByCimi(site, { userData })
    assert.equal(refused.status, 413)
    assert.match(await refused.text(), /49150 bytes; site takes 49149/)
    assert.deepEqual(await serversAt(site), [])
  })
})

interface Site {
  readonly peer: OpenStackPeer
  readonly gateway: Gateway
  readonly projectId: string
  /** Asks Nova past us. */
  readonly nova: <T>(path: string) => Promise<T>
}

async function openSite(t: TestContext): Promise<Site | undefined> {
  const peer = await openStackPeer(t)
  if (peer === undefined) return undefined
  const { ask } = await logIn(peer.authUrl, peer.demo)
  const { catalog } = await ask<{
    catalog: { type: string; endpoints: { interface: string; url: string }[] }[]
  }>('GET', `${peer.authUrl}/auth/catalog`)
  const endpoints = catalog.find(({ type }) => type === 'compute')?.endpoints ?? []
  const url = endpoints.find((each) => each.interface === 'public')?.url ?? assert.fail('there is no Nova')
  const { projects } = await ask<{ projects: { id: string; name: string }[] }>('GET', `${peer.authUrl}/auth/projects`)
  const projectId = projects.find(({ name }) => name === peer.demo.project)?.id ?? assert.fail('there is no project')
  process.env['OS_CLIENT_CONFIG_FILE'] = peer.cloudsYaml
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const gateway = await startGateway(t, {
    config: `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[report]
url = "http://192.0.2.1:8788"
[providers.site]
driver = "openstack"
cloud = "peer-application-credential"
`,
  })
  return { peer, gateway, projectId, nova: (path) => ask('GET', `${url}${path}`) }
}

/** Names that OCCI's mixins have, of the image and the size that are sure to fit. */
async function templateNames({ gateway, peer }: Site): Promise<readonly [image: string, size: string]> {
  const collection = async (path: string): Promise<readonly { id: string; description: string }[]> => {
    const answer = (await (await gateway.ask(path)).json()) as Record<string, unknown>
    return Object.values(answer).find((value) => Array.isArray(value)) as readonly { id: string; description: string }[]
  }
  const [image] = await collection('/cimi/machine_images')
  const sizes = await collection(`/cimi/machine_configurations?$filter=memory=${128 * 1024}`)
  assert.equal(sizes.length, 1, `the flavor ${peer.flavorId}`)
  return [image?.id.split('/').at(-1) ?? '', sizes[0]?.id.split('/').at(-1) ?? '']
}

function createByOcci(
  { gateway }: Site,
  [image, size]: readonly [string, string],
  userData: Buffer,
): Promise<Response> {
  return CREATIONS.OCCI(gateway, { image, size, userData, withKey: false })
}

/** The founding document's request, with the cloud's own ids. */
function createByCimi({ gateway, peer }: Site, template: object, more: object = {}): Promise<Response> {
  return gateway.ask('/cimi/machineCollection', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name: 'founded',
      machineTemplate: {
        machineImage: { href: peer.imageId },
        machineConfig: { href: peer.flavorId },
        ...template,
      },
      ...more,
    }),
  })
}

function idIn(response: Response): string {
  return response.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
}

interface Shown extends ShownWrapped {
  readonly reason?: string
  readonly plan: ShownWrapped['plan'] & {
    readonly deliveries: readonly { readonly method: string; readonly by?: string }[]
  }
  readonly delivery: { readonly state?: string }
}

async function shown({ gateway }: Site, id: string): Promise<Shown> {
  return (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as Shown
}

async function activeGuest(
  site: Site,
  id: string,
): Promise<{ readonly guest: Guest; readonly userDataSha256: string | undefined }> {
  await untilHolds(`${id} is active`, PATIENCE_MS, async () => {
    const { state, reason } = await shown(site, id)
    assert.notEqual(state, 'error', reason ?? 'no reason is given')
    return state === 'active'
  })
  const { remoteId, userDataSha256 } = await shown(site, id)
  return { guest: { serverId: remoteId ?? assert.fail('it has no server'), projectId: site.projectId }, userDataSha256 }
}

async function serversAt({ nova }: Site): Promise<readonly unknown[]> {
  return (await nova<{ servers: unknown[] }>('/servers')).servers
}
