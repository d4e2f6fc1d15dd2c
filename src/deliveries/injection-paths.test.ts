import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { textFile } from '../model/files.ts'
import type { Inode } from './injection-debugfs.ts'
import { checkPaths, parentOf, pathsTo, resolvePath, type Known } from './injection-paths.ts'

function inode(type: string, target?: string): Inode {
  return {
    type,
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    links: 1,
    flags: 0,
    ...(target === undefined ? {} : { target }),
  }
}

/** An image, in which all that is not listed is not there. */
function image(entries: Readonly<Record<string, Inode>>): Known {
  const known = new Map<string, Inode | undefined>(Object.entries(entries))
  return { has: () => true, get: (path) => known.get(path) }
}

const GUEST = image({
  '/var': inode('directory'),
  '/var/run': inode('symlink', '/run'),
  '/var/up': inode('symlink', '../../../../run/./deep//'),
  '/var/lost': inode('symlink', '/gone/../run'),
  '/var/long': inode('symlink'),
  '/var/a': inode('symlink', 'b'),
  '/var/b': inode('symlink', 'a'),
  '/var/file': inode('regular'),
  '/run': inode('directory'),
})

describe('a path in an image', () => {
  for (const [path, real] of [
    ['/var/lib/x', '/var/lib/x'],
    ['/var/run/x', '/run/x'],
    ['/var/up/x', '/run/deep/x'],
    ['/var/run', '/var/run'],
    ['/new/folder/x', '/new/folder/x'],
  ] as const)
    it(`leads where the guest would come to, and never out of the image: ${path}`, () => {
      assert.deepEqual(resolvePath(path, GUEST), { path: real })
    })

  for (const [path, code] of [
    ['/var/file/x', 'conflict'],
    ['/var/a/x', 'unsupported'],
    ['/var/long/x', 'unsupported'],
    ['/var/lost/x', 'unsupported'],
  ] as const satisfies readonly (readonly [string, ErrorCode])[])
    it(`is refused where it leads nowhere: ${path}`, () => {
      assert.throws(
        () => resolvePath(path, GUEST),
        (error) => isCloudError(error, code),
      )
    })

  it('asks first for what is not known', () => {
    const known = new Map([['/var', inode('directory')]])
    assert.deepEqual(resolvePath('/var/lib/x', known), { unknown: '/var/lib' })
  })

  it('has folders above it', () => {
    assert.deepEqual(pathsTo('/a/b c'), ['/', '/a', '/a/b c'])
    assert.deepEqual(['/a/b', '/a', '/'].map(parentOf), ['/a', '/', '/'])
  })
})

describe('names that are refused', () => {
  for (const path of ['/etc/x', '../x', 'a/../x', 'a//x', 'a"b', 'a\nb', 'a\u0000b', 'a\u007fb', 'x'.repeat(256), ''])
    it(JSON.stringify(path.slice(0, 20)), () => {
      assert.throws(
        () => checkPaths(new Map([[path, textFile('x')]])),
        (error) => isCloudError(error, 'invalid'),
      )
    })

  it('are not those with spaces, back-slashes, signs and letters of any kind', () => {
    checkPaths(
      new Map(['etc/a b', "it's", 'a\\b', '<12>', '#x', 'grüß', '漢字', '$(x)'].map((path) => [path, textFile('')])),
    )
  })
})
