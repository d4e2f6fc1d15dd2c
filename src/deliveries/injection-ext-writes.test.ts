import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { FileEntry } from '../model/files.ts'
import type { Inode } from './injection-debugfs.ts'
import { keptNames, toWrites, type Found } from './injection-ext-writes.ts'

const FOLDER: Inode = { type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 4096, links: 2, flags: 0 }
const FILE: Inode = { type: 'regular', mode: 0o644, uid: 0, gid: 0, sizeBytes: 3, links: 1, flags: 0 }
const LABEL = Buffer.from('system_u:object_r:etc_t:s0\0')

const known = (more: Readonly<Record<string, Inode | undefined>> = {}) =>
  new Map<string, Inode | undefined>(Object.entries({ '/': FOLDER, '/etc': FOLDER, ...more }))
const wanted = (path: string, more: Partial<FileEntry> = {}, found: Partial<Found> = {}) =>
  new Map([[path, { entry: { bytes: Buffer.from('new'), ...more }, ...found }]])

describe('what is to be written', () => {
  it('are the folders that lack, from the root down, once, and the files with their labels', () => {
    const files = new Map([
      ...wanted('/a/b/one', {}, { label: LABEL }),
      ...wanted('/a/two', { mode: 0o4711, uid: 7, gid: 8 }),
    ])
    const { folders, files: written } = toWrites(known(), files, 'refuse')
    assert.deepEqual(
      folders.map(({ path }) => path),
      ['/a', '/a/b'],
    )
    assert.deepEqual(
      written.map(({ path, mode, uid, gid, was, label }) => [path, mode, uid, gid, was, label]),
      [
        ['/a/b/one', 0o644, 0, 0, 'new', LABEL],
        ['/a/two', 0o4711, 7, 8, 'new', undefined],
      ],
    )
  })

  it('is nothing where the very same is there', () => {
    const same = { isSame: true }
    const wasOf = (more: Partial<FileEntry>) =>
      toWrites(known({ '/etc/x': FILE }), wanted('/etc/x', more, same), 'replace').files[0]?.was
    assert.equal(wasOf({}), 'unchanged')
    assert.equal(wasOf({ mode: 0o600 }), 'replaced')
    assert.equal(wasOf({ uid: 5 }), 'replaced')
  })

  it('never takes the place of another file unless that is asked for, and then by a name that is free', () => {
    const [first = '', second = ''] = keptNames('/etc/x')
    const there = known({ '/etc/x': FILE, [first]: FILE, [second]: undefined })
    assert.throws(
      () => toWrites(there, wanted('/etc/x'), 'refuse'),
      (error) => isCloudError(error, 'conflict'),
    )
    assert.equal(toWrites(there, wanted('/etc/x'), 'keep').files[0]?.keptAs, second)
    assert.equal(toWrites(there, wanted('/etc/x'), 'replace').files[0]?.was, 'replaced')
    const full = known({ '/etc/x': FILE, ...Object.fromEntries(keptNames('/etc/x').map((name) => [name, FILE])) })
    assert.throws(
      () => toWrites(full, wanted('/etc/x'), 'keep'),
      (error) => isCloudError(error, 'conflict'),
    )
  })

  const REFUSED: Readonly<Record<string, readonly [ErrorCode, Readonly<Record<string, Inode>>, Partial<FileEntry>?]>> =
    {
      'a folder has the name': ['conflict', { '/etc/x': FOLDER }],
      'a symbolic link has the name': ['conflict', { '/etc/x': { ...FILE, type: 'symlink', target: '/run/x' } }],
      'a device has the name': ['conflict', { '/etc/x': { ...FILE, type: 'character special' } }],
      'the folder is encrypted': ['unsupported', { '/etc': { ...FOLDER, flags: 0x8_0800 } }],
      'the folder knows no case': ['unsupported', { '/etc': { ...FOLDER, flags: 0x4000_0000 } }],
      'the mode is none': ['invalid', {}, { mode: 0o100_644 }],
      'the owner is none': ['invalid', {}, { uid: -1 }],
    }
  for (const [what, [code, more, entry]] of Object.entries(REFUSED))
    it(`is refused where ${what}, whatever the rule`, () => {
      for (const rule of ['refuse', 'keep', 'replace'] as const)
        assert.throws(
          () => toWrites(known(more), wanted('/etc/x', entry), rule),
          (error) => isCloudError(error, code),
        )
    })

  it('is refused where a file must be a folder of others', () => {
    const files = new Map([...wanted('/etc/x'), ...wanted('/etc/x/y')])
    assert.throws(
      () => toWrites(known(), files, 'refuse'),
      (error) => isCloudError(error, 'conflict'),
    )
  })
})
