import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { sha256 } from '../../src/model/digest.ts'
import { eventually } from '../e2e/eventually.ts'
import { startGatewayTo, type Gateway } from '../e2e/gateway.ts'
import { startOpenNebula, type OpenNebula } from '../opennebula/opennebula.ts'
import { needCloudInit, runCloudInit } from './cloud-init/peer.ts'
import { need } from './need.ts'
import {
  assertKeyTaken,
  assertTaken,
  CREATIONS,
  HEPIX,
  KEY,
  REPORT_URL,
  runningOf,
  SENT,
  SHELLS,
  shownBy,
  takenByShell,
  takeWrapped,
  vmIdOf,
  type Shown,
} from './whole-way.ts'

interface Site {
  readonly one: OpenNebula
  readonly gateway: Gateway
}

/** A gateway in front of an OpenNebula. The guests of its second template have one-context and no cloud-init. */
async function open(t: TestContext, reportUrl?: string): Promise<Site> {
  const one = await startOpenNebula(t)
  one.addUser({ name: 'bellhop', password: 'wonderland' })
  one.addNetwork({
    name: 'public',
    mode: '644',
    template: 'GATEWAY="192.0.2.1" DNS="192.0.2.53" NETWORK_ADDRESS="192.0.2.0" NETWORK_MASK="255.255.255.0"',
    range: { first: '192.0.2.10', size: 50 },
  })
  const template = 'CPU="1" MEMORY="64" NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES", SITE="it\'s here" ]'
  for (const name of ['debian', 'alpine']) one.addTemplate({ name, mode: '644', template })
  const gateway = await startGatewayTo(
    t,
    'bellhop:wonderland',
    (authFile) => `
[providers.site]
driver = "opennebula"
endpoint = "${one.url}"
authFile = "${authFile}"
startScripts = ["1"]
`,
    reportUrl,
  )
  return { one, gateway }
}

const DEBIAN = { image: 'site-debian', size: 'site-template-debian' }
const ALPINE = { image: 'site-alpine', size: 'site-template-alpine' }

/** The disk of an instance's VM, made as a front end makes it. */
async function diskOf(one: OpenNebula, shown: Shown): Promise<Uint8Array> {
  return (await one.imageOf(vmIdOf(shown))) ?? assert.fail('it has a disk')
}

function contextShOf(one: OpenNebula, shown: Shown): string {
  return one.contextOf(vmIdOf(shown)) ?? assert.fail('it has a context')
}

async function replaceUserData({ one, gateway }: Site, shown: Shown, userData: Buffer): Promise<Shown> {
  const before = one.vms()[vmIdOf(shown)]?.disk
  const response = await gateway.ask(`/api/v1/instances/${shown.id}/user-data`, { method: 'PUT', body: userData })
  assert.equal(response.status, 200, await response.text())
  if (sha256(userData) !== shown.userDataSha256)
    await eventually('its disk is made anew', () => one.vms()[vmIdOf(shown)]?.disk !== before || undefined)
  return await shownBy(gateway, shown.id)
}

const NOTHING_NEW = 'nothing new'

/**
 * What one-context does with a disk's context.sh when it has worked with another, or none, before: nothing where they are the same. Else it
 * sources the new one, exports whatever looks like its variables, and programs of its own see to user data and start script.
 *
 * @see https://github.com/OpenNebula/one-apps (context-linux/src/usr/sbin/one-contextd)
 */
const ONE_CONTEXT = `
if diff old new >/dev/null 2>&1; then echo '${NOTHING_NEW}'; exit; fi
. ./new
export $(grep -oE '^[a-zA-Z_0-9-]+=' new | tr -d =)
sh -c 'echo "$USER_DATA_ENCODING $(echo "$USER_DATA" | base64 -d | sha256sum | cut -d" " -f1)"
echo "$START_SCRIPT_BASE64" | base64 -d >start && chmod +x start && exec ./start'
`

async function oneContext(before: string | undefined, now: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-one-context-'))
  try {
    if (before !== undefined) await writeFile(join(folder, 'old'), before)
    await writeFile(join(folder, 'new'), now)
    return execFileSync('bash', ['-c', ONE_CONTEXT], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Prints its own digest, whatever it holds. */
function selfTelling(text: string): Buffer {
  return Buffer.from(`#!/bin/sh\n# ${text} $HOME \`id\` 'it' "is" \\ @^_^@\nsha256sum <"$0" | cut -d' ' -f1`)
}

it('a script that is wrapped for an OpenNebula is run by cloud-init, which reports it', async (t) => {
  if (!needCloudInit(t) || !need(t, 'genisoimage', 'genisoimage')) return
  const { one, gateway } = await open(t, REPORT_URL)
  await takeWrapped(t, gateway, DEBIAN, async (shown) => ({ disk: await diskOf(one, shown) }))
})

for (const [frontEnd, create] of Object.entries(CREATIONS))
  describe(`user data sent by ${frontEnd} to a machine of an OpenNebula`, () => {
    it('are what cloud-init has, and runs', async (t) => {
      if (!needCloudInit(t) || !need(t, 'genisoimage', 'genisoimage')) return
      const { one, gateway } = await open(t)
      for (const [kind, sent] of Object.entries(SENT))
        await t.test(kind, async (t) => {
          const shown = await runningOf(gateway, await create(gateway, { ...DEBIAN, userData: sent.bytes }))
          const outcome = await runCloudInit(t, { disk: await diskOf(one, shown) })
          assert.match(outcome.dataSource, /^DataSourceOpenNebula /)
          assertTaken(outcome, sent, shown)
          assertKeyTaken(outcome)
          assert.equal(shown.delivery.state, 'offered', 'nobody says that the guest took its disk')
        })
    })

    it('are what HEPiX images have, and run', async (t) => {
      const { one, gateway } = await open(t)
      const shown = await runningOf(gateway, await create(gateway, { ...DEBIAN, userData: HEPIX }))
      assert.equal(shown.userDataSha256, sha256(HEPIX))
      for (const [shell, { debianPackage, command }] of Object.entries(SHELLS)) {
        if (!need(t, command[0], debianPackage)) continue
        const taken = takenByShell(shell, contextShOf(one, shown))
        const { userData, publicKey } = taken
        assert.deepEqual([sha256(userData), publicKey, taken.run()], [sha256(HEPIX), KEY, sha256(HEPIX)], shell)
      }
    })

    it('are what one-context has, and are its start script where the site says so', async (t) => {
      if (!need(t, 'bash', 'bash')) return
      const { one, gateway } = await open(t)
      const userData = selfTelling('first')
      const shown = await runningOf(gateway, await create(gateway, { ...ALPINE, userData }))
      assert.equal(shown.userDataSha256, sha256(userData))
      assert.deepEqual(await oneContext(undefined, contextShOf(one, shown)), [
        `base64 ${shown.userDataSha256}`,
        shown.userDataSha256,
      ])
    })
  })

describe('other user data, put while a machine of an OpenNebula runs,', () => {
  it('are on its new disk, and all else is as it was: cloud-init has them where it has had none', async (t) => {
    if (!needCloudInit(t) || !need(t, 'genisoimage', 'genisoimage')) return
    const site = await open(t)
    const { one, gateway } = site
    const { 'a cloud-config': first, 'a compressed script': other } = SENT
    const made = await runningOf(gateway, await CREATIONS.OCCI(gateway, { ...DEBIAN, userData: first.bytes }))
    const before = parseContextSh(contextShOf(one, made))
    const shown = await replaceUserData(site, made, other.bytes)
    assert.deepEqual([shown.revision, shown.state], [2, 'active'])
    const now = parseContextSh(contextShOf(one, shown))
    assert.deepEqual([...now.keys()], [...before.keys()])
    assert.deepEqual(
      [...now].filter(([key, value]) => before.get(key) !== value).map(([key]) => key),
      ['EC2_USER_DATA', 'USER_DATA'],
    )
    const outcome = await runCloudInit(t, { disk: await diskOf(one, shown) })
    assertTaken(outcome, other, shown)
    assertKeyTaken(outcome)
    // So to a guest that ran cloud-init before, this is no new machine.
    assert.equal(String(outcome.read('/var/lib/cloud/data/instance-id')).trim(), 'iid-dsopennebula')
    assert.deepEqual([one.vms().length, one.calls.filter(({ method }) => method === 'one.vm.action')], [1, []])
  })

  it('are what one-context runs then, and the same again are nothing to it', async (t) => {
    if (!need(t, 'bash', 'bash')) return
    const site = await open(t)
    const { one, gateway } = site
    const made = await runningOf(gateway, await CREATIONS.CIMI(gateway, { ...ALPINE, userData: selfTelling('first') }))
    const before = contextShOf(one, made)
    const userData = selfTelling('second')
    const shown = await replaceUserData(site, made, userData)
    assert.equal(shown.userDataSha256, sha256(userData))
    const now = contextShOf(one, shown)
    assert.deepEqual(await oneContext(before, now), [`base64 ${sha256(userData)}`, sha256(userData)])
    const same = await replaceUserData(site, shown, userData)
    assert.deepEqual(await oneContext(now, contextShOf(one, same)), [NOTHING_NEW])
  })
})
