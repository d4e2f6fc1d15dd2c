import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import type { Provider, RemoteVolume, VolumeAttachment, VolumeGroup } from '../../src/providers/provider.ts'
import { openStackProvider } from '../../src/providers/openstack/index.ts'
import { createHttpClient } from '../../src/wire/http.ts'
import { openStackFromSpec, type OpenStackFromSpec } from './openstack-from-spec.ts'
import { call, eventually, type Bench } from './provider-calls.ts'
import { testVolumes } from './provider-volumes.ts'

const GIB = 1024 ** 3
const PATIENCE_MS = 10_000

function providerOf({ url }: OpenStackFromSpec): Provider {
  const endpoint = { interface: 'public' } as const
  const domain = { name: 'Default' }
  const project = { name: 'demo', domain }
  const settings = {
    name: 'from-spec',
    authUrl: `${url}/identity/v3`,
    auth: { method: 'password', user: { name: 'demo', domain }, password: 'demo', project },
    endpoints: { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint },
    tls: { isVerified: true },
  } as const
  return openStackProvider({ name: 'openstack', settings, http: createHttpClient() })
}

interface Rig extends Bench {
  readonly cloud: OpenStackFromSpec
  readonly volumes: VolumeGroup
  readonly newVolume: (name?: string, sizeBytes?: number) => Promise<RemoteVolume>
  readonly newServer: (volumes?: readonly VolumeAttachment[]) => Promise<string>
  readonly close: () => Promise<void>
}

async function openRig(hasCinder = true): Promise<Rig> {
  const cloud = await openStackFromSpec(hasCinder)
  const provider = providerOf(cloud)
  const [[image], [size], { volumes }] = [await provider.images(call()), await provider.sizes(call()), provider]
  assert.ok(image && size && volumes)
  const requestFor: Rig['requestFor'] = (id, change) => ({
    id,
    image,
    size,
    spec: { publicKeys: [], variables: {}, files: [], labels: {} },
    plan: { provider: provider.name, deliveries: [], warnings: [] },
    offers: [],
    ...change,
  })
  const reach: Rig['reach'] = (remoteId, state) =>
    eventually(`it is ${state}`, PATIENCE_MS, async () => {
      assert.equal((await provider.get(remoteId, call())).state, state)
    })
  const running: Rig['running'] = async (change) => {
    const { remoteId } = await provider.create(requestFor(randomUUID(), change), call())
    await reach(remoteId, 'active')
    return remoteId
  }
  return {
    cloud,
    provider,
    volumes,
    patienceMs: PATIENCE_MS,
    requestFor,
    reach,
    running,
    newServer: (volumes = []) => running({ volumes }),
    newVolume: (name = 'data', sizeBytes = GIB) => volumes.create({ id: randomUUID(), name, sizeBytes }, call()),
    close: async () => {
      await provider.close?.()
      await cloud.close()
    },
  }
}

async function withCloud(use: (rig: Rig) => Promise<void>, hasCinder = true): Promise<void> {
  const rig = await openRig(hasCinder)
  try {
    await use(rig)
  } finally {
    await rig.close()
  }
}

describe('provider: openstack, against a Cinder from the specification', { concurrency: true }, () => {
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig.close())
  const bench: Bench = {
    get provider() {
      return rig.provider
    },
    patienceMs: PATIENCE_MS,
    requestFor: (id, change) => rig.requestFor(id, change),
    running: (change) => rig.running(change),
    reach: (remoteId, state) => rig.reach(remoteId, state),
  }
  testVolumes(bench, (what, body) => void it(what, body))
})

const refused = (asked: Promise<unknown>, code: ErrorCode, words: RegExp) =>
  assert.rejects(asked, (error) => {
    assert.ok(isCloudError(error, code), String(error))
    assert.match(error.message, words)
    return true
  })

describe('Cinder volumes, as the specification has them', { concurrency: true }, () => {
  it('have whole GiB: what is asked for is rounded up, and the true size is told', () =>
    withCloud(async ({ volumes, newVolume }) => {
      const { remoteId, sizeBytes, state } = await newVolume('data', GIB + 1)
      assert.deepEqual([sizeBytes, state], [2 * GIB, 'online'])
      await volumes.act(remoteId, 'resize', call(), 2 * GIB)
      assert.equal((await volumes.get(remoteId, call())).sizeBytes, 2 * GIB)
      await volumes.act(remoteId, 'resize', call(), 2 * GIB + 1)
      assert.equal((await volumes.get(remoteId, call())).sizeBytes, 3 * GIB)
      await refused(
        volumes.act(remoteId, 'resize', call(), 3 * GIB - 1),
        'invalid',
        /has 3221225472 bytes and only grows/,
      )
    }))

  it('are made once, also where the answer was lost, and are found among many', () =>
    withCloud(async ({ cloud, volumes, newVolume }) => {
      const request = { id: randomUUID(), name: 'lost', sizeBytes: GIB }
      cloud.loseAnswer('POST /volumes')
      await refused(volumes.create(request, call()), 'unavailable', /volume POST/)
      for (const name of ['a', 'b', 'c', 'd', 'e']) await newVolume(name)
      const { remoteId } = await volumes.create(request, call())
      assert.equal((await volumes.find(request.id, call()))?.remoteId, remoteId)
      assert.equal(cloud.cinder.count('lost'), 1)
    }))

  it('that could not be made are there in error, with what Cinder says of it, and can be deleted', () =>
    withCloud(async ({ cloud, volumes, newVolume }) => {
      cloud.cinder.unplaceable.add('huge')
      const { remoteId, state, reason } = await newVolume('huge')
      assert.deepEqual(
        [state, reason],
        ['error', 'Cinder calls it error: schedule allocate volume: no storage has room.'],
      )
      await volumes.delete(remoteId, call())
      await refused(volumes.get(remoteId, call()), 'not-found', new RegExp(remoteId))
      await refused(newVolume('more', 1001 * GIB), 'conflict', /quota is 1000G/)
    }))

  it('grow while a server has them, and their snapshots go with them', () =>
    withCloud(async ({ provider, volumes, newVolume, newServer }) => {
      const [{ remoteId }, server] = [await newVolume(), await newServer()]
      const attachment = { linkId: randomUUID(), volumeRemoteId: remoteId }
      assert.deepEqual(await volumes.attach(server, attachment, call()), { linkId: attachment.linkId, device: 'vdb' })
      assert.deepEqual((await provider.get(server, call())).attached, [{ linkId: attachment.linkId, device: 'vdb' }])
      await volumes.act(remoteId, 'resize', call(), 2 * GIB)
      assert.equal((await volumes.get(remoteId, call())).sizeBytes, 2 * GIB)
      await volumes.act(remoteId, 'snapshot', call())
      await refused(volumes.delete(remoteId, call()), 'conflict', new RegExp(`server ${server} has volume`))
      await volumes.detach(server, attachment, call())
      await volumes.delete(remoteId, call())
      await refused(volumes.get(remoteId, call()), 'not-found', new RegExp(remoteId))
    }))

  it('that a guest holds fast stay, and whoever detaches them is told', () =>
    withCloud(async ({ cloud, provider, volumes, newVolume, newServer }) => {
      const [{ remoteId }, server] = [await newVolume(), await newServer()]
      const attachment = { linkId: randomUUID(), volumeRemoteId: remoteId }
      await volumes.attach(server, attachment, call())
      cloud.held.add(remoteId)
      await refused(volumes.detach(server, attachment, call()), 'conflict', /does not let go/)
      assert.equal((await provider.get(server, call())).attached?.length, 1)
      await refused(
        volumes.attach(server, { ...attachment, linkId: randomUUID() }, call()),
        'conflict',
        /by another link/,
      )
    }))

  it('that no host can attach are free again, and whoever attaches them is told', () =>
    withCloud(async ({ cloud, provider, volumes, newVolume, newServer }) => {
      const [{ remoteId }, server] = [await newVolume(), await newServer()]
      cloud.unreachable.add(remoteId)
      const asked = volumes.attach(server, { linkId: randomUUID(), volumeRemoteId: remoteId }, call())
      await refused(asked, 'provider-failed', /Nova could not do it; Cinder calls the volume available/)
      assert.deepEqual((await provider.get(server, call())).attached, [])
    }))

  it('are attached once, also where the answer was lost', () =>
    withCloud(async ({ cloud, provider, volumes, newVolume, newServer }) => {
      const [{ remoteId }, server] = [await newVolume(), await newServer()]
      const attachment = { linkId: randomUUID(), volumeRemoteId: remoteId }
      cloud.loseAnswer(`POST /servers/${server}/os-volume_attachments`)
      await refused(volumes.attach(server, attachment, call()), 'unavailable', /os-volume_attachments/)
      const attached = { linkId: attachment.linkId, device: 'vdb' }
      assert.deepEqual(await volumes.attach(server, attachment, call()), attached)
      assert.deepEqual((await provider.get(server, call())).attached, [attached])
    }))

  it('that a new server cannot have make an error of it: it never runs without them', () =>
    withCloud(async (rig) => {
      const { cloud, provider, newVolume, newServer } = rig
      const volumeOf = async () => ({ linkId: randomUUID(), volumeRemoteId: (await newVolume()).remoteId })
      const [good, bad] = [await volumeOf(), await volumeOf()]
      const server = await newServer([good])
      assert.deepEqual((await provider.get(server, call())).attached, [{ linkId: good.linkId, device: 'vdb' }])

      cloud.unreachable.add(bad.volumeRemoteId)
      const failing = await provider.create(rig.requestFor(randomUUID(), { volumes: [bad] }), call())
      await rig.reach(failing.remoteId, 'error')
      const twice = rig.requestFor(randomUUID(), { volumes: [bad, { ...bad, linkId: randomUUID() }] })
      await refused(provider.create(twice, call()), 'conflict', /asked for twice/)
    }))

  it('are refused by the name of the cloud that has no Cinder, and servers with them are', () =>
    withCloud(async ({ provider, volumes, newVolume, newServer }) => {
      const none = /cloud "from-spec" has no volume service in its catalogue/
      await refused(newVolume(), 'unsupported', none)
      await refused(volumes.find(randomUUID(), call()), 'unsupported', none)
      const server = await newServer()
      assert.deepEqual((await provider.get(server, call())).attached, [])
      const attachment = { linkId: randomUUID(), volumeRemoteId: randomUUID() }
      await refused(volumes.attach(server, attachment, call()), 'unsupported', none)
      await refused(newServer([attachment]), 'unsupported', none)
      assert.equal((await provider.list(call())).length, 1)
    }, false))
})
