import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { AGENT } from '../../agent/run-agent.ts'
import { debianGuest } from '../debian-guest/guest.ts'
import { run } from '../injection-images.ts'
import { guestParts } from './disk-guest.ts'

const NETWORK = `[Match]
Name=eth0
[Network]
DHCP=yes
`

/**
 * Makes a Debian with systemd that has the agent in cloud-init's place: as the how-to has it, with its unit enabled. Debian's
 * smallest system has no client for servers, so busybox stands in for wget.
 *
 * @returns the folder, an image for the QEMU provider
 */
export async function makeSystemdGuest(folder: string, t: Pick<TestContext, 'diagnostic'>): Promise<string> {
  const [debian, parts] = [await debianGuest(), await guestParts(t)]
  const [image, raw] = [join(folder, 'systemd-guest'), join(folder, 'systemd-guest.raw')]
  const [network, commands] = [join(folder, 'eth0.network'), join(folder, 'commands')]
  await writeFile(network, NETWORK)
  await writeFile(
    commands,
    `
rm /usr/bin/cloud-init
rm /lib/systemd/system-generators/cloud-init-generator
cd /usr/local/sbin
write ${AGENT} bellhop-agent
sif bellhop-agent mode 0100755
write ${join(parts, 'busybox')} wget
sif wget mode 0100755
cd /etc/systemd/network
write ${network} eth0.network
cd /etc/systemd/system
write ${AGENT}.service bellhop-agent.service
cd multi-user.target.wants
symlink bellhop-agent.service /etc/systemd/system/bellhop-agent.service
`,
  )
  run('qemu-img', 'convert', '-O', 'raw', join(debian, 'disk.qcow2'), raw)
  run('debugfs', '-w', '-f', commands, raw)
  await mkdir(image)
  for (const name of ['kernel', 'initrd', 'cmdline']) await symlink(join(debian, name), join(image, name))
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, join(image, 'disk.qcow2'))
  return image
}
