import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { normalisePath } from './metadata-path.ts'

describe("a target's path", () => {
  const PATHS: Readonly<Record<string, string | undefined>> = {
    '/': '',
    '//': '',
    '/latest': 'latest',
    '/latest/': 'latest',
    '//latest//user-data': 'latest/user-data',
    '/a/b/../c': 'a/c',
    '/a/./b': 'a/b',
    '/..': '',
    '/../../a': 'a',
    '/a%2Fb': 'a/b',
    '/a/%2e%2e/b': 'b',
    '/%252e': '%2e',
    '/a?b/../c': 'a',
    '/a#b': 'a',
    '/...': '...',
    '/a b': 'a b',
    '/%C3%BC': 'ü',
    'http://169.254.169.254/a': 'a',
    'HTTP://[fd00:ec2::254]:80/a/': 'a',
    'http://169.254.169.254': '',
    'http://169.254.169.254?x': '',
    '': undefined,
    '*': undefined,
    a: undefined,
    '?a': undefined,
    '169.254.169.254:80': undefined,
    'ftp://x/a': undefined,
    '/%': undefined,
    '/%ff': undefined,
  }
  for (const [target, path] of Object.entries(PATHS))
    it(`of ${JSON.stringify(target)} is ${JSON.stringify(path)}`, () => assert.equal(normalisePath(target), path))

  it('is what a file system would make of it', () => {
    const name = fc.constantFrom('a', 'user-data', '.', '..', '', '0=x', '...', '.a')
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
        const target = `/${names.join('/')}`
        assert.equal(`/${normalisePath(target)}`, posix.resolve(target))
      }),
    )
  })

  it('is itself once it was normalised, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const path = normalisePath(text)
        if (path !== undefined && !/[%?#]/.test(path)) assert.equal(normalisePath(`/${path}`), path)
      }),
    )
  })
})
