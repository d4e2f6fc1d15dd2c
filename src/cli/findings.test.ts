import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { DISKS, type DiskFormat } from '../disks/index.ts'
import { isCloudError } from '../model/errors.ts'
import { textFile } from '../model/files.ts'
import { sha256 } from '../model/digest.ts'
import { findingsText } from './findings-text.ts'
import { findingsOf, type DiskFindings } from './findings.ts'

async function ofDisk(files: Readonly<Record<string, string>>, label: string, format: DiskFormat = 'iso') {
  const tree = new Map(Object.entries(files).map(([path, text]) => [path, textFile(text)]))
  return asDisk(await findingsOf(DISKS[format].write(tree, { label }), 'disk'))
}

function asDisk(findings: Awaited<ReturnType<typeof findingsOf>>): DiskFindings {
  assert.ok(findings.kind === 'disk')
  return findings
}

const SEED = { 'meta-data': 'instance-id: web-1\nlocal-hostname: web1\n', 'user-data': '#!/bin/sh\n' }

describe('findingsOf', () => {
  it("tells all that is on a disk of Nova's", async () => {
    const gzipped = readFileSync(new URL('../disks/iso9660/testdata/nova-config-drive.iso.gz', import.meta.url))
    const found = asDisk(await findingsOf(gunzipSync(gzipped), 'disk'))
    assert.deepEqual([found.format, found.label, Object.keys(found.layouts)], ['iso', 'config-2', ['openstack', 'ec2']])
    const { userData, ...said } = found.layouts['openstack'] ?? assert.fail()
    assert.deepEqual(said, {
      instanceId: 'f1b09edf-b441-40d6-b24c-ec1e9206ea13',
      hostname: 'occi-test.novalocal',
      keys: ['alice'],
      variables: ['role'],
      files: ['/etc/ctx'],
    })
    assert.equal(userData?.format, 'script')
    assert.equal(found.layouts['ec2']?.instanceId, 'i-00000001')
    const meanings = new Map(found.files.map(({ path, what }) => [path, what]))
    for (const [path, what] of [
      ['openstack/latest/user_data', 'user data'],
      ['openstack/latest/meta_data.json', 'metadata'],
      ['openstack/latest/vendor_data2.json', 'vendor data'],
      ['openstack/latest/network_data.json', 'network'],
      ['openstack/content/0000', 'injected file'],
      ['ec2/2009-04-04/meta-data.json', 'metadata'],
    ] as const)
      assert.equal(meanings.get(path), what, path)
  })

  for (const [label, finds] of [
    ['cidata', true],
    ['CIDATA', true],
    ['config-2', false],
    ['Cidata', false],
  ] as const)
    it(`says that cloud-init ${finds ? 'finds' : 'does not find'} a NoCloud seed labelled ${label}`, async () => {
      for (const format of ['iso', 'vfat'] as const)
        assert.equal((await ofDisk(SEED, label, format)).guests.includes('cloud-init (NoCloud)'), finds)
    })

  it('says that nobody finds what is of no layout', async () => {
    const found = await ofDisk({ 'readme.txt': 'hello' }, 'config-2')
    assert.deepEqual([found.guests, found.layouts], [[], {}])
    assert.deepEqual(found.files, [{ path: 'readme.txt', sizeBytes: 5, what: 'other' }])
  })

  it('takes everything else for user data', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('#cloud-config\na: 1\n'), Buffer.alloc(100_000)]) {
      const found = await findingsOf(bytes, 'data')
      assert.ok(found.kind === 'user-data')
      assert.deepEqual([found.sizeBytes, found.sha256], [bytes.length, sha256(bytes)])
    }
  })

  it('refuses what is neither a disk nor could be user data', async () => {
    await assert.rejects(
      findingsOf(Buffer.alloc(8 * 1024 * 1024 + 1), 'debian.qcow2'),
      (error) => isCloudError(error, 'too-large') && error.message.startsWith('debian.qcow2 is 8388609 bytes'),
    )
  })

  it('refuses a disk with a broken layout, naming the file', async () => {
    await assert.rejects(
      ofDisk({ ...SEED, 'openstack/latest/meta_data.json': '{}' }, 'config-2'),
      (error) => isCloudError(error, 'invalid') && error.message.includes('openstack/latest/meta_data.json'),
    )
  })
})

describe('findingsText', () => {
  it('lines everything up, with the same user data once', async () => {
    const found = await ofDisk(
      { ...SEED, 'ec2/latest/meta-data.json': '{}', 'ec2/latest/user-data': '#!/bin/sh\n' },
      'cidata',
    )
    assert.equal(
      findingsText(found, 'seed.iso'),
      `seed.iso: ISO 9660 disk
  size      ${found.sizeBytes / 1024}.0 KiB
  label     cidata
  found by  cloud-init (NoCloud), CirrOS, HEPiX images, the demo guest

files
  meta-data                  40 B  metadata
  user-data                  10 B  user data
  ec2/latest/meta-data.json   2 B  metadata
  ec2/latest/user-data       10 B  user data

nocloud says
  instance id  web-1
  hostname     web1
  user data    10 B

ec2 says
  instance id  none
  hostname     none
  user data    10 B

user data in nocloud, ec2
  size        10 B
  SHA-256     ${sha256(Buffer.from('#!/bin/sh\n'))}
  format      script
  cloud-init  uses it`,
    )
  })

  it('says why, a line each, where cloud-init would not use the data', async () => {
    const text = findingsText(await findingsOf(Buffer.from('#!/bin/sh\n\xff', 'latin1'), 'x.sh'), 'x.sh')
    assert.match(text, /^ {2}cloud-init {2}ignores it\n {14}byte 11 is not UTF-8/m)
  })

  it('makes printable what a disk says', async () => {
    const found = await ofDisk({ ...SEED, 'meta-data': 'instance-id: "a\\e[31m\\ab\\nc"\n' }, 'cidata')
    assert.match(findingsText(found, 'disk'), /^ {2}instance id {2}a \[31m b c$/m)
  })
})
