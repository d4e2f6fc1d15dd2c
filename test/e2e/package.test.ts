import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { MEMORY_CONFIG, startGateway } from './gateway.ts'
import { ROOT, run } from './programs.ts'

describe('the npm package', () => {
  let folder = ''
  let tarball = ''
  let installed: Promise<string | undefined> | undefined

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bellhop-package-'))
    const packed = await npm(['pack', '--json', '--pack-destination', folder], ROOT)
    assert.equal(packed.code, 0, packed.stderr)
    const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('['))) as [{ filename: string }]
    tarball = join(folder, filename)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** The program where it is installed, by the first who asks; `undefined` where npm cannot reach its registry. */
  async function program(t: TestContext): Promise<string | undefined> {
    installed ??= install(folder, tarball)
    const found = await installed
    if (found === undefined && process.env['CI']) throw new Error('npm cannot reach its registry')
    if (found === undefined) t.skip('npm cannot reach its registry, so nothing can be installed')
    return found
  }

  it('holds what runs, and neither sources nor tests', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball])
    const paths = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))
    for (const path of ['bin/bellhop', 'dist/cli/main.js', 'dist/store/sqlite-worker.js', 'guest/demo/init'])
      assert.ok(paths.includes(path), path)
    assert.deepEqual(
      paths.filter((path) => /\.ts$|\.test\.|testdata|tsconfig|^(?:src|test|docs)\//.test(path)),
      [],
    )
  })

  it('installs, and its command says its version', async (t) => {
    const bellhop = await program(t)
    if (bellhop === undefined) return
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    const { code, stdout, stderr } = await run(bellhop, ['--version'])
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  it('makes a disk and tells what is on it', async (t) => {
    const bellhop = await program(t)
    if (bellhop === undefined) return
    const made = await run(bellhop, ['seed', '--user-data', '-', '-o', '-'], { input: '#!/bin/sh\n' })
    assert.equal(made.code, 0, made.stderr)
    const seen = await run(bellhop, ['inspect', '-'], { input: made.bytes })
    assert.equal(seen.code, 0, seen.stderr)
    assert.match(seen.stdout, /^ {2}format +script$/m)
  })

  it('serves: its store and its metadata server find all their parts', async (t) => {
    const bellhop = await program(t)
    if (bellhop === undefined) return
    const gateway = await startGateway(t, { config: MEMORY_CONFIG, program: bellhop })
    const answer = await fetch(new URL('/healthz', gateway.url))
    assert.deepEqual([answer.status, await answer.text()], [200, 'ok\n'])
    assert.equal(await gateway.stop(), 0)
  })

  it("finds the demo guest's files", async (t) => {
    const bellhop = await program(t)
    if (bellhop === undefined) return
    const recipe = join(folder, 'node_modules/bellhop/dist/providers/qemu/demo-guest/recipe.js')
    const script = `console.log((await import(${JSON.stringify(recipe)})).demoGuestDir({ XDG_CACHE_HOME: '/cache' }))`
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', script])
    assert.match(stdout, /^\/cache\/bellhop\/demo-guest\/[0-9a-f]{12}\n$/, stderr)
  })
})

/** npm in a folder of its own: what an npm around this test says of its own project must not reach it. */
function npm(args: readonly string[], cwd: string) {
  const foreign = /^(?:INIT_CWD|npm_(?!config_)|npm_config_(?:local_|global_)?prefix)/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
  return run('npm', args, { cwd, env })
}

const UNREACHABLE = /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT/

async function install(folder: string, tarball: string): Promise<string | undefined> {
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const { code, stderr } = await npm(['install', tarball, '--no-audit', '--no-fund', '--prefer-offline'], folder)
  if (code !== 0 && UNREACHABLE.test(stderr)) return undefined
  assert.equal(code, 0, stderr)
  return join(folder, 'node_modules/.bin/bellhop')
}
