import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { Call, CreateRequest, Provider } from '../provider.ts'
import { qemuProvider } from './index.ts'

// What needs a real QEMU is in test/peers/qemu.test.ts.
describe('QEMU provider, before any machine runs', () => {
  let folder = ''
  let stateDir = ''
  let provider: Provider
  let request: CreateRequest
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-qemu-'))
    stateDir = join(folder, 'state')
    await mkdir(join(folder, 'linux'))
    await writeFile(join(folder, 'linux', 'kernel'), 'x')
    provider = qemuProvider({ stateDir, images: [{ path: join(folder, 'linux') }] })
    const [image] = await provider.images(call())
    const [size] = await provider.sizes(call())
    assert.ok(image && size)
    const spec = { publicKeys: [], variables: {}, files: [], labels: {} }
    const plan = { provider: 'qemu', deliveries: [], warnings: [] }
    request = { id: randomUUID(), image, size, spec, plan, offers: [] }
  })
  after(() => rm(folder, { recursive: true }))

  const refuses = async (change: Partial<CreateRequest>, code: ErrorCode) => {
    await assert.rejects(provider.create({ ...request, ...change }, call()), (error) => isCloudError(error, code))
    assert.deepEqual(await readdir(stateDir).catch(() => []), [])
  }

  it('refuses what it cannot make, and leaves nothing of it', async () => {
    await refuses({ id: '../../etc' }, 'invalid')
    await refuses({ image: { ...request.image, remoteId: 'gone' } }, 'not-found')
    await refuses({ offers: [{ method: 'injection', files: new Map() }] }, 'unsupported')
  })

  it('takes a machine that was made ready but never started for none, and deletes it', async () => {
    const id = randomUUID()
    await mkdir(join(stateDir, id), { recursive: true })
    await writeFile(join(stateDir, id, 'machine.json'), JSON.stringify({ id }))
    assert.equal(await provider.find(id, call()), undefined)
    assert.deepEqual(await provider.list(call()), [])
    await provider.delete(id, call())
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('deletes an image that was saved, unless a machine needs it', async () => {
    const [imageId, machineId] = [randomUUID(), randomUUID()]
    const [saved, machine] = [join(stateDir, 'saved', imageId), join(stateDir, machineId)]
    await mkdir(saved, { recursive: true })
    await writeFile(join(saved, 'image.json'), JSON.stringify({ id: imageId, title: 'Saved', project: 'p' }))
    await mkdir(machine)
    const deleting = () => provider.deleteImage?.(imageId, call()) ?? Promise.reject(new Error('it deletes none'))
    const needing = [
      { kind: 'disk', path: join(saved, 'disk.qcow2'), format: 'qcow2' },
      { kind: 'kernel', kernel: join(saved, 'kernel'), commandLine: '' },
    ]
    for (const source of needing) {
      await writeFile(join(machine, 'machine.json'), JSON.stringify({ id: machineId, source }))
      await assert.rejects(
        deleting(),
        (error) => isCloudError(error, 'conflict') && error.message.includes(`instance ${machineId}`),
      )
    }
    assert.deepEqual(await readdir(saved), ['image.json'])
    await provider.delete(machineId, call())
    await deleting()
    await deleting()
    assert.deepEqual(await readdir(join(stateDir, 'saved')), [])
    await rm(join(stateDir, 'saved'), { recursive: true })
  })

  it('deletes no image that is for all', async () => {
    await assert.rejects(
      async () => provider.deleteImage?.('linux', call()),
      (error) => isCloudError(error, 'unsupported'),
    )
    assert.equal((await provider.images(call())).length, 1)
  })

  it('takes a machine whose process is gone for inactive, even if its pid is now of another program', async () => {
    const id = randomUUID()
    await mkdir(join(stateDir, id), { recursive: true })
    await writeFile(join(stateDir, id, 'machine.json'), JSON.stringify({ id }))
    await writeFile(join(stateDir, id, 'console.log'), 'it once ran')
    await writeFile(join(stateDir, id, 'pid'), `${process.pid}\n`)
    const found = await provider.find(id, call())
    assert.equal(found?.state, 'inactive')
    assert.match(found.network?.nics[0]?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/)
    assert.deepEqual(await provider.console?.(id, 3, call()), { text: 'once ran', next: 11 })
    for (const action of ['stop', 'restart', 'suspend', 'resume'] as const)
      await assert.rejects(provider.act(id, action, call()), (error) => isCloudError(error, 'conflict'))
    await provider.delete(id, call())
    assert.deepEqual(await readdir(stateDir), [])
  })
})

function call(): Call {
  return { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 }
}
