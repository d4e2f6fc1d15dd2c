import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { placesIn, readImages } from './images.ts'

describe('QEMU images', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-images-'))
    const qcow2 = Buffer.from('QFI\xfb\0\0\0\x03', 'latin1')
    for (const name of ['Debian 12.qcow2', 'forged.raw', 'guessed.img']) await writeFile(join(folder, name), qcow2)
    for (const name of ['debian-12.img', 'notes.txt']) await writeFile(join(folder, name), 'plain')
    await mkdir(join(folder, 'empty'))
    await mkdir(join(folder, 'linux'))
    for (const name of ['kernel', 'initrd']) await writeFile(join(folder, 'linux', name), 'x')
    await writeFile(join(folder, 'linux', 'cmdline'), 'console=ttyS0\n')
    await mkdir(join(folder, 'whole'))
    await writeFile(join(folder, 'whole', 'kernel'), 'x')
    await writeFile(join(folder, 'whole', 'disk.qcow2'), qcow2)
    await mkdir(join(folder, 'bare'))
    await writeFile(join(folder, 'bare', 'kernel'), 'x')
  })
  after(() => rm(folder, { recursive: true }))

  it('are the disk images and kernels of a folder, and nothing else in it', async () => {
    const found = await readImages('qemu', await placesIn(folder))
    assert.deepEqual(
      found.map(({ image }) => [image.name, image.remoteId, image.title]),
      [
        ['qemu-debian-12', 'Debian 12.qcow2', 'Debian 12'],
        ['qemu-bare', 'bare', 'bare'],
        ['qemu-debian-12-img', 'debian-12.img', 'debian-12'],
        ['qemu-forged', 'forged.raw', 'forged'],
        ['qemu-guessed', 'guessed.img', 'guessed'],
        ['qemu-linux', 'linux', 'linux'],
        ['qemu-whole', 'whole', 'whole'],
      ],
    )
  })

  it('have the format that their name says; only .img is looked into', async () => {
    const sources = new Map(
      (await readImages('qemu', await placesIn(folder))).map((each) => [each.image.remoteId, each.source]),
    )
    const formatOf = (remoteId: string) => {
      const source = sources.get(remoteId)
      return source?.kind === 'disk' ? source.format : undefined
    }
    assert.deepEqual(['Debian 12.qcow2', 'forged.raw', 'guessed.img', 'debian-12.img'].map(formatOf), [
      'qcow2',
      'raw',
      'qcow2',
      'raw',
    ])
    const [kernel, initrd] = [join(folder, 'linux', 'kernel'), join(folder, 'linux', 'initrd')]
    assert.deepEqual(sources.get('linux'), { kind: 'kernel', kernel, initrd, commandLine: 'console=ttyS0' })
    assert.deepEqual(sources.get('bare'), { kind: 'kernel', kernel: join(folder, 'bare', 'kernel'), commandLine: '' })
    const disk = { path: join(folder, 'whole', 'disk.qcow2'), format: 'qcow2' }
    const whole = { kind: 'kernel', kernel: join(folder, 'whole', 'kernel'), commandLine: '', disk }
    assert.deepEqual(sources.get('whole'), whole)
  })

  it('may be named otherwise than their place, and one that is not there is none', async () => {
    const found = await readImages('local', [
      { path: join(folder, 'linux'), id: 'demo-guest' },
      { path: join(folder, 'gone.qcow2') },
    ])
    assert.deepEqual(
      found.map(({ image }) => image),
      [{ name: 'local-demo-guest', provider: 'local', remoteId: 'demo-guest', title: 'demo-guest' }],
    )
  })

  it('are refused with a reason where the folder is not there', async () => {
    await assert.rejects(placesIn(join(folder, 'nowhere')), (error) => isCloudError(error, 'unavailable'))
  })
})
