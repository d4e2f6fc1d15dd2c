import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { wrapUserData } from '../../src/formats/wrapped.ts'
import { hostKeysOf } from '../../src/model/host-keys.ts'
import { wrappedData } from '../../src/service/wrapping.ts'
import { sampleSpec } from '../conformance/store-samples.ts'
import { needCloudInit, runCloudInit, type Outcome } from './cloud-init/peer.ts'

const MARK = '/var/lib/ran'
const SCRIPT = `#!/bin/sh\n# Grüße\necho ran >${MARK}`
const CONFIG = `#cloud-config\nruncmd: ['echo ran >${MARK}']\n`
const ELSEWHERE = 'http://169.254.169.254/elsewhere/'

/** What a message of ours holds, and whether some of it is a cloud-config with a phone call of the user's. */
const CASES: Readonly<Record<string, { readonly userData: Uint8Array; readonly calls?: true }>> = {
  'a script': { userData: Buffer.from(SCRIPT) },
  'a script with the line ends of Windows': { userData: Buffer.from(`${SCRIPT}\n`.replaceAll('\n', '\r\n')) },
  'a script with an early mention of MIME-Version:': {
    userData: Buffer.from(`#!/bin/sh\n# MIME-Version: 1.0\necho ran >${MARK}\n`),
  },
  'a compressed script': { userData: gzipSync(`#!/bin/sh\necho ran >${MARK}\n`) },
  'a boothook': { userData: Buffer.from(`#cloud-boothook\n${SCRIPT}\n`) },
  'a template of a script': {
    userData: Buffer.from(`## template: jinja\n#!/bin/sh\necho "{{ v1.instance_id }}" >${MARK}\n`),
  },
  'an include': { userData: Buffer.from('#include\nfile:///etc/included\n') },
  'a cloud-config': { userData: Buffer.from(`${CONFIG}# Grüße\n`) },
  'a cloud-config with keys of our names': {
    userData: Buffer.from(`${CONFIG}phone_home: {url: "${ELSEWHERE}", tries: 1}\nreporting: {own: {type: print}}\n`),
    calls: true,
  },
  'a cloud-config with rules of merging, by which what is there first stays': {
    userData: Buffer.from(
      `${CONFIG}merge_how: 'dict(no_replace,recurse_list)+list(append)+str(append)'\nphone_home: {url: "${ELSEWHERE}", tries: 1}\n`,
    ),
    calls: true,
  },
  'a template of a cloud-config': {
    userData: Buffer.from(
      `## template: jinja\n${CONFIG}phone_home: {url: "${ELSEWHERE}{{ v1.instance_id }}", tries: 1}\n`,
    ),
    calls: true,
  },
  'an archive': {
    userData: Buffer.from(
      `#cloud-config-archive\n${JSON.stringify([SCRIPT, `#cloud-config\nphone_home: {url: "${ELSEWHERE}", tries: 1}\n`])}\n`,
    ),
    calls: true,
  },
  'a patch': {
    userData: Buffer.from(
      `#cloud-config-jsonp\n${JSON.stringify([{ op: 'add', path: '', value: { runcmd: [`echo ran >${MARK}`] } }])}\n`,
    ),
  },
}

const REPORT_URL = 'http://169.254.169.254/report'
const THEIRS = [{ method: 'metadata', by: 'provider', layouts: [], userDataMaxBytes: 1e6, evidence: [] }] as const

/** What Bellhop gives a cloud in the place of these data. */
function wrapped(userData: Uint8Array): Uint8Array {
  return wrappedData(sampleSpec({ userData, wrap: true }), THEIRS, () => REPORT_URL) ?? assert.fail('they are wrapped')
}

async function boot(t: TestContext, userData: Uint8Array, ownFiles: string): Promise<Outcome> {
  return await runCloudInit(t, {
    dmi: { product_name: 'OpenStack Nova' },
    stages: 'init config final',
    served: { userData },
    ownFiles,
  })
}

/** Files of the machine's own, of which an include names one. */
async function withIncluded(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-included-'))
  t.after(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'etc'))
  await writeFile(join(folder, 'etc', 'included'), SCRIPT)
  return folder
}

/** What cloud-init made of its data. */
function madeOf(outcome: Outcome) {
  const text = (path: string): string => Buffer.from(outcome.read(path)).toString('latin1')
  const instance = `/var/lib/cloud/instances/${text('/var/lib/cloud/data/instance-id').trim()}`
  const { reporting, phone_home: call, ...config } = (parse(text(`${instance}/cloud-config.txt`)) ?? {}) as Config
  return {
    ran: text(MARK),
    script: text(`${instance}/scripts/part-001`),
    boothook: text(`${instance}/boothooks/part-001`),
    runcmd: text(`${instance}/scripts/runcmd`),
    config,
    reporting: reporting ?? {},
    call,
  }
}

interface Config {
  readonly reporting?: Readonly<Record<string, unknown>>
  readonly phone_home?: unknown
}

describe('a real cloud-init does with data that are wrapped what it does with them alone:', () => {
  for (const [what, { userData, calls }] of Object.entries(CASES))
    it(what, async (t) => {
      if (!needCloudInit(t)) return
      const ownFiles = await withIncluded(t)
      const [alone, within] = [await boot(t, userData, ownFiles), await boot(t, wrapped(userData), ownFiles)]
      const [{ reporting: own, call: ownCall, ...before }, { reporting, call, ...made }] = [
        madeOf(alone),
        madeOf(within),
      ]
      assert.notEqual(made.ran, '', 'it ran')
      assert.deepEqual(made, before)
      const { bellhop, ...others } = reporting
      assert.deepEqual(others, own, 'his own reporting stays, beside ours')
      assert.deepEqual(bellhop, { type: 'webhook', endpoint: REPORT_URL, timeout: 2, retries: 1 })
      if (calls) assert.deepEqual(call, ownCall ?? assert.fail('he has one'), 'and his own call')
      assert.deepEqual(within.failedStages, alone.failedStages)
      assert.ok(
        within.events.some(({ detail }) => detail?.startsWith('modules-final: ')),
        'it reports',
      )
      if (calls) assert.equal(hostKeysOf(within.events), undefined)
      else assert.equal(hostKeysOf(within.events)?.keys.length, 1)
    })

  it('but for what is packed and not of ASCII alone, which is refused', async (t) => {
    if (!needCloudInit(t)) return
    const packed = gzipSync(`${SCRIPT}\n`)
    assert.throws(() => wrapped(packed), /beyond ASCII, which cloud-init spoils/)
    // As it would be.
    const message = Buffer.from(wrapUserData(gzipSync('#!/bin/sh\n'), '#cloud-config\n{}\n')).toString()
    const there = message.replace(gzipSync('#!/bin/sh\n').toString('base64'), packed.toString('base64'))
    assert.notEqual(there, message)
    const outcome = await boot(t, Buffer.from(there), await withIncluded(t))
    assert.deepEqual([madeOf(outcome).ran, madeOf(outcome).script], ['', ''])
    assert.match(outcome.log, /Failed calling handler ShellScriptPartHandler/)
  })
})
