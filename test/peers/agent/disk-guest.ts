import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { TestContext } from 'node:test'
import { baseDir } from '../../../src/base-dir.ts'
import { demoModules } from '../../../src/providers/qemu/demo-guest/build.ts'
import { builtOnce } from '../../../src/providers/qemu/demo-guest/built-once.ts'
import { writeCpio } from '../../../src/providers/qemu/demo-guest/cpio.ts'
import { inLoadingOrder } from '../../../src/providers/qemu/demo-guest/modules.ts'
import { unpackGuestParts } from '../../../src/providers/qemu/demo-guest/packages.ts'
import { COMMAND_LINE, demoGuestDir, initramfs } from '../../../src/providers/qemu/demo-guest/recipe.ts'
import { AGENT } from '../../agent/run-agent.ts'
import { run } from '../injection-images.ts'

/** What its kernel loads to mount its own disk. */
const ROOT_MODULES = ['ext4', 'crc32c_generic']
const HAND_OVER = new URL('hand-over.sh', import.meta.url)
const FOLDERS = 'bin dev etc/init.d proc root run sbin sys tmp usr/local/sbin var/lib'.split(' ')
const SCRIPTS: Readonly<Record<string, string | URL>> = {
  'sbin/init': new URL('disk-init.sh', import.meta.url),
  'etc/init.d/bellhop-agent': `${AGENT}.init`,
  'usr/local/sbin/bellhop-agent': AGENT,
}
const DISK_MIB = 16

/**
 * Makes a machine that has its system on a disk of its own, as usual ones do: ext4, with busybox and the agent, and no cloud-init.
 * Kernel, drivers and busybox are the demo guest's; they are kept, while the disk is made anew with the agent as it is now.
 *
 * @returns the folder, an image for the QEMU provider
 * @throws {CloudError} unavailable when Debian's packages cannot be had
 */
export async function makeDiskGuest(folder: string, t: Pick<TestContext, 'diagnostic'>): Promise<string> {
  const parts = await guestParts(t)
  const [image, root] = [join(folder, 'disk-guest'), join(folder, 'disk-guest-root')]
  for (const path of FOLDERS) await mkdir(join(root, path), { recursive: true })
  await copyFile(join(parts, 'busybox'), join(root, 'bin', 'busybox'))
  await symlink('busybox', join(root, 'bin', 'sh'))
  for (const [path, source] of Object.entries(SCRIPTS))
    await writeFile(join(root, path), await readFile(source), { mode: 0o755 })
  await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  await mkdir(image)
  for (const name of ['kernel', 'initrd', 'cmdline']) await symlink(join(parts, name), join(image, name))
  const raw = join(folder, 'disk-guest.raw')
  await writeFile(raw, '')
  await truncate(raw, DISK_MIB * 1024 ** 2)
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', root, raw)
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, join(image, 'disk.qcow2'))
  return image
}

/** A folder with `kernel`, `initrd`, `cmdline` and `busybox`; the first call builds it. */
export function guestParts(t: Pick<TestContext, 'diagnostic'>): Promise<string> {
  return builtOnce(cacheDir(), (work, result) => buildParts(work, result, t))
}

async function buildParts(work: string, result: string, t: Pick<TestContext, 'diagnostic'>): Promise<void> {
  const { kernel, busybox, findModule } = await unpackGuestParts(work, (line) => t.diagnostic(line))
  const modules = demoModules(findModule)
  const root = inLoadingOrder(ROOT_MODULES, findModule, Object.values(modules).flat())
  const demo = initramfs(await readFile(busybox), { ...modules, root })
  const init = { path: 'init', kind: 'file', bytes: await readFile(HAND_OVER), mode: 0o755 } as const
  await copyFile(kernel, join(result, 'kernel'))
  await copyFile(busybox, join(result, 'busybox'))
  await writeFile(join(result, 'initrd'), writeCpio([...demo.filter(({ path }) => path !== 'init'), init]))
  await writeFile(join(result, 'cmdline'), `${COMMAND_LINE}\n`)
}

/** A changed recipe, of the demo guest's too, is another guest. */
function cacheDir(): string {
  const hash = createHash('sha256').update(basename(demoGuestDir()))
  for (const source of [HAND_OVER, new URL(import.meta.url)]) hash.update(readFileSync(source))
  return join(baseDir('cache'), 'agent-guest', hash.digest('hex').slice(0, 12))
}
