import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { creation, startGateway, type Gateway } from '../e2e/gateway.ts'
import { need, needPython, PYTHON } from './need.ts'
import { askMetadata, type Guest } from './openstack/metadata.ts'
import { startMetadataAgent, type MetadataAgent, type Place } from './openstack/metadata-agent.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { logIn, untilHolds } from './openstack/rest.ts'

const PATIENCE_MS = 120_000
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, value) => value))

describe("Bellhop as nova_metadata_host of Neutron's metadata agent", () => {
  it('stands in between', async (t) => {
    const site = await openSite(t)
    if (!site) return
    await t.test('gives its own guests the very bytes, sees them fetched, and hears what they report', (t) =>
      servesItsOwn(t, site),
    )
    await t.test("leaves all others' guests to Nova, as if it were not there", () => leavesOthersToNova(site))
    await t.test('tells nothing to who signs with another secret, or has a port that says it is the machine', (t) =>
      tellsNothingToOthers(t, site),
    )
    await t.test('survives agents that make text of what they pass on', (t) => survivesText(t, site))
  })
})

async function servesItsOwn(t: TestContext, site: Site): Promise<void> {
  const random = randomBytes(49_149)
  const made = [
    ['every byte, by OCCI', EVERY_BYTE, (): Promise<string> => createByOcci(site, EVERY_BYTE)],
    ['as much as Nova takes, by CIMI', random, (): Promise<string> => createByCimi(site, random)],
  ] as const
  for (const [what, bytes, create] of made)
    await t.test(what, async () => {
      const id = await create()
      const guest = await guestOf(site, id)
      const { plan } = await shown(site, id)
      assert.deepEqual(
        plan.deliveries.map(({ method, by, evidence }) => [method, by, ...evidence]),
        [['metadata', 'provider', 'access', 'report', 'agent', 'console']],
      )
      assert.equal((await shown(site, id)).delivery.state, 'offered')

      for (const path of ['/openstack/latest/user_data', '/latest/user-data']) {
        const { status, type, bytes: seen } = await site.agent.ask(guest, path)
        assert.deepEqual([status, type], [200, 'text/plain; charset=ISO-8859-1'], path)
        assert.equal(sha256(seen), sha256(bytes), path)
      }
      await untilHolds('it is recorded', PATIENCE_MS, async () => (await fetched(site, id)).length === 1)
      for (const event of await fetched(site, id)) {
        assert.equal(event.sha256, sha256(bytes))
        assert.equal(event.method, 'metadata')
      }
      assert.equal((await shown(site, id)).delivery.state, 'fetched')

      const about = await site.agent.ask(guest, '/openstack/latest/meta_data.json')
      assert.equal(about.type, 'application/json')
      const { uuid } = JSON.parse(about.bytes.toString()) as { uuid: string }
      assert.equal(uuid, guest.serverId, 'cloud-init compares it with what the machine says of itself')
      const vendor = await site.agent.ask(guest, '/openstack/latest/vendor_data.json')
      assert.match(vendor.bytes.toString(), /169\.254\.169\.254\/report/)

      const report = { agent: 'agent', stage: 'applied', exitCode: 0, sha256: sha256(bytes) }
      const heard = await site.agent.ask(guest, '/report', { method: 'POST', body: JSON.stringify(report) })
      assert.equal(heard.status, 200)
      await untilHolds('it is applied', PATIENCE_MS, async () => (await shown(site, id)).delivery.state === 'applied')

      assert.equal((await site.agent.ask(guest, '/latest/api/token', { method: 'PUT' })).status, 404)
      assert.equal((await site.agent.ask(guest, '/latest/meta-data/nosuch')).status, 404)
      assert.equal((await site.gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
    })
}

async function leavesOthersToNova(site: Site): Promise<void> {
  const guest = await createPastUs(site, EVERY_BYTE)
  const paths = [
    'latest/user-data',
    'openstack/latest/user_data',
    'openstack/latest/network_data.json',
    'openstack/latest/vendor_data.json',
    'openstack/latest/password',
    'openstack/latest',
    'openstack',
    'latest/meta-data',
    'latest/meta-data/instance-id',
    'latest/meta-data/local-ipv4',
    'latest/meta-data/hostname',
    'latest/meta-data/nosuch',
    'nosuch',
  ]
  for (const path of paths) {
    const straight = await askMetadata(site.peer, guest, path)
    const seen = await site.agent.ask(guest, `/${path}`)
    assert.equal(seen.status, straight.status, path)
    if (straight.status !== 200) continue
    assert.equal(seen.type, straight.headers.get('content-type'), path)
    assert.deepEqual(seen.bytes, Buffer.from(await straight.arrayBuffer()), path)
  }
  assert.deepEqual((await site.agent.ask(guest, '/latest/user-data')).bytes, EVERY_BYTE)

  const left = await site.agent.ask(guest, '/openstack/latest/password', { method: 'POST', body: 'sesame' })
  assert.equal(left.status, 200)
  const { compute } = site.project.targets
  const kept = await site.project.ask<{ password: string }>(
    'GET',
    `${compute}/v2.1/servers/${guest.serverId}/os-server-password`,
  )
  assert.equal(kept.password, 'sesame')
}

async function tellsNothingToOthers(t: TestContext, site: Site): Promise<void> {
  const id = await createByCimi(site, EVERY_BYTE)
  const guest = await guestOf(site, id)
  const stranger = { metadataUrl: site.neutronUrl, metadataSharedSecret: 'another' }
  const refused = await askMetadata(stranger, guest, 'latest/user-data')
  assert.equal(refused.status, 403)
  assert.equal(await refused.text(), 'Invalid proxy request signature.')

  const thief = await portOfAnotherProject(t, site, guest.serverId)
  for (const path of ['/latest/user-data', '/latest/meta-data/instance-id'])
    assert.equal((await site.agent.ask(thief, path)).status, 404, path)
  assert.deepEqual(await fetched(site, id), [])
  assert.equal((await site.agent.ask(guest, '/latest/user-data')).status, 200)
}

async function survivesText(t: TestContext, site: Site): Promise<void> {
  if (!needPython(t, 'webob', 'python3-webob') || !needPython(t, 'requests', 'python3-requests')) return
  const bytes = Buffer.concat([EVERY_BYTE, randomBytes(4096)])
  const id = await createByCimi(site, bytes)
  const guest = await guestOf(site, id)
  const headers = { 'X-Instance-ID': guest.serverId, 'X-Tenant-ID': guest.projectId }
  for (const [path, isText] of [
    ['/openstack/latest/user_data', true],
    ['/openstack/latest/meta_data.json', false],
    ['/openstack/latest/password', true],
    ['/latest/meta-data/', true],
  ] as const) {
    const plain = await site.agent.ask(guest, path)
    const made = asText(`${site.neutronUrl}${path}`, site.peer.metadataSharedSecret, headers)
    if (path.endsWith('user_data')) assert.deepEqual(made, bytes)
    // The random seed of the other is new each time.
    if (isText) assert.deepEqual(made, plain.bytes, path)
    else assert.deepEqual(Object.keys(JSON.parse(made.toString())), Object.keys(JSON.parse(plain.bytes.toString())))
  }
}

interface Site {
  readonly peer: OpenStackPeer
  readonly project: OwnProject
  readonly gateway: Gateway
  readonly agent: MetadataAgent
  /** Where we stand in Nova's place. */
  readonly neutronUrl: string
}

async function openSite(t: TestContext): Promise<Site | undefined> {
  const peer = await openStackPeer(t)
  if (!peer || !need(t, 'neutron-metadata-agent', 'neutron-common')) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-neutron-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const project = await openOwnProject(t, peer)
  const secretPath = join(folder, 'secret')
  await writeFile(secretPath, `${peer.metadataSharedSecret}\n`, { mode: 0o600 })
  process.env['OS_CLIENT_CONFIG_FILE'] = await project.cloudsYaml(peer.authUrl)
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const gateway = await startGateway(t, {
    config: `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[[metadata.neutron]]
providers = ["site"]
listen = "127.0.0.1:0"
sharedSecretFile = "${secretPath}"
novaMetadataUrl = "${peer.metadataUrl}"
configDrive = false
[providers.site]
driver = "openstack"
cloud = "own"
`,
  })
  const listening = gateway.log.find((line) => line.includes('"msg":"listening"')) ?? '{}'
  const { neutronUrls = [] } = JSON.parse(listening) as { neutronUrls?: readonly string[] }
  const neutronUrl = neutronUrls[0] ?? assert.fail('nobody listens in place of Nova')
  const agent = await startMetadataAgent(t, peer, neutronUrl)
  return { peer, project, gateway, agent, neutronUrl }
}

async function createByOcci({ gateway }: Site, bytes: Buffer): Promise<string> {
  return idIn(await gateway.ask('/compute/', creation(bytes)))
}

async function createByCimi({ gateway, peer }: Site, bytes: Buffer): Promise<string> {
  return idIn(
    await gateway.ask('/cimi/machineCollection', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: 'told',
        machineTemplate: {
          machineImage: { href: peer.imageId },
          machineConfig: { href: peer.flavorId },
          userData: bytes.toString('base64'),
        },
      }),
    }),
  )
}

async function idIn(response: Response): Promise<string> {
  assert.equal(response.status, 201, await response.text())
  return response.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
}

async function createPastUs(site: Site, bytes: Buffer): Promise<Guest & Place> {
  const { peer, project } = site
  const { server } = await project.ask<{ server: { id: string } }>('POST', `${project.targets.compute}/v2.1/servers`, {
    server: {
      name: 'past-us',
      imageRef: peer.imageId,
      flavorRef: peer.flavorId,
      networks: [{ uuid: peer.networkId }],
      user_data: bytes.toString('base64'),
    },
  })
  await untilHolds('it is active', PATIENCE_MS, async () => {
    const { servers } = await project.content()
    const status = servers.find(({ id }) => id === server.id)?.status
    assert.notEqual(status, 'ERROR')
    return status === 'ACTIVE'
  })
  return { serverId: server.id, projectId: project.id, ...(await placeOf(site, server.id)) }
}

interface Shown {
  readonly state: string
  readonly reason?: string
  readonly remoteId?: string
  readonly plan: {
    readonly deliveries: readonly {
      readonly method: string
      readonly by?: string
      readonly evidence: readonly string[]
    }[]
  }
  readonly delivery: { readonly state?: string }
}

async function shown({ gateway }: Site, id: string): Promise<Shown> {
  return (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as Shown
}

interface TimelineEvent {
  readonly kind: string
  readonly method?: string
  readonly sha256?: string
}

/** What its timeline says of fetching. */
async function fetched({ gateway }: Site, id: string): Promise<readonly TimelineEvent[]> {
  const { events } = (await (await gateway.ask(`/api/v1/instances/${id}/events`)).json()) as {
    events: readonly TimelineEvent[]
  }
  return events.filter(({ kind }) => kind === 'fetched')
}

async function guestOf(site: Site, id: string): Promise<Guest & Place> {
  await untilHolds(`${id} is active`, PATIENCE_MS, async () => {
    const { state, reason } = await shown(site, id)
    assert.notEqual(state, 'error', reason ?? 'no reason is given')
    return state === 'active'
  })
  const serverId = (await shown(site, id)).remoteId ?? assert.fail('it has no server')
  return { serverId, projectId: site.project.id, ...(await placeOf(site, serverId)) }
}

async function placeOf({ project }: Site, serverId: string): Promise<Place> {
  const { ports } = await project.ask<{
    ports: { network_id: string; fixed_ips: { ip_address: string }[] }[]
  }>('GET', `${project.targets.network}/v2.0/ports?device_id=${serverId}`)
  const [port] = ports
  const address = port?.fixed_ips[0]?.ip_address
  if (port === undefined || address === undefined) throw new Error(`${serverId} has no address`)
  return { address, networkId: port.network_id }
}

/** What anybody may make in Neutron: a port that names a machine of somebody else's. */
async function portOfAnotherProject(t: TestContext, { peer, project }: Site, serverId: string): Promise<Place> {
  const { ask } = await logIn(peer.authUrl, peer.demo)
  const ports = `${project.targets.network}/v2.0/ports`
  const { port } = await ask<{ port: { id: string; network_id: string; fixed_ips: { ip_address: string }[] } }>(
    'POST',
    ports,
    { port: { network_id: peer.networkId, device_id: serverId } },
  )
  t.after(() => ask('DELETE', `${ports}/${port.id}`))
  return { address: port.fixed_ips[0]?.ip_address ?? '', networkId: port.network_id }
}

/** Newer agents build their answer as text, and write that in the charset that it came in. */
const AS_TEXT = `
import hashlib, hmac, json, sys, requests, webob
url, secret, headers = sys.argv[1], sys.argv[2].encode(), json.loads(sys.argv[3])
headers['X-Instance-ID-Signature'] = hmac.new(secret, headers['X-Instance-ID'].encode(), hashlib.sha256).hexdigest()
came = requests.get(url, headers=headers)
made = webob.Response(body=came.content, status=came.status_code, content_type=came.headers['content-type'], charset=came.encoding)
sys.stdout.buffer.write(('HTTP/1.1 ' + str(made)).encode(came.encoding))
`

function asText(url: string, secret: string, headers: Readonly<Record<string, string>>): Buffer {
  const answer = execFileSync(PYTHON, ['-c', AS_TEXT, url, secret, JSON.stringify(headers)])
  // Without a body there is no empty line either, and the agent adds it.
  const end = answer.indexOf('\r\n\r\n')
  return end === -1 ? Buffer.alloc(0) : answer.subarray(end + 4)
}
