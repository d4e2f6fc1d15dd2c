import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../../src/model/digest.ts'
import { qemuProvider } from '../../src/providers/qemu/index.ts'
import type { Provider } from '../../src/providers/provider.ts'
import { makeSystemdGuest } from './agent/systemd-guest.ts'
import { needDebianGuest } from './debian-guest/guest.ts'
import { boot, call, serveMetadata } from './demo-guest.ts'
import { needImages, testFolder } from './injection-images.ts'

/** An emulated boot takes about a minute on an idle host. */
const BOOT_LIMIT_MS = 300_000
/** What it leaves running waits for the end of its unit, and tells how that is. */
const USER_DATA = `#!/bin/sh
printf '\\n%s\\n' "it runs as $(id -un) on $(hostname)" >/dev/console
(
  while [ "$(systemctl is-active bellhop-agent)" = activating ]; do sleep 1; done
  systemctl show --property ActiveState,Result,ExecMainStatus bellhop-agent >/dev/console
  command -v cloud-init >/dev/console || echo 'there is no cloud-init' >/dev/console
  echo 'all was shown' >/dev/console
) &
`

it('the agent is started by systemd once the network is there, and applies nothing in the next boot', async (t) => {
  if (!needDebianGuest(t) || !needImages(t)) return
  const folder = await testFolder(t)
  const image = { path: await makeSystemdGuest(folder, t) }
  const provider = qemuProvider({ stateDir: `${folder}/qemu`, images: [image], stopGraceMs: 0 })
  const { socketPath } = await serveMetadata(t, {
    '/openstack/latest/meta_data.json': '{"uuid":"x","hostname":"web-1"}',
    '/openstack/latest/user_data': USER_DATA,
  })
  const id = await boot(provider, [{ method: 'metadata', socketPath }])
  t.after(() => provider.delete(id, call()))

  const first = await untilShown(provider, id, /^all was shown/m)
  assert.match(first, /^it runs as root on web-1\r?$/m)
  assert.match(first, /^BELLHOP \{"agent":"agent","stage":"applied","method":"metadata","exitCode":0,/m)
  assert.ok(first.includes(sha256(Buffer.from(USER_DATA))))
  for (const shown of ['ActiveState=active', 'Result=success', 'ExecMainStatus=0', 'there is no cloud-init'])
    assert.match(first, new RegExp(`^${shown}\r?$`, 'm'))

  await provider.act(id, 'restart', call())
  const second = (await untilShown(provider, id, /^BELLHOP .*"stage":"finished".*nothing is applied again/m)).slice(
    first.length,
  )
  assert.doesNotMatch(second, /it runs/)
})

async function untilShown(provider: Provider, id: string, pattern: RegExp): Promise<string> {
  let text = ''
  for (const until = Date.now() + BOOT_LIMIT_MS; !pattern.test(text); await sleep(500)) {
    assert.ok(Date.now() < until, `the guest did not say ${pattern}, but:\n${text}`)
    text = (await provider.console?.(id, 0, call()))?.text ?? ''
  }
  return text
}
