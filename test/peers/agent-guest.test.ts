import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { writeContextDisk } from '../../src/deliveries/disk.ts'
import { GUEST_DISKS } from '../../src/layouts/guest-disks.ts'
import { sha256 } from '../../src/model/digest.ts'
import { AGENT } from '../agent/run-agent.ts'
import { WEB } from '../conformance/metadata-samples.ts'
import { boot, needQemu, openQemu, serveMetadata, untilSays } from './demo-guest.ts'

/** The demo guest gets the agent as its user data, and runs it: a machine with busybox alone, and the kernel's own drivers. */
const USER_DATA = `#!/bin/sh
cat >/run/bellhop-agent <<'END-OF-THE-AGENT'
${readFileSync(AGENT, 'utf8')}END-OF-THE-AGENT
mkdir -p /root
sh /run/bellhop-agent --only disk --wait 6
echo "the agent ended with $?"
echo "hostname: $(hostname)"
cat /root/.ssh/authorized_keys
grep bellhop-agent /proc/mounts && echo 'still mounted'
echo 'all was shown'
`

const DIGEST = sha256(WEB.userData ?? new Uint8Array())

describe('the agent in a machine with busybox alone', () => {
  for (const guest of ['cloud-init', 'one-context', 'stratuslab'])
    it(`applies the disk of ${guest}`, async (t) => {
      if (!needQemu(t)) return
      const disk = GUEST_DISKS[guest]
      assert.ok(disk)
      const { said, words } = await runWith(t, writeContextDisk(WEB, disk), disk.format)
      assert.match(said, /^user-data: the agent ended with 0\r?$/m)
      assert.match(said, new RegExp(`^user-data: ${WEB.publicKeys[0]?.text}\r?$`, 'm'))
      assert.doesNotMatch(said, /still mounted/)
      assert.deepEqual(
        words.map(({ stage, method, sha256, exitCode }) => ({ stage, method, sha256, exitCode })),
        [
          { stage: 'fetched', method: 'disk', sha256: DIGEST, exitCode: undefined },
          { stage: 'applied', method: 'disk', sha256: DIGEST, exitCode: 0 },
        ],
      )
    })

  it('finds nothing on a disk that was cut off, and ends', async (t) => {
    if (!needQemu(t)) return
    const disk = GUEST_DISKS['cloud-init']
    assert.ok(disk)
    const image = writeContextDisk(WEB, disk).subarray(0, 22 * 2048)
    const { said, words } = await runWith(t, image, disk.format)
    assert.match(said, /^user-data: the agent ended with 3\r?$/m)
    assert.equal(words.at(-1)?.stage, 'finished')
  })
})

interface Word {
  readonly stage: string
  readonly method?: string
  readonly sha256?: string
  readonly exitCode?: number
}

async function runWith(
  t: Parameters<typeof openQemu>[0] & Parameters<typeof serveMetadata>[0],
  image: Uint8Array,
  format: 'iso' | 'vfat',
) {
  const served = { '/openstack/latest/meta_data.json': '{"uuid":"x"}', '/openstack/latest/user_data': USER_DATA }
  const { socketPath } = await serveMetadata(t, served)
  const { provider } = await openQemu(t)
  const id = await boot(provider, [
    { method: 'metadata', socketPath },
    { method: 'disk', image, format },
  ])
  const said = await untilSays(provider, id, /^user-data: all was shown/m)
  const lines = said.matchAll(/^BELLHOP (\{"agent":"agent".*\})\r?$/gm)
  return { said, words: [...lines].map(([, json = '']) => JSON.parse(json) as Word) }
}
