import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it } from 'node:test'
import { DISKS, type DiskFormat } from '../../src/disks/index.ts'
import { writeVfat } from '../../src/disks/vfat/write.ts'
import type { FileEntry, Files } from '../../src/model/files.ts'
import { hardFiles } from '../conformance/disk-files.ts'
import { need } from './need.ts'

const folder = mkdtempSync(join(tmpdir(), 'bellhop-disks-'))
after(() => rmSync(folder, { recursive: true }))

// mtools reads no configuration of the user's, and names as UTF-8.
const ENVIRONMENT = { ...process.env, LC_ALL: 'C.UTF-8', MTOOLSRC: '/dev/null' }
const LABELS: Readonly<Record<DiskFormat, readonly string[]>> = {
  iso: ['config-2', 'cidata', 'CONTEXT', '_STRATUSLAB', 'a label of thirty-two characters'],
  vfat: ['config-2', 'cidata', 'CIDATA', '_CLOUD_INIT'],
}
const TYPES: Readonly<Record<DiskFormat, string>> = { iso: 'iso9660', vfat: 'vfat' }

function run(program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
}

function saved(name: string, image: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, image)
  return path
}

function assertExtracted(target: string, files: Files, withModes: boolean): void {
  const found = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(target, join(entry.parentPath, entry.name)))
  assert.deepEqual(found.toSorted(), [...files.keys()].toSorted())
  for (const [path, { bytes, mode = 0o644 }] of files) {
    const extracted = join(target, path)
    assert.ok(readFileSync(extracted).equals(bytes), path)
    if (withModes) assert.equal(statSync(extracted).mode & 0o7777, mode, path)
  }
}

/** Files in folders nine deep, so many that directories and path tables have several sectors. */
function manyFiles(count: number): Files {
  const files = new Map<string, FileEntry>()
  for (let i = 0; i < count; i++) {
    const path = `${i % 10}/${i % 7}/folder-${i % 30}/d/e/f/g/h/file number ${i}.txt`
    files.set(path, { bytes: Buffer.from(`${i}\n`.repeat(i % 50)) })
  }
  return files
}

// mtools knows no surrogate pairs and shows "__" for them.
function filesForMtools(): Files {
  return new Map([...hardFiles()].filter(([path]) => !/[\ud800-\udfff]/.test(path)))
}

for (const format of Object.keys(LABELS) as DiskFormat[])
  it(`blkid knows our ${format} by its label`, (t) => {
    if (!need(t, 'blkid', 'util-linux')) return
    for (const label of LABELS[format]) {
      const path = saved(`label.${format}`, DISKS[format].write(hardFiles(), { label }))
      const shown = run('blkid', '-p', '-o', 'export', path).split('\n')
      assert.ok(shown.includes(`TYPE=${TYPES[format]}`), shown.join('\n'))
      assert.ok(
        shown.some((line) => line.replaceAll('\\', '') === `LABEL=${label}`),
        shown.join('\n'),
      )
    }
  })

describe('our ISO 9660', () => {
  for (const [what, files] of [
    ['all that disks find hard', hardFiles()],
    ['many files', manyFiles(8000)],
    ['nothing', new Map()],
  ] as const)
    it(`is extracted by xorriso, byte by byte, with modes: ${what}`, (t) => {
      if (!need(t, 'xorriso', 'xorriso')) return
      const image = saved('xorriso.iso', DISKS.iso.write(files, { label: 'config-2' }))
      const target = join(folder, `xorriso, ${what}`)
      mkdirSync(target)
      run('xorriso', '-osirrox', 'on', '-return_with', 'WARNING', '32', '-indev', image, '-extract', '/', target)
      assertExtracted(target, files, true)
    })

  it('is whole to isoinfo in all three sets of names', (t) => {
    if (!need(t, 'isoinfo', 'genisoimage')) return
    const files = hardFiles()
    const image = saved('isoinfo.iso', DISKS.iso.write(files, { label: 'config-2' }))
    const about = run('isoinfo', '-d', '-i', image)
    assert.match(about, /^Volume id: config-2$/m)
    assert.match(about, /^Joliet with UCS level 3 found$/m)
    assert.match(about, /^Rock Ridge signatures version 1 found$/m)
    const folders = new Set(
      [...files.keys()].flatMap((path) => path.split('/').map((_, i, names) => names.slice(0, i).join('/'))),
    )
    folders.delete('')
    for (const names of [[], ['-R'], ['-J']]) {
      const listed = run('isoinfo', ...names, '-f', '-i', image)
        .trimEnd()
        .split('\n')
      assert.equal(new Set(listed).size, files.size + folders.size, names.join(' '))
    }
    // Which bytes a reader without extensions gets.
    for (const path of ['every-byte', 'sizes/2049', 'sizes/100000']) {
      const plain = `/${path.toUpperCase().replaceAll('-', '_')}.;1`
      const bytes = execFileSync('isoinfo', ['-i', image, '-x', plain], { maxBuffer: 1024 ** 2 })
      assert.ok(bytes.equals(files.get(path)?.bytes ?? Buffer.alloc(0)), path)
    }
  })
})

describe('our VFAT', () => {
  for (const type of ['FAT12', 'FAT16', 'FAT32'] as const)
    for (const [what, files] of [
      ['all that disks find hard', filesForMtools()],
      ['many files', manyFiles(2000)],
      ['nothing', new Map()],
    ] as const)
      it(`${type} is clean to fsck.vfat and copied by mtools, byte by byte: ${what}`, (t) => {
        if (!need(t, 'fsck.vfat', 'dosfstools') || !need(t, 'mcopy', 'mtools')) return
        const image = saved(`${type}.img`, writeVfat(files, { label: 'config-2', type }))
        // Unlike an exit code, this shows warnings too.
        const checked = spawnSync('fsck.vfat', ['-n', image], { encoding: 'utf8', env: ENVIRONMENT })
        assert.match(checked.stdout, /^fsck\.fat [^\n]+\n[^\n]+: \d+ files, \d+\/\d+ clusters\n$/)
        assert.equal(checked.status, 0)
        assert.match(run('mdir', '-i', image, '::'), /Volume in drive : is config-2 /)
        if (files.size === 0) return
        const target = join(folder, `${type}, ${what}`)
        mkdirSync(target)
        run('mcopy', '-s', '-n', '-i', image, '::*', target)
        assertExtracted(target, files, false)
      })

  it('of over 256 MiB is FAT32, and clean', (t) => {
    if (!need(t, 'fsck.vfat', 'dosfstools')) return
    const files = new Map([['large', { bytes: new Uint8Array(257 * 1024 ** 2) }]])
    const image = saved('large.img', DISKS.vfat.write(files, { label: 'config-2' }))
    assert.match(run('fsck.vfat', '-n', '-v', image), /32 bit entries|FATs, 32 bit/)
  })
})
