import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { startMemoryProcess } from '../../../test/conformance/memory-process.ts'
import { isCloudError } from '../../model/errors.ts'
import type { Call, CreateRequest } from '../provider.ts'
import { PROVIDERS } from '../index.ts'
import { memoryProcessProvider } from './client.ts'

const call = (timeoutMs = 20_000): Call => ({
  signal: new AbortController().signal,
  deadline: Date.now() + timeoutMs,
})

function request(): CreateRequest {
  return {
    id: randomUUID(),
    image: { name: 'memory-debian', provider: 'memory', remoteId: 'debian', title: 'Debian' },
    size: { name: 'memory-small', provider: 'memory', remoteId: 'small', title: 'Small', cores: 1, memoryMiB: 512 },
    spec: { userData: Uint8Array.of(0, 255), publicKeys: [], variables: { $bytes: 'x' }, files: [], labels: {} },
    plan: { provider: 'memory', deliveries: [], warnings: [] },
    offers: [
      { method: 'disk', image: new Uint8Array(400_000).fill(7), format: 'vfat' },
      { method: 'injection', files: new Map([['etc/motd', { bytes: Uint8Array.of(1), mode: 0o600 }]]) },
    ],
  }
}

describe('the memory provider’s process', () => {
  let folder: string
  let socketPath: string
  let statePath: string
  let running: Awaited<ReturnType<typeof startMemoryProcess>> | undefined
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-memory-'))
    socketPath = join(folder, 'cloud.sock')
    statePath = join(folder, 'machines')
  })
  afterEach(async () => {
    await running?.kill()
    running = undefined
    await rm(folder, { recursive: true })
  })

  it('keeps what a client gave it, byte for byte, for the next client', async () => {
    running = await startMemoryProcess({ socketPath })
    assert.equal((await stat(socketPath)).mode & 0o077, 0)
    const asked = request()
    const { remoteId } = await (await memoryProcessProvider({ socketPath })).create(asked, call())
    const next = await memoryProcessProvider({ socketPath })
    assert.equal((await next.find(asked.id, call()))?.remoteId, remoteId)
    const made = await next.made(asked.id)
    assert.equal(made.length, 1)
    assert.deepEqual(made[0]?.request, asked)
    await next.act(remoteId, 'stop', call(), 'acpioff')
    assert.deepEqual((await next.made(asked.id))[0]?.actions, [{ action: 'stop', method: 'acpioff' }])
  })

  it('is as it was when it is started again with its state', async () => {
    running = await startMemoryProcess({ socketPath, statePath })
    const asked = request()
    await (await memoryProcessProvider({ socketPath })).create(asked, call())
    await running.kill()
    running = await startMemoryProcess({ socketPath, statePath })
    const [vm] = await (await memoryProcessProvider({ socketPath })).made(asked.id)
    assert.deepEqual(vm?.request, asked)
  })

  it('carries volumes, networks and saved images too, and keeps them', async () => {
    running = await startMemoryProcess({ socketPath, statePath })
    const before = await memoryProcessProvider({ socketPath })
    const [id, networkId, imageId] = [randomUUID(), randomUUID(), randomUUID()]
    const volume = await before.volumes?.create({ id, sizeBytes: 10 }, call())
    const network = await before.networks?.create({ id: networkId, cidr: '192.0.2.0/24' }, call())
    assert.ok(volume && network)
    await before.volumes?.act(volume.remoteId, 'resize', call(), 20)
    const links = [randomUUID(), randomUUID()] as const
    const { remoteId } = await before.create(
      {
        ...request(),
        volumes: [{ linkId: links[0], volumeRemoteId: volume.remoteId }],
        networks: [{ linkId: links[1], networkRemoteId: network.remoteId, mac: '02:00:00:00:00:01' }],
      },
      call(),
    )
    const image = await before.saveImage?.(remoteId, { id: imageId, title: 'Saved', project: 'p' }, call())
    await running.kill()
    running = await startMemoryProcess({ socketPath, statePath })
    const cloud = await memoryProcessProvider({ socketPath })
    assert.equal((await cloud.volumes?.find(id, call()))?.sizeBytes, 20)
    assert.equal((await cloud.networks?.find(networkId, call()))?.cidr, '192.0.2.0/24')
    assert.deepEqual((await cloud.get(remoteId, call())).attached, [
      { linkId: links[0], device: 'vdb' },
      { linkId: links[1], device: 'eth0', mac: '02:00:00:00:00:01' },
    ])
    assert.deepEqual(
      (await cloud.images(call())).filter(({ project }) => project === 'p'),
      [image],
    )
  })

  it('has no group that it was told not to have', async () => {
    running = await startMemoryProcess({ socketPath, options: { volumes: false, saveImage: false } })
    const cloud = await memoryProcessProvider({ socketPath })
    assert.equal(cloud.volumes, undefined)
    assert.ok(!('saveImage' in cloud || 'deleteImage' in cloud))
    assert.equal((await cloud.networks?.shared(call()))?.[0]?.name, 'memory-public')
  })

  it('does what was asked although the client gave up', async () => {
    running = await startMemoryProcess({ socketPath, options: { faults: { create: { slowMs: 50 } } } })
    const cloud = await memoryProcessProvider({ socketPath })
    const asked = request()
    const caller = new AbortController()
    const creating = cloud.create(asked, { signal: caller.signal, deadline: Date.now() + 20_000 })
    setTimeout(() => caller.abort(), 10)
    await assert.rejects(creating, (error) => isCloudError(error, 'timeout'))
    while ((await cloud.made(asked.id)).length === 0) await new Promise(setImmediate)
  })

  it('fails as it is told, and the caller’s deadline ends what hangs', async () => {
    running = await startMemoryProcess({ socketPath, options: { name: 'far' } })
    const cloud = await memoryProcessProvider({ socketPath })
    assert.equal(cloud.name, 'far')
    const load = (name: string) =>
      PROVIDERS['memory']?.({ socket: socketPath }, { name, stateDir: folder, log: { info: () => {} } })
    assert.equal((await load('far'))?.name, 'far')
    await assert.rejects(
      async () => load('near'),
      (error) => isCloudError(error, 'invalid'),
    )
    await cloud.setFaults({ create: { after: 'unavailable' }, list: { before: 'hang' } })
    const asked = request()
    await assert.rejects(cloud.create(asked, call()), (error) => isCloudError(error, 'unavailable'))
    assert.equal((await cloud.made(asked.id)).length, 1)
    await assert.rejects(cloud.list(call(30)), (error) => isCloudError(error, 'timeout'))
  })

  it('is unavailable once it is killed', async () => {
    running = await startMemoryProcess({ socketPath })
    const cloud = await memoryProcessProvider({ socketPath })
    await running.kill()
    await assert.rejects(cloud.list(call()), (error) => isCloudError(error, 'unavailable'))
    await assert.rejects(memoryProcessProvider({ socketPath }), (error) => isCloudError(error, 'unavailable'))
  })

  it('answers nonsense with an error and goes on', async () => {
    running = await startMemoryProcess({ socketPath })
    for (const nonsense of ['', 'GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100)]) {
      const socket = connect(socketPath)
      socket.end(nonsense)
      assert.ok((await buffer(socket)).length > 0)
    }
    assert.equal((await memoryProcessProvider({ socketPath })).name, 'memory')
  })
})
