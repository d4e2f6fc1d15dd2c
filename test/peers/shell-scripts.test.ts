import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { need } from './need.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SCRIPTS = ['.ci/run', 'bin/bellhop', 'scripts/*.sh', 'test/peers/*/*.sh', 'examples/*.sh']

for (const pattern of SCRIPTS)
  it(`shellcheck finds no fault with ${pattern}`, (t) => {
    if (!need(t, 'shellcheck', 'shellcheck')) return
    const scripts = globSync(pattern, { cwd: ROOT })
    assert.ok(scripts.length > 0)
    assert.equal(execFileSync('shellcheck', scripts, { cwd: ROOT, encoding: 'utf8' }), '')
  })
