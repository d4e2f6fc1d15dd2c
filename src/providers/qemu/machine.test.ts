import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { isFolderId } from './folders.ts'
import { machineFolders, type Machine } from './machine.ts'

const ID = '6c1f3c6e-0d5f-4c64-9a53-6f6f5b1f2a10'
const OTHER_ID = '00000000-0000-4000-8000-000000000001'
const MACHINE: Machine = {
  id: ID,
  source: { kind: 'disk', path: '/images/a, b.qcow2', format: 'qcow2' },
  cores: 1,
  memoryMiB: 256,
  seed: 'iso',
  metadataSocketPath: '/run/ü.sock',
}

describe('machine folders', () => {
  let stateDir = ''
  before(async () => (stateDir = await mkdtemp(join(tmpdir(), 'bellhop-machines-'))))
  after(() => rm(stateDir, { recursive: true }))

  it('keep a machine as it was written, closed to others, until it is removed', async () => {
    const folders = machineFolders(stateDir)
    await folders.add(MACHINE, (folder) => writeFile(join(folder, 'seed.img'), 'seed'))
    assert.deepEqual(await machineFolders(stateDir).read(ID), MACHINE)
    assert.deepEqual(await readdir(folders.path(ID)), ['machine.json', 'seed.img'])
    assert.equal((await stat(folders.path(ID))).mode & 0o777, 0o700)
    assert.deepEqual(await folders.ids(), [ID])
    await folders.remove(ID)
    await folders.remove(ID)
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('are made once, whoever makes the same machine again or at the same time', async () => {
    const folders = machineFolders(stateDir)
    const add = (cores: number) =>
      folders.add({ ...MACHINE, cores }, (folder) => writeFile(join(folder, 'seed.img'), `${cores}`))
    await Promise.all([1, 2, 3].map(add))
    await add(4)
    const { cores } = (await folders.read(ID)) ?? {}
    assert.equal(await readFile(folders.path(ID, 'seed'), 'utf8'), `${cores}`)
    assert.deepEqual(await readdir(stateDir), [ID])
    await folders.remove(ID)
  })

  it('leave nothing of a machine that could not be made, and what a killed maker left goes with the machine', async () => {
    const folders = machineFolders(stateDir)
    await assert.rejects(
      folders.add(MACHINE, () => Promise.reject(new Error('no space'))),
      /no space/,
    )
    assert.deepEqual(await readdir(stateDir), [])
    await mkdir(`${folders.path(ID)}.new.a1B2c3`)
    assert.deepEqual(await folders.ids(), [])
    await folders.remove(ID)
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('are none where nothing was written yet, and other files beside them are left alone', async () => {
    assert.deepEqual(await machineFolders(join(stateDir, 'not', 'yet')).ids(), [])
    await writeFile(join(stateDir, 'README'), '')
    assert.deepEqual(await machineFolders(stateDir).ids(), [])
  })

  it('never lead out of their folder', async () => {
    for (const id of ['..', '../x', '', '.', `${ID}/..`, ID.toUpperCase(), `${ID}\n`, 'a'.repeat(36)]) {
      assert.ok(!isFolderId(id), JSON.stringify(id))
      assert.equal(await machineFolders(stateDir).read(id), undefined)
    }
  })

  it('name the file that cannot be read', async () => {
    const folders = machineFolders(stateDir)
    await mkdir(folders.path(OTHER_ID))
    await writeFile(folders.path(OTHER_ID, 'machine'), '{"id":')
    await assert.rejects(folders.read(OTHER_ID), (error) => {
      return isCloudError(error, 'provider-failed') && error.message.includes('machine.json')
    })
  })
})
