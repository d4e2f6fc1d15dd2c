import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { toTree, type DiskNode } from '../tree.ts'
import { isoIdentifiers } from './identifiers.ts'
import { jolietIdentifiers } from './joliet.ts'

const EMPTY = { bytes: new Uint8Array(0) }

function childrenNamed(...paths: readonly string[]): readonly DiskNode[] {
  return toTree(new Map(paths.map((path) => [path, EMPTY]))).children
}

function mapped(identifiers: typeof isoIdentifiers, ...paths: readonly string[]): Record<string, string | undefined> {
  const children = childrenNamed(...paths)
  const names = identifiers.of(children)
  return Object.fromEntries(children.map(({ name }, i) => [name, names[i]]))
}

describe('names for readers without extensions', () => {
  it('are upper case, with a full stop and a version', () => {
    assert.deepEqual(mapped(isoIdentifiers, 'meta_data.json', 'user-data', 'README', 'conf.d/x', '.x.y', 'größe.ä'), {
      'meta_data.json': 'META_DATA.JSON;1',
      'user-data': 'USER_DATA.;1',
      README: 'README.;1',
      'conf.d': 'CONF_D',
      '.x.y': '_X.Y;1',
      'größe.ä': 'GR_SSE._;1',
    })
  })

  it('are told apart by a number where they would be the same', () => {
    assert.deepEqual(mapped(isoIdentifiers, 'a-b', 'a_b', 'A_B', 'a+b/x'), {
      A_B: 'A_B.;1',
      'a+b': 'A_B_1',
      'a-b': 'A_B_2.;1',
      a_b: 'A_B_3.;1',
    })
  })

  it('have at most 31 characters, of those that ECMA-119 allows, and are all different', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'A', '-', '_', '.', 'ß', '9'), minLength: 2, maxLength: 60 })
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 40 }), (names) => {
        const identifiers = isoIdentifiers.of(childrenNamed(...names.filter((each) => each !== '..')))
        assert.equal(new Set(identifiers).size, identifiers.length)
        for (const identifier of identifiers) assert.match(identifier, /^(?=.{1,33}$)[A-Z0-9_]+\.[A-Z0-9_]{0,8};1$/)
      }),
    )
  })
})

describe("Joliet's names", () => {
  it('are as they are, where Joliet allows it', () => {
    assert.deepEqual(mapped(jolietIdentifiers, 'user-data', 'Größe 日本.txt', 'conf.d/x', '.ssh/y'), {
      'user-data': 'user-data;1',
      'Größe 日本.txt': 'Größe 日本.txt;1',
      'conf.d': 'conf.d',
      '.ssh': '.ssh',
    })
  })

  it('have "_" for what Joliet forbids', () => {
    assert.deepEqual(mapped(jolietIdentifiers, 'a:b?*;\\.t', 'a_b____.t'), {
      'a:b?*;\\.t': 'a_b____~1.t;1',
      'a_b____.t': 'a_b____.t;1',
    })
  })

  it('are cut to 64 UTF-16 units before their extension, and told apart', () => {
    const stem = 'x'.repeat(100)
    assert.deepEqual(Object.values(mapped(jolietIdentifiers, `${stem}1.json`, `${stem}2.json`, `${stem}/y`)), [
      'x'.repeat(64),
      `${'x'.repeat(59)}.json;1`,
      `${'x'.repeat(57)}~1.json;1`,
    ])
  })
})
