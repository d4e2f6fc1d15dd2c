import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { openBellhop, type Bellhop } from '../../../src/bellhop.ts'
import type { Caller, Instance, InstanceSpec } from '../../../src/model/instance.ts'
import { openOwnProject, type OwnProject } from './own-project.ts'
import type { KeyNames } from './parity-differences.ts'
import { makeNetworks, type ParityNetworks } from './parity-networks.ts'
import type { OpenStackPeer } from './peer.ts'
import { logIn, untilHolds } from './rest.ts'

const PATIENCE_MS = 120_000
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz alice'
const CALLER: Caller = { subject: 'site/jane', project: 'site/parity', role: 'member' }
const NO_KEY: KeyNames = { ours: 'no key', nova: 'no key' }
const NOTHING: InstanceSpec = { publicKeys: [], variables: {}, files: [], labels: {} }

/** A Bellhop with one cloud, in which nobody else is. */
export interface ParitySite {
  readonly peer: OpenStackPeer
  readonly own: OwnProject
  readonly networks: ParityNetworks
  readonly bellhop: Bellhop
}

/** A server that was made through Bellhop, of which all is known. */
export interface ParityServer {
  readonly instance: Instance & { readonly remoteId: string }
  readonly key: KeyNames
}

/** Opens it; all is gone with the test. */
export async function openParitySite(t: Pick<TestContext, 'after'>, peer: OpenStackPeer): Promise<ParitySite> {
  const own = await openOwnProject(t, peer)
  const networks = await makeNetworks(t, own)
  const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-parity-'))
  process.env['OS_CLIENT_CONFIG_FILE'] = await own.cloudsYaml(peer.authUrl)
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const bellhop = await openBellhop(
    {
      metadata: { enabled: false, listen: { host: '127.0.0.1', port: 0 } },
      store: { sqlite: join(stateDir, 'bellhop.sqlite') },
      providers: { site: { driver: 'openstack', cloud: 'own' } },
      stateDir,
      server: { userDataMaxBytes: 65_536 },
    },
    pino({ level: 'silent' }),
  )
  t.after(async () => {
    await bellhop.close()
    await rm(stateDir, { recursive: true, force: true })
  })
  return { peer, own, networks, bellhop }
}

/** One with user data, key, variables, a hostname, groups, a public address and three cards. */
export async function makeFull(site: ParitySite): Promise<ParityServer> {
  const { bellhop, own, peer, networks } = site
  const known = await bellhop.service.networks.list(CALLER)
  const nameOf = (remoteId: string): string =>
    known.find((network) => network.remoteId === remoteId)?.id ?? assert.fail(`there is no network ${remoteId}`)
  const { id } = await bellhop.service.create(
    {
      spec: {
        ...NOTHING,
        name: 'Web server, the first',
        hostname: 'web-1',
        image: peer.imageId,
        size: peer.flavorId,
        userData: randomBytes(1000),
        publicKeys: [{ name: 'alice', text: KEY }],
        variables: { role: 'web', greeting: 'Grüße aus Brünn "\\" \u2028', Empty: '', 'a b.c:d_e-f': '<&>' },
        links: [peer.networkId, networks.dualId, networks.mixedId].map((network) => ({
          kind: 'network',
          networkId: nameOf(network),
        })),
      },
    },
    CALLER,
  )
  const { remoteId } = await active(site, id)
  const nova = `${own.targets.compute}/v2.1`
  await own.ask('POST', `${nova}/servers/${remoteId}/action`, { addSecurityGroup: { name: networks.groupName } })
  await networks.publish(remoteId)
  const { server } = await own.ask<{ server: { key_name: string } }>('GET', `${nova}/servers/${remoteId}`)
  const isWhole = ({ network, facts }: Instance): boolean =>
    facts.publicIpv4 !== undefined && network?.nics.every((nic) => nic.id !== nic.mac) === true
  return { instance: await learnt(site, id, isWhole), key: { ours: 'alice', nova: server.key_name } }
}

/** One without any of these, which was made by somebody who died before he could record it. */
export async function makeBare(site: ParitySite): Promise<ParityServer> {
  const { bellhop, own, peer } = site
  const id = randomUUID()
  const { token } = await logIn(peer.authUrl, own.credentials)
  const reply = await fetch(`${own.targets.compute}/v2.1/servers`, {
    method: 'POST',
    headers: {
      'X-Auth-Token': token,
      'Content-Type': 'application/json',
      'OpenStack-API-Version': 'compute 2.90',
    },
    body: JSON.stringify({
      server: {
        name: `bellhop-${id.slice(0, 8)}`,
        imageRef: peer.imageId,
        flavorRef: peer.flavorId,
        networks: 'none',
        tags: [`bellhop:${id}`],
      },
    }),
  })
  assert.equal(reply.status, 202, await reply.text())
  await bellhop.service.create({ id, spec: { ...NOTHING, image: peer.imageId, size: peer.flavorId } }, CALLER)
  await active(site, id)
  return { instance: await learnt(site, id, ({ network }) => network !== undefined), key: NO_KEY }
}

async function active({ bellhop }: ParitySite, id: string): Promise<ParityServer['instance']> {
  await untilHolds(`${id} is active`, PATIENCE_MS, async () => {
    const { state, reason } = await bellhop.service.get(id, CALLER)
    assert.notEqual(state, 'error', reason ?? 'no reason is given')
    return state === 'active'
  })
  return there(await bellhop.service.get(id, CALLER))
}

/** Addresses may come later than the server. */
async function learnt(
  { bellhop }: ParitySite,
  id: string,
  isWhole: (instance: Instance) => boolean,
): Promise<ParityServer['instance']> {
  let instance = await bellhop.service.get(id, CALLER)
  await untilHolds(`all of ${id} is known`, PATIENCE_MS, async () => {
    instance = await bellhop.service.get(id, CALLER)
    return isWhole(instance)
  })
  return there(instance)
}

function there(instance: Instance): ParityServer['instance'] {
  const { remoteId = assert.fail('it has no server') } = instance
  return { ...instance, remoteId }
}
