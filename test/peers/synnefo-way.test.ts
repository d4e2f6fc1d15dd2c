import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { startGatewayTo, type Gateway } from '../e2e/gateway.ts'
import { EXT4_PROGRAMS, throughExt4 } from '../synnefo/ext4-image.ts'
import { startSynnefo, type Synnefo } from '../synnefo/synnefo.ts'
import { needCloudInit, runCloudInit } from './cloud-init/peer.ts'
import { need } from './need.ts'
import {
  assertKeyTaken,
  assertTaken,
  CREATIONS,
  REPORT_URL,
  runningOf,
  SENT,
  takeWrapped,
  vmIdOf,
  type Shown,
} from './whole-way.ts'

/** A gateway in front of a Synnefo. */
async function open(
  t: TestContext,
  reportUrl?: string,
): Promise<{ readonly site: Synnefo; readonly gateway: Gateway }> {
  const site = await startSynnefo(t)
  site.addImage({ id: 'd0a1', name: 'debian' })
  site.addImage({ id: 'd0a2', name: 'debian-cloud', metadata: { OSFAMILY: 'linux', CLOUD_INIT: 'yes' } })
  site.addFlavor({ id: 42, name: 'small' })
  const gateway = await startGatewayTo(
    t,
    `[cloud "here"]\nurl = ${site.authUrl}\ntoken = ${site.token}`,
    (kamakirc) => `
[providers.site]
driver = "synnefo"
kamakirc = "${kamakirc}"
`,
    reportUrl,
  )
  return { site, gateway }
}

const IMAGES = {
  'whose image is said to read no user data': { image: 'site-debian', hasCernVm: true },
  'whose image reads user data': { image: 'site-debian-cloud', hasCernVm: false },
} as const

const SEED = 'var/lib/cloud/seed/nocloud-net'

function needImage(t: TestContext): boolean {
  return EXT4_PROGRAMS.every(([program, debianPackage]) => need(t, program, debianPackage)) && needCloudInit(t)
}

/** An instance's server, and what snf-image made of its image. */
function machineOf(site: Synnefo, shown: Shown) {
  const server = site.servers().find(({ id }) => id === vmIdOf(shown)) ?? assert.fail()
  return { server, guest: server.customized ?? assert.fail('snf-image was there') }
}

it('a script that is wrapped for a Synnefo is run by cloud-init, which reports it', async (t) => {
  if (!needImage(t)) return
  const { site, gateway } = await open(t, REPORT_URL)
  const template = { image: 'site-debian', size: 'site-small' }
  await takeWrapped(t, gateway, template, async (shown) => ({
    ownFiles: await throughExt4(t, machineOf(site, shown).guest),
  }))
})

for (const [frontEnd, create] of Object.entries(CREATIONS))
  describe(`user data sent by ${frontEnd}`, () => {
    for (const [which, { image, hasCernVm }] of Object.entries(IMAGES))
      it(`are what cloud-init has in a machine of a Synnefo, ${which}`, async (t) => {
        if (!needImage(t)) return
        const { site, gateway } = await open(t)
        for (const [kind, sent] of Object.entries(SENT))
          await t.test(kind, async (t) => {
            const made = { image, size: 'site-small', userData: sent.bytes }
            const shown = await runningOf(gateway, await create(gateway, made))
            const { server, guest } = machineOf(site, shown)
            const ownFiles = await throughExt4(t, guest)
            for (const [path, { bytes, mode, uid, gid }] of guest.files) {
              const [found, text] = [await stat(join(ownFiles, path)), await readFile(join(ownFiles, path))]
              assert.deepEqual([found.mode & 0o7777, found.uid, found.gid], [mode, uid, gid], path)
              assert.equal(sha256(text), sha256(bytes), path)
            }
            assert.equal(sha256(await readFile(join(ownFiles, SEED, 'user-data'))), shown.userDataSha256)
            assert.equal(guest.files.has('/cernvm/extra-user-data'), hasCernVm)
            const outcome = await runCloudInit(t, { ownFiles })
            assert.match(outcome.dataSource, /^DataSourceNoCloud .*seed=\/var\/lib\/cloud\/seed\/nocloud-net/)
            assertTaken(outcome, sent, shown)
            assertKeyTaken(outcome)
            const instance = Buffer.from(outcome.read('/var/lib/cloud/data/instance-id')).toString('utf8').trim()
            assert.equal(instance, hasCernVm ? server.name : `snf-${server.id}`)
          })
      })
  })
