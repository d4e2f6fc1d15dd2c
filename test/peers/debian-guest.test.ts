import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sha256 } from '../../src/model/digest.ts'
import type { ContextEvent } from '../../src/model/events.ts'
import { debianGuest, needDebianGuest } from './debian-guest/guest.ts'
import { processesWith } from './demo-guest.ts'

const BELLHOP = fileURLToPath(new URL('../../bin/bellhop', import.meta.url))

/** An emulated boot takes about a minute on an idle host. */
const BOOT_LIMIT_S = 540

describe('a stock Debian guest with systemd and cloud-init, whose ds-identify decides by itself', () => {
  it('takes a script from our metadata server, and its cloud-init reports that it ran', async (t) => {
    const ran = await run(t, (word) => `#!/bin/sh\necho "the word is ${word}" >/dev/console\n`, ['--by', 'metadata'])
    if (!ran) return
    const [asked] = ran.eventsOf('access')
    assert.match(asked?.path ?? '', /^\/openstack\/[\d-]+\/meta_data\.json$/, 'its OpenStack source, unasked')
    const fetched = ran.eventsOf('fetched').find(({ source }) => source === 'metadata')
    assert.match(fetched?.path ?? '', /^\/openstack\/[\d-]+\/user_data$/)
    assert.equal(fetched?.sha256, ran.digest)
    assert.equal(ran.eventsOf('applied')[0]?.source, 'cloud-init')
    assert.match(ran.eventsOf('applied')[0]?.detail ?? '', /scripts-user/)
  })

  it('takes a cloud-config from our disk, and its cloud-init says on the console that it was used', async (t) => {
    const ran = await run(t, (word) => `#cloud-config\nruncmd:\n  - echo "the word is ${word}" >/dev/console\n`, [
      '--by',
      'disk',
    ])
    if (!ran) return
    assert.deepEqual(ran.eventsOf('access'), [], 'there was no metadata server')
    assert.match(ran.console, /finished at .* Datasource DataSourceConfigDrive/)
    assert.equal(ran.eventsOf('applied')[0]?.source, 'cloud-init')
  })

  it('takes a script from the disk where both are there, and reports by the metadata server all the same', async (t) => {
    const ran = await run(t, (word) => `#!/bin/sh\necho "the word is ${word}" >/dev/console\n`, [])
    if (!ran) return
    assert.deepEqual(ran.eventsOf('fetched'), [], 'ds-identify prefers a config drive')
    assert.equal(ran.eventsOf('applied')[0]?.source, 'cloud-init')
    assert.doesNotMatch(ran.console, /finish: modules-final/, 'not on the console')
  })
})

/** A run that ended well, and all that is to be known of it. */
interface Ran {
  readonly digest: string
  readonly console: string
  readonly eventsOf: (kind: ContextEvent['kind']) => readonly ContextEvent[]
}

/**
 * Boots the guest with data that hold a word which nobody else knows, until they are applied.
 *
 * @returns `undefined` where the peer is missing, and the test is skipped
 */
async function run(
  t: TestContext,
  data: (word: string) => string,
  options: readonly string[],
): Promise<Ran | undefined> {
  if (!needDebianGuest(t)) return undefined
  const word = randomBytes(8).toString('hex')
  const userData = Buffer.from(data(word))
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-debian-guest-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'user-data')
  await writeFile(path, userData)
  const parameters = ['run', await debianGuest(), '--user-data', path, '--hostname', 'web-1', ...options]
  const { code, stdout, stderr } = await bellhop([...parameters, '--timeout', `${BOOT_LIMIT_S}s`, '-v', '-o', 'json'])
  assert.equal(code, 0, stderr)
  const said = JSON.parse(stdout) as {
    digest: string
    exitReason: string
    events: ContextEvent[]
    instance: { id: string }
  }
  assert.equal(said.exitReason, 'applied')
  assert.equal(said.digest, sha256(userData))
  assert.match(stderr, new RegExp(`the word is ${word}`))
  assert.match(stderr, /web-1 login:|Cloud-init .* finished at/)
  assert.deepEqual(await processesWith(said.instance.id), [], 'no process is left')
  t.diagnostic(stderr.trim().split('\n').at(-1) ?? '')
  return {
    digest: said.digest,
    console: stderr,
    eventsOf: (kind) => said.events.filter((event) => event.kind === kind),
  }
}

function bellhop(parameters: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { timeout: (BOOT_LIMIT_S + 60) * 1000, maxBuffer: 64 * 1024 * 1024 }
    execFile(BELLHOP, parameters, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}
