import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { DISKS } from '../../src/disks/index.ts'
import { DISK_LAYOUTS } from '../../src/layouts/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { besideCloud } from '../../src/service/cloud-vendor-data.ts'
import { sampleInstance, sampleSpec } from '../conformance/store-samples.ts'
import { startGateway, type Gateway } from '../e2e/gateway.ts'
import { CONTEXT, SCRIPT } from './cloud-init/context.ts'
import { needCloudInit, runCloudInit, type Outcome } from './cloud-init/peer.ts'
import { askMetadata, type Guest } from './openstack/metadata.ts'
import { startMetadataService, type MetadataService } from './openstack/metadata-service.ts'
import { openOwnProject, type OwnProject } from './openstack/own-project.ts'
import { openStackPeer, type OpenStackPeer } from './openstack/peer.ts'
import { untilHolds } from './openstack/rest.ts'
import { isFree } from './openstack/site.ts'

const PATIENCE_MS = 120_000
const TOKEN = 'token-of-this-nova'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'
const SECOND_KEY = `${KEY.slice(0, -6).replace('IAnMa', 'IBnMa')} bob`

describe('a real Nova that asks Bellhop for vendor data', () => {
  it('hands on what we add, and leaves everything else as it is', async (t) => {
    const site = await openSite(t)
    if (!site) return
    const { gateway, nova } = site
    const { id, guest } = await startedByUs(site)
    const pastUs = await startedPastUs(site)

    await t.test('to a guest that we started, whose user data are untouched', async () => {
      const { 'cloud-init': told } = await vendorData(nova, guest)
      assert.equal(
        told,
        `#cloud-config\nreporting:\n  bellhop: {type: print}\nssh_authorized_keys: ["${SECOND_KEY}"]\n`,
      )
      const userData = await (await askMetadata(nova, guest, 'openstack/latest/user_data')).arrayBuffer()
      assert.equal(sha256(new Uint8Array(userData)), sha256(SCRIPT))
    })

    await t.test('in a form that cloud-init takes', async (t) => {
      if (!needCloudInit(t)) return
      const { 'cloud-init': told } = await vendorData(nova, guest)
      const outcome = await runCloudInit(t, { disk: drive(await filesOf(nova, guest)) })
      assertTaken(outcome)
      assert.equal(keptBy(outcome, 'vendor-data2.txt'), told)
      const keys = textOf(outcome.read('/home/debian/.ssh/authorized_keys')).split('\n')
      assert.deepEqual(keys.toSorted(), [KEY, SECOND_KEY])
    })

    await t.test('and nothing to a server that was made past us', async (t) => {
      assert.equal((await vendorData(nova, pastUs))['cloud-init'], '')
      if (!needCloudInit(t)) return
      const outcome = await runCloudInit(t, { disk: drive(await filesOf(nova, pastUs)) })
      assert.deepEqual(outcome.warnings, [])
      assert.deepEqual(outcome.errors, [])
    })

    await t.test('and nothing with a wrong token, which our log tells without a word of the request', async () => {
      assert.deepEqual((await vendorData(nova, guest))['wrong'], {})
      const refused = gateway.log.filter((line) => line.includes('vendordata: refused'))
      assert.ok(refused.length > 0)
      for (const line of refused) assert.ok(!line.includes(guest.serverId))
      for (const line of gateway.log)
        for (const word of [TOKEN, 'not-the-token', SCRIPT.toString('base64').slice(0, 20)])
          assert.ok(!line.includes(word), word)
    })

    await t.test('also to a Nova that asks as its own user, and to no other user', async () => {
      const own = await asItsUser(t, site, site.project.credentials)
      assert.match(String((await vendorData(own, guest))['cloud-init']), /^#cloud-config\n/)
      const other = await asItsUser(t, site, site.peer.admin)
      assert.deepEqual((await vendorData(other, guest))['cloud-init'], {})
    })

    assert.equal((await gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)

    await t.test('and answers its guests when we are gone', async () => {
      await gateway.stop()
      const answer = await vendorData(nova, pastUs)
      assert.deepEqual(answer['cloud-init'], {})
      assert.deepEqual(answer['nobody'], {})
    })
  })
})

describe('cloud-init, with vendor data as Nova hands them on', () => {
  const late = besideCloud(
    sampleInstance({
      spec: sampleSpec({
        publicKeys: [...CONTEXT.publicKeys, { name: 'kůň', text: `${KEY} žluťoučký kůň 🐎` }],
        files: [
          {
            path: '/etc/late/secret',
            bytes: Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 256)),
            mode: 0o600,
          },
          { path: '/home/debian/late', bytes: Buffer.from('his\n'), owner: 'debian', group: 'debian' },
        ],
      }),
    }),
    undefined,
  )

  it('takes the keys after the first, and all files, with modes and owners', async (t) => {
    if (!needCloudInit(t)) return
    const outcome = await runCloudInit(t, { disk: drive(withVendorData(SCRIPT, late ?? '')) })
    assertTaken(outcome)
    assert.deepEqual(
      textOf(outcome.read('/home/debian/.ssh/authorized_keys')).split('\n').toSorted(),
      [...CONTEXT.publicKeys.map(({ text }) => text), `${KEY} žluťoučký kůň 🐎`].toSorted(),
    )
    const bytes = outcome.read('/etc/late/secret')
    assert.deepEqual([bytes.length, bytes[255], bytes[4999]], [5000, 255, 4999 % 256])
    assert.equal(textOf(outcome.read('/home/debian/late')), 'his')
  })

  for (const [what, userData, hasKey, hasFile] of [
    ['is joined to a cloud-config of the user’s with other things', `#cloud-config\nhostname: his\n`, true, true],
    ['gives way to a user’s own files', `#cloud-config\nwrite_files: [{path: /etc/his, content: x}]\n`, true, false],
    [
      'gives way to a user’s own keys, beside the cloud’s',
      `#cloud-config\nssh_authorized_keys: ["${KEY}"]\n`,
      false,
      true,
    ],
    ['is not what `vendor_data` switches off', `#cloud-config\nvendor_data: {enabled: false}\n`, true, true],
    [
      'does nothing of it where the user has switched it off',
      `#cloud-config\nvendor_data2: {enabled: false}\n`,
      false,
      false,
    ],
  ] as const)
    it(what, async (t) => {
      if (!needCloudInit(t)) return
      const outcome = await runCloudInit(t, { disk: drive(withVendorData(Buffer.from(userData), late ?? '')) })
      assert.deepEqual(outcome.warnings, [])
      assert.equal(textOf(outcome.read('/home/debian/.ssh/authorized_keys')).includes('🐎'), hasKey)
      assert.equal(outcome.read('/etc/late/secret').length > 0, hasFile)
    })

  for (const [what, vendorData, warning] of [
    ['passes in silence over the empty string of those that get nothing', '', undefined],
    ['passes in silence over what Nova puts there when we do not answer', {}, undefined],
    ['warns of anything else that is neither string nor list', { a: 1 }, /vendor-data2: .*cannot be dict/],
  ] as const)
    it(what, async (t) => {
      if (!needCloudInit(t)) return
      const outcome = await runCloudInit(t, { disk: drive(withVendorData(SCRIPT, vendorData)) })
      assert.match(outcome.warnings.join('\n'), warning ?? /^$/)
      assert.equal(textOf(outcome.read('/var/lib/delivered')), `root ${sha256(SCRIPT)}`)
    })
})

interface Site {
  readonly peer: OpenStackPeer
  readonly project: OwnProject
  readonly gateway: Gateway
  /** Asks Bellhop as it should, with a wrong token, and one that is not there. */
  readonly nova: MetadataService
}

async function openSite(t: TestContext): Promise<Site | undefined> {
  const peer = await openStackPeer(t)
  if (peer === undefined) return undefined
  const project = await openOwnProject(t, peer)
  process.env['OS_CLIENT_CONFIG_FILE'] = await project.cloudsYaml(peer.authUrl)
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const named = `${peer.authUrl}/users?name=${project.credentials.user}`
  const { users } = await project.admin<{ users: { id: string }[] }>('GET', named)
  const gateway = await startGateway(t, {
    config: `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[log]
level = "debug"
[[vendordata]]
provider = "site"
tokenSha256 = "${sha256(Buffer.from(TOKEN))}"
[[vendordata]]
provider = "site"
serviceUserId = "${users[0]?.id}"
[providers.site]
driver = "openstack"
cloud = "own"
vendordata = true
`,
  })
  const { host } = new URL(gateway.url)
  assert.ok(await isFree(1), 'nobody listens at port 1')
  const nova = await startMetadataService(
    t,
    peer,
    `[api]
metadata_cache_expiration = 0
vendordata_providers = StaticJSON,DynamicJSON
vendordata_dynamic_targets = ${[
      `cloud-init@http://nova:${TOKEN}@${host}/vendordata/site`,
      `wrong@http://nova:not-the-token@${host}/vendordata/site`,
      'nobody@http://127.0.0.1:1/vendordata/site',
    ].join(',')}`,
  )
  return { peer, project, gateway, nova }
}

/** A Nova that shows who it is by a token of its Keystone. */
function asItsUser(
  t: TestContext,
  { peer, gateway }: Site,
  { user, password, project, domain }: OpenStackPeer['admin'],
): Promise<MetadataService> {
  return startMetadataService(
    t,
    peer,
    `[api]
metadata_cache_expiration = 0
vendordata_providers = StaticJSON,DynamicJSON
vendordata_dynamic_targets = cloud-init@${gateway.url}/vendordata/site
[vendordata_dynamic_auth]
auth_type = password
auth_url = ${peer.authUrl}
username = ${user}
password = ${password}
project_name = ${project}
user_domain_name = ${domain}
project_domain_name = ${domain}`,
  )
}

async function startedByUs({ project, gateway }: Site): Promise<{ readonly id: string; readonly guest: Guest }> {
  const made = await gateway.ask('/compute/', {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: [
      'Category: compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"',
      'Category: site-tiny; scheme="http://bellhop.example/occi/infrastructure/os_tpl#"; class="mixin"',
      'Category: site-tiny; scheme="http://bellhop.example/occi/infrastructure/resource_tpl#"; class="mixin"',
      'Category: user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"',
      'Category: public_key; scheme="http://schemas.openstack.org/instance/credentials#"; class="mixin"',
      'Category: ssh_key; scheme="http://schemas.ogf.org/occi/infrastructure/credentials#"; class="mixin"',
      `X-OCCI-Attribute: org.openstack.compute.user_data="${SCRIPT.toString('base64')}"`,
      `X-OCCI-Attribute: org.openstack.credentials.publickey.data="${KEY}"`,
      `X-OCCI-Attribute: occi.credentials.ssh.publickey="${SECOND_KEY}"`,
    ].join('\n'),
  })
  assert.equal(made.status, 201, await made.text())
  const id = made.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
  let serverId: string | undefined
  await untilHolds(`${id} is active`, PATIENCE_MS, async () => {
    const shown = (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as { state: string; remoteId?: string }
    assert.notEqual(shown.state, 'error')
    serverId = shown.remoteId
    return shown.state === 'active'
  })
  return { id, guest: { serverId: serverId ?? assert.fail('it has no server'), projectId: project.id } }
}

async function startedPastUs({ peer, project }: Site): Promise<Guest> {
  const nova = `${project.targets.compute}/v2.1`
  const { server } = await project.ask<{ server: { id: string } }>('POST', `${nova}/servers`, {
    server: {
      name: 'past-us',
      imageRef: peer.imageId,
      flavorRef: peer.flavorId,
      user_data: SCRIPT.toString('base64'),
      networks: [{ uuid: peer.networkId }],
    },
  })
  await untilHolds(`${server.id} is active`, PATIENCE_MS, async () => {
    const shown = await project.ask<{ server: { status: string } }>('GET', `${nova}/servers/${server.id}`)
    return shown.server.status === 'ACTIVE'
  })
  return { serverId: server.id, projectId: project.id }
}

async function vendorData(nova: MetadataService, guest: Guest): Promise<Readonly<Record<string, unknown>>> {
  const answer = await askMetadata(nova, guest, 'openstack/latest/vendor_data2.json')
  assert.equal(answer.status, 200)
  return (await answer.json()) as Record<string, unknown>
}

/** The files of a config drive, from the same sources; but not the network, whose card this machine has not. */
async function filesOf(nova: MetadataService, guest: Guest): Promise<Files> {
  const names = ['meta_data.json', 'user_data', 'vendor_data.json', 'vendor_data2.json']
  const files = names.map(async (name) => {
    const path = `openstack/latest/${name}`
    return [path, { bytes: Buffer.from(await (await askMetadata(nova, guest, path)).arrayBuffer()) }] as const
  })
  return new Map(await Promise.all(files))
}

/** The files of our own config drive, with vendor data as Nova would hand them on. */
function withVendorData(userData: Uint8Array, vendorData: unknown): Files {
  const files = DISK_LAYOUTS['openstack']?.render({ ...CONTEXT, userData }) ?? assert.fail('there is no such layout')
  const content = textFile(JSON.stringify({ static: {}, 'cloud-init': vendorData }))
  return new Map([...files].map(([path, file]) => [path, path.endsWith('/vendor_data2.json') ? content : file]))
}

function drive(files: Files): Uint8Array {
  return DISKS.iso.write(files, { label: 'config-2' })
}

/** The user's script ran, unchanged, and cloud-init has nothing to complain of. */
function assertTaken(outcome: Outcome): void {
  assert.match(outcome.dataSource, /^DataSourceConfigDrive /)
  assert.deepEqual(outcome.failedStages, [])
  assert.deepEqual(outcome.errors, [])
  assert.deepEqual(outcome.warnings, [])
  assert.equal(textOf(outcome.read('/var/lib/delivered')), `root ${sha256(SCRIPT)}`)
}

function keptBy(outcome: Outcome, name: string): string {
  const instance = textOf(outcome.read('/var/lib/cloud/data/instance-id'))
  return Buffer.from(outcome.read(`/var/lib/cloud/instances/${instance}/${name}`)).toString('utf8')
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim()
}
