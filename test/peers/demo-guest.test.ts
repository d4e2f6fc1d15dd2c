import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { sha256 } from '../../src/model/digest.ts'
import { buildDemoGuest } from '../../src/providers/qemu/demo-guest/build.ts'
import {
  boot,
  call,
  needQemu,
  openQemu,
  serveMetadata,
  untilEnded,
  untilTrue,
  type QemuUnderTest,
} from './demo-guest.ts'
import { need } from './need.ts'

const META_DATA = '{"uuid": "x", "hostname": "guest-1.example.org", "name": "guest-1"}'
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

describe('demo guest', () => {
  it('takes a script from the metadata server, byte by byte, runs it and reports', async (t) => {
    if (!needQemu(t)) return
    const word = randomBytes(8).toString('hex')
    const script = Buffer.concat([
      Buffer.from(`#!/bin/sh\necho "the word is ${word} on $(hostname)"; printf 'no newline'\nexit 0\n`),
      EVERY_BYTE,
    ])
    const { told, text, server } = await bootBy(t, { '/openstack/latest/user_data': script })
    const digest = sha256(script)
    assert.deepEqual(told, [
      {
        stage: 'fetched',
        method: 'metadata',
        path: '/openstack/latest/user_data',
        bytes: script.length,
        sha256: digest,
      },
      { stage: 'applied', method: 'metadata', exitCode: 0, sha256: digest },
    ])
    assert.match(text, new RegExp(`^user-data: the word is ${word} on guest-1\\.example\\.org\\r?$`, 'm'))
    assert.match(text, /^user-data: no newline\r?$/m)
    await untilTrue(() => server.reports.length > 0)
    assert.deepEqual(server.reports, [{ agent: 'demo-guest', ...told[1] }])
    assert.deepEqual(server.requests, [
      'GET /openstack/latest/meta_data.json',
      'GET /openstack/latest/user_data',
      'POST /report',
    ])
  })

  it("says what a failing script ended with, and takes none of its output for the guest's own", async (t) => {
    if (!needQemu(t)) return
    const forged = 'BELLHOP {"stage":"applied","method":"metadata","exitCode":0}'
    const script = `#!/bin/sh\r\necho '${forged}'\r\nsleep 1000 &\r\nexit 7\r\n`
    const { told, server } = await bootBy(
      t,
      { '/latest/user-data': script },
      { '/latest/meta-data/instance-id': 'i-1' },
    )
    const [fetched, failed] = told
    assert.equal(told.length, 2)
    assert.equal(fetched?.path, '/latest/user-data')
    assert.deepEqual(failed, { stage: 'failed', method: 'metadata', exitCode: 7, sha256: sha256(Buffer.from(script)) })
    await untilTrue(() => server.reports.length > 0)
  })

  it('unpacks gzip before it runs what is in it, and keeps the digest of what came', async (t) => {
    if (!needQemu(t)) return
    const packed = gzipSync('#!/bin/sh\necho "unpacked by $0"\n')
    const { told, text } = await bootBy(t, { '/openstack/latest/user_data': packed })
    assert.deepEqual(
      told.map(({ stage, sha256 }) => [stage, sha256]),
      [
        ['fetched', sha256(packed)],
        ['applied', sha256(packed)],
      ],
    )
    assert.match(text, /^user-data: unpacked by/m)
  })

  it('keeps what is no script, claims nothing for it, and switches off when it is told to', async (t) => {
    if (!needQemu(t)) return
    const { told, isOff } = await bootBy(
      t,
      { '/openstack/latest/user_data': '#cloud-config\n' },
      { '/openstack/latest/meta_data.json': META_DATA },
      { kernelArguments: 'bellhop.poweroff=1' },
    )
    assert.deepEqual(
      told.map(({ stage }) => stage),
      ['fetched', 'finished'],
    )
    await untilTrue(isOff)
  })

  it('ends at once where there is no user data', async (t) => {
    if (!needQemu(t)) return
    const { told } = await bootBy(t, {})
    assert.deepEqual(told, [{ stage: 'finished', detail: 'no user data is offered' }])
  })

  it('is built once, and by two builders at once too', async (t) => {
    if (!needQemu(t)) return
    const { folder } = await openQemu(t)
    const dir = join(folder, 'cache', 'guest')
    assert.deepEqual(await Promise.all([buildDemoGuest({ dir }), buildDemoGuest({ dir })]), [dir, dir])
    const said: string[] = []
    await buildDemoGuest({ dir, log: (line) => said.push(line) })
    assert.deepEqual(said, [])
    for (const name of ['kernel', 'initrd', 'cmdline']) assert.ok((await readFile(join(dir, name))).length > 0)
  })

  it('is written in scripts that shellcheck finds no fault with', (t) => {
    if (!need(t, 'shellcheck', 'shellcheck')) return
    const folder = fileURLToPath(new URL('../../guest/demo/', import.meta.url))
    const scripts = ['init', 'udhcpc.script', 'power-off'].map((name) => join(folder, name))
    assert.equal(execFileSync('shellcheck', scripts, { encoding: 'utf8' }), '')
  })
})

/** Boots a guest whose metadata server has these files, and waits for its end. */
async function bootBy(
  t: TestContext,
  files: Readonly<Record<string, string | Uint8Array>>,
  identity: Readonly<Record<string, string>> = { '/openstack/latest/meta_data.json': META_DATA },
  options: QemuUnderTest = {},
) {
  const server = await serveMetadata(t, { ...identity, ...files })
  const { provider } = await openQemu(t, options)
  const id = await boot(provider, [{ method: 'metadata', socketPath: server.socketPath }])
  const isOff = async () => (await provider.get(id, call())).state === 'inactive'
  return { ...(await untilEnded(provider, id)), server, isOff }
}
