import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import type { InstanceSpec } from '../../src/model/instance.ts'
import { instanceCards } from '../../src/providers/openstack/cards.ts'
import { readCloud } from '../../src/providers/openstack/clouds.ts'
import type { CloudSettings } from '../../src/providers/openstack/clouds-settings.ts'
import { connectCloud } from '../../src/providers/openstack/connection.ts'
import { createIdentity } from '../../src/providers/openstack/identity.ts'
import { openStackProvider } from '../../src/providers/openstack/index.ts'
import { lentKeys, type LentKeys } from '../../src/providers/openstack/keys.ts'
import { removeLeftovers } from '../../src/providers/openstack/leftovers.ts'
import { novaServers } from '../../src/providers/openstack/servers.ts'
import type { Session } from '../../src/providers/openstack/session.ts'
import type { CreateRequest, NetworkAttachment, NetworkGroup, Provider } from '../../src/providers/provider.ts'
import { call, eventually, rejects } from '../conformance/provider-calls.ts'
import { startGateway, type Gateway } from '../e2e/gateway.ts'
import { askMetadata } from './openstack/metadata.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { openPublicNetwork, type PublicNetwork } from './openstack/public-network.ts'
import { logIn } from './openstack/rest.ts'

const PATIENCE_MS = 120_000
const KEY = { name: 'a', text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz a' }

describe('public addresses of a real OpenStack', () => {
  it('are taken with a link, lead to its machine, and go back with it', async (t) => {
    const rig = await openRig(t)
    if (!rig) return
    const { provider, networks, site, request } = rig
    const shared = await networks.shared(call())
    assert.deepEqual(
      shared.filter(({ onlyAsked }) => onlyAsked).map(({ remoteId, title }) => [remoteId, title]),
      [[site.publicId, 'public']],
    )
    assert.ok(shared.at(-1)?.onlyAsked)

    const inside = linkTo(site.insideId)
    const { remoteId } = await provider.create(request({ networks: [inside] }), call())
    await rig.active(remoteId)
    const link = linkTo(site.publicId)
    const attached = await networks.attach(remoteId, link, call())
    assert.match(attached.address ?? '', /^203\.0\.113\.1[0-2]$/)
    assert.deepEqual(attached, { linkId: link.linkId, address: attached.address })
    assert.deepEqual(await networks.attach(remoteId, link, call()), attached)
    const card = (await provider.get(remoteId, call())).attached?.find(({ linkId }) => linkId === inside.linkId)
    assert.deepEqual(await rig.floating(), [{ address: attached.address, to: card?.address }])
    assert.deepEqual(await rig.attachedTo(remoteId, link), attached)
    // Nova looks again when a card comes, else after minutes.
    await networks.attach(remoteId, linkTo(site.islandId), call())
    await eventually('Nova shows it', PATIENCE_MS, async () => {
      assert.ok((await rig.novaAddresses(remoteId)).includes(attached.address ?? ''))
    })

    for (const _ of ['once', 'and again']) await networks.detach(remoteId, link, call())
    assert.deepEqual(await rig.floating(), [])
    assert.equal(await rig.attachedTo(remoteId, link), undefined)
    await networks.attach(remoteId, linkTo(site.publicId), call())
    await provider.delete(remoteId, call())
    assert.deepEqual(await rig.left(), NOTHING)
  })

  it('come with a new machine too, on whichever network a router leads to', async (t) => {
    const rig = await openRig(t)
    if (!rig) return
    const { provider, site, request } = rig
    const [inside, beside] = [linkTo(site.insideId), linkTo(site.publicId)]
    const both = await provider.create(request({ networks: [beside, inside] }), call())
    assert.deepEqual(both.attached?.map(({ linkId }) => linkId).toSorted(), [inside.linkId, beside.linkId].toSorted())
    const alone = linkTo(site.publicId)
    const only = await provider.create(request({ networks: [alone] }), call())
    assert.deepEqual(
      only.attached?.map(({ linkId }) => linkId),
      [alone.linkId],
    )
    assert.deepEqual((await rig.attachedTo(only.remoteId, alone))?.address, only.attached?.[0]?.address)
    for (const { to } of await rig.floating()) assert.match(to ?? '', /^10\.91\./)

    // All are taken now.
    const none = rig.provider.create(request({ networks: [linkTo(site.publicId)], keys: true }), call())
    await assert.rejects(none, /no address is to be had.*No more IP addresses/)
    for (const { remoteId } of [both, only]) {
      await rig.active(remoteId)
      await provider.delete(remoteId, call())
    }
    assert.deepEqual(await rig.left(), NOTHING)
  })

  it('are refused with what helps, and leave nothing', async (t) => {
    const rig = await openRig(t)
    if (!rig) return
    const { provider, networks, site, request } = rig
    const island = [linkTo(site.islandId), linkTo(site.publicId)]
    await assert.rejects(provider.create(request({ networks: island, keys: true }), call()), /no router leads/)
    assert.deepEqual(await rig.left(), NOTHING)

    const { remoteId } = await provider.create(request({ networks: island.slice(0, 1) }), call())
    await rig.active(remoteId)
    const attach = (link: NetworkAttachment) => networks.attach(remoteId, link, call())
    await rejects(attach(linkTo(site.publicId)), 'conflict')
    await rejects(attach({ ...linkTo(site.publicId), mac: '52:54:00:ab:cd:ef' }), 'unsupported')
    await rejects(networks.attach(randomUUID(), linkTo(site.publicId), call()), 'not-found')
    await networks.detach(remoteId, linkTo(site.publicId), call())
    await provider.delete(remoteId, call())
    assert.deepEqual(await rig.left(), NOTHING)
  })
})

describe('files and keys at a real OpenStack', () => {
  const file = (sizeBytes: number) => ({ path: '/etc/ctx', bytes: new Uint8Array(sizeBytes) })

  it('go with a server, as many and as large as this project may have them, or none is made', async (t) => {
    const rig = await openRig(t)
    if (!rig) return
    const { provider, project, request } = rig
    const create = (spec: Partial<InstanceSpec>) => {
      const asked = request({ keys: true })
      return provider.create({ ...asked, spec: { ...asked.spec, ...spec } }, call())
    }
    await project.admin('PUT', `${project.targets.compute}/v2.1/os-quota-sets/${project.id}`, {
      quota_set: { injected_files: 2, injected_file_content_bytes: 100 },
    })
    await rejects(create({ files: [file(1), file(1), file(1)] }), 'too-large')
    await assert.rejects(create({ files: [file(76)] }), /\/etc\/ctx is 76 bytes; openstack takes 75 in each/)
    await rejects(create({ files: [{ ...file(1), mode: 0o600 }] }), 'unsupported')
    await rejects(create({ publicKeys: [KEY, KEY] }), 'unsupported')
    assert.deepEqual(await rig.left(), NOTHING)

    const { remoteId } = await create({ files: [file(0), file(75)], name: 'Any title', hostname: 'web-1' })
    await rig.active(remoteId)
    const guest = { serverId: remoteId, projectId: project.id }
    const answer = await askMetadata(rig.peer, guest, 'openstack/latest/meta_data.json')
    const { hostname } = (await answer.json()) as { hostname: string }
    // At 2.56 the name gives it.
    assert.match(hostname, /^web-1(?:\.|$)/)
    assert.deepEqual((await project.content()).keys, [])
    await provider.delete(remoteId, call())
    assert.deepEqual(await rig.left(), NOTHING)
  })

  it('leave nothing where a crash comes between them and their server', async (t) => {
    const rig = await openRig(t)
    if (!rig) return
    const { provider, site, request } = rig
    const { remoteId } = await provider.create(request({ networks: [linkTo(site.insideId)], keys: true }), call())
    await rig.active(remoteId)
    const opened = await rig.opened()
    const dead = randomUUID()
    await opened.keys.lend(dead, KEY.text)
    const cards = instanceCards(opened.session, provider.name)
    await cards.make({ id: dead, networks: [linkTo(site.publicId), linkTo(site.insideId)] })
    const before = await rig.left()
    await removeLeftovers(opened, provider.name, Date.now() - 3_600_000)
    assert.deepEqual(await rig.left(), before)
    await removeLeftovers(opened, provider.name, Date.now() + 3_600_000)
    const { servers, ports, keys } = await rig.project.content()
    assert.deepEqual([servers.length, keys, await rig.floating()], [1, [], []])
    assert.deepEqual(
      ports.filter(({ description }) => description.startsWith('bellhop:')).map((port) => port.device_id),
      [remoteId],
    )
    await provider.delete(remoteId, call())
  })
})

describe('several clouds behind one gateway', () => {
  it('give the same bytes, mix nothing up, and go on when one of them is down', async (t) => {
    const peer = await openStackPeer(t)
    if (peer === undefined) return
    const project = await openOwnProject(t, peer)
    const { ask } = await logIn(peer.authUrl, peer.demo)
    const { projects } = await ask<{ projects: { id: string; name: string }[] }>('GET', `${peer.authUrl}/auth/projects`)
    const demo = projects.find(({ name }) => name === peer.demo.project)?.id ?? ''
    process.env['OS_CLIENT_CONFIG_FILE'] = await writeClouds(t, peer, project)
    t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
    const tables = ['near', 'far', 'down'].map(
      (name) => `[providers.${name}]\ndriver = "openstack"\ncloud = "${name}"\nregion = "${peer.region}"`,
    )
    const ports = '[server]\nlisten = "127.0.0.1:0"\n[metadata]\nlisten = "127.0.0.1:0"'
    const { ask: askUs } = await startGateway(t, { config: [ports, ...tables].join('\n') })

    const images = await hrefsOf(askUs, 'machine_images')
    const sizes = await hrefsOf(askUs, 'machine_configurations')
    const create = async (image: string, size: string): Promise<Response> =>
      await askUs('/cimi/machineCollection', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          machineTemplate: {
            machineImage: { href: pick(images, image) },
            machineConfig: { href: pick(sizes, size) },
            userData: DATA.toString('base64'),
          },
        }),
      })
    assert.equal((await create('near-tiny', 'far-tiny')).status, 400)
    for (const [name, projectId] of [
      ['near', project.id],
      ['far', demo],
    ] as const) {
      const made = await create(`${name}-tiny`, `${name}-tiny`)
      assert.equal(made.status, 201, await made.text())
      const id = made.headers.get('location')?.split('/').at(-1) ?? ''
      await eventually(`${id} is active`, PATIENCE_MS, async () => {
        const { state, provider, remoteId = '' } = (await (await askUs(`/api/v1/instances/${id}`)).json()) as Shown
        assert.deepEqual([state, provider], ['active', name])
        const seen = await askMetadata(peer, { serverId: remoteId, projectId }, 'latest/user-data')
        assert.deepEqual(Buffer.from(await seen.arrayBuffer()), DATA)
      })
      assert.equal((await askUs(`/compute/${id}`, { method: 'DELETE' })).status, 200)
    }
    assert.deepEqual((await project.content()).servers, [])
  })
})

const DATA = Buffer.from(Array.from({ length: 256 }, (_, value) => value))

interface Shown {
  readonly state: string
  readonly provider: string
  readonly remoteId?: string
}

/** One file for all: by password, by application credential, and one whose Keystone does not answer. */
async function writeClouds(t: TestContext, peer: OpenStackPeer, { credentials }: OwnProject): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-clouds-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { id: application_credential_id, secret: application_credential_secret } = peer.applicationCredential
  const { user: username, password, project: project_name, domain: domain_name } = credentials
  const byPassword = { username, password, project_name, domain_name }
  const clouds = {
    near: { auth: { auth_url: peer.authUrl, ...byPassword }, regions: [peer.region, 'Elsewhere'] },
    far: {
      auth_type: 'v3applicationcredential',
      auth: { auth_url: peer.authUrl, application_credential_id, application_credential_secret },
      regions: [{ name: 'Elsewhere' }, { name: peer.region, values: { compute_default_microversion: '2.79' } }],
    },
    down: { auth: { auth_url: 'http://127.0.0.1:9/v3', ...byPassword } },
  }
  const path = join(folder, 'clouds.yaml')
  await writeFile(path, stringify({ clouds }))
  return path
}

async function hrefsOf(ask: Gateway['ask'], collection: string): Promise<readonly string[]> {
  const answer = (await (await ask(`/cimi/${collection}`)).json()) as Record<string, unknown>
  const items = Object.values(answer).find((value) => Array.isArray(value)) as readonly { id: string }[]
  return items.map(({ id }) => id)
}

function pick(hrefs: readonly string[], name: string): string {
  return hrefs.find((href) => href.endsWith(`/${name}`)) ?? assert.fail(`there is no ${name} in ${hrefs.join(' ')}`)
}

const NOTHING = { servers: [], ports: [], keys: [], floating: [] }

function linkTo(networkRemoteId: string): NetworkAttachment {
  return { linkId: randomUUID(), networkRemoteId }
}

type Workers = Parameters<typeof removeLeftovers>[0] & { readonly session: Session; readonly keys: LentKeys }

interface Rig {
  readonly peer: OpenStackPeer
  readonly project: OwnProject
  readonly provider: Provider
  readonly networks: NetworkGroup
  readonly site: PublicNetwork
  readonly request: (change: Partial<CreateRequest> & { readonly keys?: boolean }) => CreateRequest
  readonly active: (remoteId: string) => Promise<void>
  readonly attachedTo: (
    remoteId: string,
    link: NetworkAttachment,
  ) => Promise<(object & { address?: string }) | undefined>
  readonly floating: () => Promise<readonly { readonly address: string; readonly to: string | null }[]>
  readonly novaAddresses: (remoteId: string) => Promise<readonly string[]>
  /** The cloud, past the provider. */
  readonly opened: () => Promise<Workers>
  /** What is in the project, that is not the test's own. */
  readonly left: () => Promise<object>
}

async function openRig(t: TestContext): Promise<Rig | undefined> {
  const peer = await openStackPeer(t)
  if (peer === undefined) return undefined
  const project = await openOwnProject(t, peer)
  const site = await openPublicNetwork(t, project)
  const { targets, ask } = project
  const settings = await settingsOf(await project.cloudsYaml(peer.authUrl))
  const http = await connectCloud(settings, read)
  const provider = openStackProvider({ name: 'openstack', settings, http })
  t.after(() => provider.close?.())
  const [image, size] = [
    (await provider.images(call())).find(({ remoteId }) => remoteId === peer.imageId),
    (await provider.sizes(call())).find(({ remoteId }) => remoteId === peer.flavorId),
  ]
  assert.ok(provider.networks && image && size)
  const floating = async () => {
    const { floatingips } = await ask<{
      floatingips: { floating_ip_address: string; fixed_ip_address: string | null }[]
    }>('GET', `${targets.network}/v2.0/floatingips?project_id=${project.id}`)
    return floatingips.map((each) => ({ address: each.floating_ip_address, to: each.fixed_ip_address }))
  }
  return {
    peer,
    project,
    provider,
    networks: provider.networks,
    site,
    request: ({ keys = false, ...change }) => ({
      id: randomUUID(),
      image,
      size,
      spec: { name: 'driver', publicKeys: keys ? [KEY] : [], variables: {}, files: [], labels: {} },
      plan: { provider: provider.name, deliveries: [], warnings: [] },
      offers: [],
      ...change,
    }),
    active: (remoteId) =>
      eventually(`${remoteId} is active`, PATIENCE_MS, async () => {
        assert.equal((await provider.get(remoteId, call())).state, 'active')
      }),
    attachedTo: async (remoteId, { linkId }) =>
      (await provider.get(remoteId, call())).attached?.find((each) => each.linkId === linkId),
    floating,
    novaAddresses: async (remoteId) => {
      const { server } = await ask<{ server: { addresses: Record<string, { addr: string }[]> } }>(
        'GET',
        `${targets.compute}/v2.1/servers/${remoteId}`,
      )
      return Object.values(server.addresses).flatMap((each) => each.map(({ addr }) => addr))
    },
    opened: async () => {
      const session = await createIdentity({ name: provider.name, settings, http }).session(call())
      return { session, servers: novaServers(session, provider.name, 90), keys: lentKeys(session, 90) }
    },
    left: async () => {
      const { servers, ports, keys } = await project.content()
      const made = ports.filter(({ description }) => description.startsWith('bellhop:'))
      return { servers, ports: made, keys, floating: await floating() }
    },
  }
}

const read = (path: string): Promise<string> => readFile(path, 'utf8')

function settingsOf(cloudsYaml: string): Promise<CloudSettings> {
  return readCloud({}, { env: { OS_CLIENT_CONFIG_FILE: cloudsYaml }, readFile: read, cwd: '/', home: homedir() })
}
