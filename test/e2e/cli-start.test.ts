import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BELLHOP } from './gateway.ts'
import { run } from './programs.ts'

const LOADED = fileURLToPath(new URL('loaded-packages.ts', import.meta.url))

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'bellhop-start-'))))
after(() => rm(folder, { recursive: true, force: true }))

describe('the start of a command', () => {
  for (const args of [['--version'], ['ls', '--help'], ['show', 'web1', '--url', 'http://127.0.0.1:1']])
    it(`loads no more than it needs: ${args.join(' ')}`, async () => {
      const env = { ...process.env, BELLHOP_TOKEN: 'none' }
      const { stderr } = await run(process.execPath, ['--import', LOADED, 'src/cli/main.ts', ...args], { env })
      const [loaded = ''] = stderr.trim().split('\n').slice(-1)
      assert.deepEqual(JSON.parse(loaded), ['commander'])
    })

  it('keeps compiled code where the user has such things, and does without such a place', async () => {
    const { NODE_COMPILE_CACHE: _, ...env } = process.env
    const kept = await run(BELLHOP, ['--version'], { env: { ...env, XDG_CACHE_HOME: folder } })
    assert.equal(kept.code, 0, kept.stderr)
    assert.notEqual((await readdir(join(folder, 'bellhop/compiled'))).length, 0)
    for (const without of [{ XDG_CACHE_HOME: '/proc/none' }, { XDG_CACHE_HOME: 'relative', HOME: '/proc/none' }]) {
      const { code, stdout, stderr } = await run(BELLHOP, ['--version'], { cwd: folder, env: { ...env, ...without } })
      assert.deepEqual([code, stdout, stderr], [0, kept.stdout, ''])
    }
    assert.deepEqual(await readdir(folder), ['bellhop'])
  })
})
