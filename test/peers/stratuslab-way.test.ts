import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { DISKS } from '../../src/disks/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import { eventually } from '../e2e/eventually.ts'
import { startGatewayTo, type Gateway } from '../e2e/gateway.ts'
import { PROXY_PASSWORD, startOneProxy } from '../opennebula/one-proxy.ts'
import { startOpenNebula, type OpenNebula } from '../opennebula/opennebula.ts'
import { needCloudInit, runCloudInit } from './cloud-init/peer.ts'
import { need } from './need.ts'
import {
  assertTaken,
  CREATIONS,
  HEPIX,
  KEY,
  REPORT_URL,
  runningOf,
  SENT,
  SHELLS,
  takenByShell,
  takeWrapped,
  vmIdOf,
  type Shown,
} from './whole-way.ts'

interface Site {
  readonly one: OpenNebula
  readonly gateway: Gateway
}

/** A gateway in front of a StratusLab. @param more further settings of the provider */
async function open(t: TestContext, more = '', reportUrl?: string): Promise<Site> {
  const one = await startOpenNebula(t, { version: '3.2' })
  one.addUser({ name: 'jane', password: PROXY_PASSWORD })
  one.addNetwork({ name: 'public', mode: '644', range: { first: '192.0.2.10', size: 50 } })
  const proxy = await startOneProxy(t, one, { users: { jane: 'wonderland' } })
  const gateway = await startGatewayTo(
    t,
    'wonderland',
    (passwordFile) => `
[providers.lab]
driver = "stratuslab"
endpoint = "${proxy.url}"
username = "jane"
passwordFile = "${passwordFile}"
images = [{ id = "BN1EEkPiBx87_uLj2-sdybSI-Xb", title = "Debian 7" }]
${more}
`,
    reportUrl,
  )
  return { one, gateway }
}

/** The names of the only image and of the first size. */
async function madeOf({ ask }: Gateway): Promise<{ readonly image: string; readonly size: string }> {
  const said = await (await ask('/-/')).text()
  const named = (kind: string): string =>
    new RegExp(`^Category: ([^;]+); scheme="[^"]*/${kind}#"`, 'm').exec(said)?.[1] ?? assert.fail(`there is a ${kind}`)
  return { image: named('os_tpl'), size: named('resource_tpl') }
}

async function contextShOf(one: OpenNebula, shown: Shown): Promise<string> {
  return await eventually('it has a context', () => one.contextOf(vmIdOf(shown)))
}

/** A variable of a context.sh as StratusLab's front end finds it: by a line with double quotes. */
function valueIn(contextSh: string, name: string): string | undefined {
  return new RegExp(`^${name}="([^"]*)"$`, 'm').exec(contextSh)?.[1]
}

/** Files of the disk that StratusLab's front end makes of a VM's context by its method `cloud-init`. */
function cloudInitFiles(contextSh: string): ReadonlyMap<string, string> {
  assert.equal(valueIn(contextSh, 'CONTEXT_METHOD'), 'cloud-init')
  const data = valueIn(contextSh, 'CLOUD_INIT_USER_DATA')
  const keys = valueIn(contextSh, 'CLOUD_INIT_AUTHORIZED_KEYS')
  // It has the user data in JSON, so as UTF-8.
  const text = data === undefined ? {} : { 'user-data': gunzipSync(Buffer.from(data, 'base64')).toString('utf8') }
  return new Map([
    ['meta.js', JSON.stringify({ ...text, dsmode: 'local' })],
    ...(keys === undefined
      ? []
      : [['root/.ssh/authorized_keys', Buffer.from(keys, 'base64').toString('utf8')] as const]),
  ])
}

/** A disk made as StratusLab's front end makes it, with the programs that it has. */
function vfatDisk(files: ReadonlyMap<string, string>): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-lab-disk-'))
  try {
    const [image, root] = [join(folder, 'disk'), join(folder, 'root')]
    for (const [path, content] of files) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
    execFileSync('sh', ['-ec', MAKE_DISK, 'sh', image, root, String(DISK_KIB)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return readFileSync(image)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const DISK_KIB = 1000
const MAKE_DISK = 'mkfs.vfat -n _CLOUD_INIT -C "$1" "$3"; mcopy -s -i "$1" "$2"/* ::'

/** What stands in for current images, which do not look for such a disk by themselves. */
const LOOKS = { sources: 'ConfigDrive, None' } as const

function needVfat(t: TestContext): boolean {
  return needCloudInit(t) && need(t, 'mkfs.vfat', 'dosfstools') && need(t, 'mcopy', 'mtools')
}

const { 'a compressed script': COMPRESSED, ...TEXTS } = SENT

it("the disk of these tests is as the functions of StratusLab's front end made it", (t) => {
  if (!need(t, 'mkfs.vfat', 'dosfstools') || !need(t, 'mcopy', 'mtools')) return
  const recorded = new URL('../../src/layouts/testdata/opennebula/stratuslab-cloud-init.vfat.gz', import.meta.url)
  const theirs = gunzipSync(readFileSync(recorded))
  const { label, files } = DISKS.vfat.read(theirs)
  const ours = vfatDisk(new Map([...files].map(([path, { bytes }]) => [path, Buffer.from(bytes).toString('utf8')])))
  const read = DISKS.vfat.read(ours)
  assert.deepEqual([ours.length, read.label, [...read.files.keys()]], [theirs.length, label, [...files.keys()]])
  const meta = JSON.parse(Buffer.from(files.get('meta.js')?.bytes ?? []).toString()) as Record<string, unknown>
  assert.deepEqual([Object.keys(meta).toSorted(), meta['dsmode']], [['dsmode', 'user-data'], 'local'])
})

it('a script that is wrapped for a StratusLab is run by cloud-init, which reports it', async (t) => {
  if (!needVfat(t)) return
  const { one, gateway } = await open(t, '', REPORT_URL)
  await takeWrapped(t, gateway, await madeOf(gateway), async (shown) => ({
    disk: vfatDisk(cloudInitFiles(await contextShOf(one, shown))),
    ...LOOKS,
  }))
})

for (const [frontEnd, create] of Object.entries(CREATIONS))
  describe(`user data sent by ${frontEnd} to a machine of a StratusLab`, () => {
    it('are what cloud-init has, and runs, by the method for it', async (t) => {
      if (!needVfat(t)) return
      const { one, gateway } = await open(t)
      const made = await madeOf(gateway)
      for (const [kind, sent] of Object.entries(TEXTS))
        await t.test(kind, async (t) => {
          const response = await create(gateway, { ...made, userData: sent.bytes, withKey: false })
          const shown = await runningOf(gateway, response)
          const disk = vfatDisk(cloudInitFiles(await contextShOf(one, shown)))
          const outcome = await runCloudInit(t, { disk, ...LOOKS })
          assert.match(outcome.dataSource, /^DataSourceConfigDrive .*ver=1/)
          assertTaken(outcome, sent, shown)
          assert.deepEqual([outcome.failedStages, outcome.errors], [[], []])
        })
    })

    it('are on that disk with the key beside them, for which cloud-init of today leaves the whole disk alone', async (t) => {
      if (!needVfat(t)) return
      const { one, gateway } = await open(t)
      const { bytes } = SENT['a cloud-config']
      const response = await create(gateway, { ...(await madeOf(gateway)), userData: bytes })
      const shown = await runningOf(gateway, response)
      const files = cloudInitFiles(await contextShOf(one, shown))
      assert.equal(files.get('root/.ssh/authorized_keys'), `${KEY}\n`)
      const { 'user-data': text } = JSON.parse(files.get('meta.js') ?? '') as { 'user-data': string }
      assert.deepEqual([shown.userDataSha256, sha256(Buffer.from(text))], [sha256(bytes), sha256(bytes)])
      const outcome = await runCloudInit(t, { disk: vfatDisk(files), ...LOOKS })
      assert.match(outcome.log, /TypeError: startswith first arg must be bytes/)
      assert.deepEqual([outcome.dataSource, outcome.read('/var/lib/delivered').length], ['DataSourceNone', 0])
    })

    it('are what HEPiX images have, and run, by the method for them', async (t) => {
      const { one, gateway } = await open(t)
      const shown = await runningOf(gateway, await create(gateway, { ...(await madeOf(gateway)), userData: HEPIX }))
      const contextSh = await contextShOf(one, shown)
      assert.equal(valueIn(contextSh, 'CONTEXT_METHOD'), undefined)
      for (const [shell, { debianPackage, command }] of Object.entries(SHELLS)) {
        if (!need(t, command[0], debianPackage)) continue
        const taken = takenByShell(shell, contextSh)
        const { userData, publicKey } = taken
        assert.deepEqual([sha256(userData), publicKey, taken.run()], [sha256(HEPIX), KEY, sha256(HEPIX)], shell)
      }
      assert.equal(shown.userDataSha256, sha256(HEPIX))
    })

    it('are refused before anything is made, where they are no text that its disk for cloud-init could hold', async (t) => {
      const { one, gateway } = await open(t)
      const response = await create(gateway, { ...(await madeOf(gateway)), userData: COMPRESSED.bytes })
      assert.match(await response.text(), /userData: .*UTF-8/)
      assert.deepEqual([response.status, one.vms().length], [501, 0])
    })

    it('are in the shell of an image without cloud-init, text or not, where the site has one method for all', async (t) => {
      const { one, gateway } = await open(t, 'contextMethod = "one"')
      const made = await madeOf(gateway)
      for (const [kind, { bytes }] of Object.entries(SENT)) {
        const shown = await runningOf(gateway, await create(gateway, { ...made, userData: bytes }))
        const contextSh = await contextShOf(one, shown)
        for (const [shell, { debianPackage, command }] of Object.entries(SHELLS)) {
          if (!need(t, command[0], debianPackage)) continue
          assert.equal(sha256(takenByShell(shell, contextSh).userData), shown.userDataSha256, `${shell}, ${kind}`)
        }
        assert.equal(shown.userDataSha256, sha256(bytes))
      }
    })
  })
