import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createMetadataServer } from '../../src/deliveries/metadata-http.ts'
import { siteContextsIn } from '../../src/deliveries/metadata-sites.ts'
import { SECRET, sampleRecorder, sampleSource, WEB } from '../conformance/metadata-samples.ts'
import { need } from './need.ts'

const VECTORS = fileURLToPath(new URL('../../src/formats/testdata/user-data/', import.meta.url))

/** A vector started as a guest's kernel starts it, in an empty folder. */
function start(vector: string): { readonly status: number | null; readonly said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-hepix-'))
  try {
    const program = join(folder, 'user-data')
    copyFileSync(join(VECTORS, vector), program)
    chmodSync(program, 0o700)
    const { status, stdout, stderr } = spawnSync(program, { cwd: folder, encoding: 'utf8' })
    return { status, said: `${stdout}${stderr}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// What src/formats/hepix.ts says of the shell, asked of a real one. What amiconfig adds to it is recorded in the format's testdata.
describe('a script with sections behind it, in a real shell', () => {
  it('runs, and ends well where it exits before them', (t) => {
    if (!need(t, 'sh', 'dash')) return
    assert.deepEqual(start('hepix'), { status: 0, said: 'the script ran\n' })
  })

  it('takes their lines for commands without an exit right before them', (t) => {
    if (!need(t, 'sh', 'dash')) return
    for (const vector of ['hepix--no-exit', 'hepix--exit-on-a-branch']) {
      const { status, said } = start(vector)
      assert.match(said, /^the script ran$/m)
      assert.match(said, /\[cernvm\]: (?:command )?not found/)
      assert.equal(status, vector === 'hepix--no-exit' ? 127 : 0)
    }
  })

  it('fails with a word behind the shell, which is taken for a file', (t) => {
    if (!need(t, 'sh', 'dash')) return
    const { status, said } = start('hepix--before')
    assert.match(said, /before/)
    assert.doesNotMatch(said, /the script ran/)
    assert.notEqual(status, 0)
  })

  it('runs with an option of the shell: only amiconfig passes it over', (t) => {
    if (!need(t, 'sh', 'dash')) return
    assert.equal(start('hepix--shell-with-option').said, 'the script ran\n')
  })

  it('is not known as gzip by the very word that amiconfig compares with', (t) => {
    if (!need(t, 'file', 'file')) return
    const { stdout } = spawnSync('sh', ['-c', 'file -bi hepix--gzip'], { cwd: VECTORS, encoding: 'utf8' })
    assert.match(stdout, /^application\/(?:x-)?gzip; charset=/)
  })
})

describe('what amiconfig runs, against our metadata server', () => {
  async function serve(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'bellhop-hepix-'))
    const [sites, guest] = [join(folder, 'sites'), join(folder, 'guest')]
    for (const each of [sites, guest]) mkdirSync(each)
    writeFileSync(join(folder, 'prolog.sh'), 'echo "the site was here"\n')
    execFileSync('tar', ['-czf', join(sites, 'default.tgz'), '-C', folder, 'prolog.sh'])
    const server = createMetadataServer({
      source: sampleSource(WEB),
      recorder: sampleRecorder(),
      secret: SECRET,
      log: () => {},
      siteContexts: await siteContextsIn(sites, () => {}),
    })
    t.after(async () => {
      await server.close()
      rmSync(folder, { recursive: true })
    })
    const identity = { by: 'address', find: () => WEB.guestId } as const
    const { port } = await server.listen({ host: '127.0.0.1', port: 0, identity })
    return { guest, url: `http://127.0.0.1:${port}` }
  }

  const sh = async (command: string, cwd: string): Promise<Buffer> =>
    (await promisify(execFile)('sh', ['-c', command], { cwd, encoding: 'buffer' })).stdout

  it('wget finds the user data', async (t) => {
    if (!need(t, 'wget', 'wget')) return
    const { guest, url } = await serve(t)
    assert.deepEqual(
      await sh(`wget -t2 -T20 -q -O - ${url}/2007-12-15//user-data`, guest),
      Buffer.from(WEB.userData ?? []),
    )
  })

  it('curl fetches a site context, tar unpacks it, and the shell sources it', async (t) => {
    if (!need(t, 'curl', 'curl')) return
    const { guest, url } = await serve(t)
    const command = `curl -s --connect-timeout 10 -k ${url}/context/default.tgz >x.tgz && tar -zxf x.tgz && . ./prolog.sh start`
    assert.equal(String(await sh(command, guest)), 'the site was here\n')
  })
})
