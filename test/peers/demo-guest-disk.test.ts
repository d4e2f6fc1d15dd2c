import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { DISKS } from '../../src/disks/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { boot, needQemu, openQemu, serveMetadata, untilEnded } from './demo-guest.ts'

const SCRIPT = '#!/bin/sh\ncd /run/disk && find . -type f -exec sha256sum {} +\n'
const META_DATA = textFile('{"uuid": "x", "hostname": "guest-1"}')

// Names and contents that a mapping could spoil: long, mixed case, not ASCII, deep, empty, larger than a cluster.
const ODD_FILES: Files = new Map([
  ['openstack/content/0000', { bytes: createHash('shake256', { outputLength: 300_001 }).update('x').digest() }],
  ['openstack/latest/vendor_data2.json', textFile('{}')],
  ['a/b/c/d/e/f/deep', textFile('deep')],
  ['empty', textFile('')],
  ['README.Txt', textFile('mixed case')],
  ['name with spaces, and a comma', textFile('spaces')],
  ['größe-日本.json', textFile('not ASCII')],
  [`${'long-name-'.repeat(12)}.json`, textFile('long')],
])

describe('demo guest, by disk', () => {
  for (const format of ['iso', 'vfat'] as const) {
    it(`mounts our ${format} and finds every byte of every file in it`, async (t) => {
      if (!needQemu(t)) return
      const files = configDrive(SCRIPT, ODD_FILES)
      const { provider } = await openQemu(t)
      const image = DISKS[format].write(files, { label: 'config-2' })
      const { told, text } = await untilEnded(provider, await boot(provider, [{ method: 'disk', image, format }]))

      const digest = sha256(Buffer.from(SCRIPT))
      const path = 'openstack/latest/user_data'
      assert.deepEqual(told, [
        { stage: 'fetched', method: 'disk', path, bytes: SCRIPT.length, sha256: digest },
        { stage: 'applied', method: 'disk', exitCode: 0, sha256: digest },
      ])
      const lines = text.matchAll(/^user-data: ([0-9a-f]{64}) {2}\.\/([^\r\n]+)/gm)
      const seen = new Map([...lines].map(([, digest, path]) => [path, digest]))
      assert.deepEqual(seen, new Map([...files].map(([path, { bytes }]) => [path, sha256(bytes)])))
    })
  }

  it('reads NoCloud where a disk has nothing else, and looks only where it is told to', async (t) => {
    if (!needQemu(t)) return
    const server = await serveMetadata(t, { '/openstack/latest/meta_data.json': '{}' })
    const { provider } = await openQemu(t, { kernelArguments: 'bellhop.by=disk' })
    const files: Files = new Map([
      ['meta-data', META_DATA],
      ['user-data', textFile('#!/bin/sh\nexit 3\n')],
    ])
    const image = DISKS.vfat.write(files, { label: 'cidata' })
    const { socketPath } = server
    const id = await boot(provider, [
      { method: 'metadata', socketPath },
      { method: 'disk', image, format: 'vfat' },
    ])
    const { told } = await untilEnded(provider, id)
    assert.deepEqual(
      told.map(({ stage, path, exitCode }) => [stage, path, exitCode]),
      [
        ['fetched', 'user-data', undefined],
        ['failed', undefined, 3],
      ],
    )
    assert.deepEqual(server.requests, [])
  })
})

function configDrive(userData: string, more: Files): Files {
  const always: Files = new Map([
    ['openstack/latest/meta_data.json', META_DATA],
    ['openstack/latest/user_data', textFile(userData)],
  ])
  return new Map([...always, ...more])
}
