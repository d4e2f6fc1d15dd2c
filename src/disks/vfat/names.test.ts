import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { toTree, type FolderNode } from '../tree.ts'
import { aliasesOf, checkNames } from './names.ts'

function folderOf(...paths: readonly string[]): FolderNode {
  return toTree(new Map(paths.map((path) => [path, { bytes: new Uint8Array(0) }])))
}

describe("VFAT's 8.3 names", () => {
  it('are the name in upper case where it fits, else cut and numbered', () => {
    const folder = folderOf('README', 'lower.txt', 'user-data', 'user-data2', 'meta_data.json', 'conf.d/x', '.ssh/y')
    const aliases = aliasesOf(folder.children)
    assert.deepEqual(Object.fromEntries(folder.children.map(({ name }, i) => [name, aliases[i]])), {
      README: 'README     ',
      'lower.txt': 'LOWER   TXT',
      'user-data': 'USER-D~1   ',
      'user-data2': 'USER-D~2   ',
      'meta_data.json': 'META_D~1JSO',
      'conf.d': 'CONF    D  ',
      '.ssh': 'SSH~1      ',
    })
  })

  it('have "_" for what 8.3 forbids, and leave out blanks and inner full stops', () => {
    const folder = folderOf('a+b', 'a b.c d', 'a.b.c', '日本', '...x', 'ß', 'ss', '+.+')
    const aliases = aliasesOf(folder.children)
    assert.deepEqual(Object.fromEntries(folder.children.map(({ name }, i) => [name, aliases[i]])), {
      'a+b': 'A_B~1      ',
      'a b.c d': 'AB~1    CD ',
      'a.b.c': 'AB~1    C  ',
      日本: '__~1       ',
      '...x': 'X~1        ',
      ß: 'SS~1       ',
      ss: 'SS         ',
      '+.+': '_~1     _  ',
    })
  })

  it('never take the 8.3 name that a file was given', () => {
    const folder = folderOf('user-d~1', 'user-data')
    // The folder's order is user-data, user-d~1.
    assert.deepEqual(aliasesOf(folder.children), ['USER-D~2   ', 'USER-D~1   '])
  })
})

describe('names that VFAT cannot write', () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    'has "?" in its name': ['a?b'],
    'has "*" in its name': ['*'],
    'has ":" in its name': ['a:'],
    'has "\\\\" in its name': ['a\\b'],
    'has "\\n" in its name': ['a\nb'],
    'ends in a full stop or a blank': ['a.'],
    'ends in a full stop or a blank, which': ['a '],
    'and "A" differ by case alone': ['a', 'A'],
    'and "Ä" differ by case alone': ['ä/x', 'Ä'],
  }
  for (const [message, paths] of Object.entries(refused))
    it(`are refused: ${paths.map((path) => JSON.stringify(path)).join(' and ')}`, () => {
      assert.throws(
        () => checkNames(folderOf(...paths)),
        (error) => isCloudError(error, 'invalid') && error.message.includes(message) && error.message.startsWith('"'),
      )
    })
})
