import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { baseDir } from './base-dir.ts'

describe('baseDir', () => {
  it('follows the XDG variables, where they are absolute', () => {
    assert.equal(baseDir('state', { XDG_STATE_HOME: '/var/lib' }), '/var/lib/bellhop')
    assert.equal(baseDir('cache', { XDG_CACHE_HOME: '/var/cache' }), '/var/cache/bellhop')
    for (const set of ['', 'state', './state'])
      assert.equal(baseDir('state', { XDG_STATE_HOME: set }), join(homedir(), '.local/state/bellhop'))
    assert.equal(baseDir('cache', {}), join(homedir(), '.cache/bellhop'))
  })
})
