import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, open as openFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
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

  it('puts another disk in the place of the one that a machine was made with, and in no other place', async () => {
    const [id, bare] = [randomUUID(), randomUUID()]
    for (const [machine, seed] of [
      [id, { seed: 'iso' }],
      [bare, {}],
    ] as const) {
      await mkdir(join(stateDir, machine), { recursive: true })
      await writeFile(join(stateDir, machine, 'machine.json'), JSON.stringify({ id: machine, ...seed }))
      await writeFile(join(stateDir, machine, 'console.log'), 'it once ran')
    }
    const seed = join(stateDir, id, 'seed.img')
    await writeFile(seed, 'former')
    // QEMU, were it running, would have this one open.
    await using open = await openFile(seed)
    const disk = { method: 'disk', format: 'vfat', image: Buffer.from('new') } as const
    for (const _ of ['once', 'again']) await provider.renewDisk?.(id, disk, call())
    assert.equal(await readFile(seed, 'utf8'), 'new')
    assert.equal((await stat(seed)).mode & 0o777, 0o600)
    assert.equal(await open.readFile('utf8'), 'former')
    const machine = JSON.parse(await readFile(join(stateDir, id, 'machine.json'), 'utf8')) as { readonly seed: string }
    assert.equal(machine.seed, 'vfat')
    for (const [each, code] of [
      [bare, 'unsupported'],
      [randomUUID(), 'not-found'],
    ] as const)
      await assert.rejects(
        async () => provider.renewDisk?.(each, disk, call()),
        (error) => isCloudError(error, code),
      )
    assert.deepEqual((await readdir(join(stateDir, bare))).toSorted(), ['console.log', 'machine.json'])
    for (const each of [id, bare]) await provider.delete(each, call())
  })

  it('expects the sign of a guest as soon as its accelerator lets it, and an emulated one as long as nobody knows', () => {
    const bounds = (['kvm', 'tcg', 'auto'] as const).map(
      (accel) => qemuProvider({ stateDir, accel }).capabilities.signWithinMs,
    )
    assert.deepEqual(bounds, [120_000, 300_000, 300_000])
  })
})

function call(): Call {
  return { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 }
}
