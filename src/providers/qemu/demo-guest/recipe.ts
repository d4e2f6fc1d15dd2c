import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type CpioEntry } from './cpio.ts'
import { type KernelModule } from './modules.ts'

/** The Debian packages that the demo guest is made of; the first only depends on the newest kernel. */
export const KERNEL_METAPACKAGE = 'linux-image-cloud-amd64'
export const BUSYBOX_PACKAGE = 'busybox-static'

/** Kernel modules by when the guest loads them: always, to ask the metadata server, to read a disk. */
export const MODULES = {
  base: ['virtio_pci', 'virtio_rng', 'button', 'evdev'],
  network: ['virtio_net', 'af_packet'],
  disk: ['virtio_blk', 'virtio_scsi', 'sr_mod', 'isofs', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8'],
} as const

/** What the kernel is told. `quiet`: its own messages would only slow the serial console down. */
export const COMMAND_LINE = 'console=ttyS0 quiet random.trust_cpu=on'

const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'etc/acpi',
  'etc/acpi/PWRF',
  'lib',
  'lib/modules',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr',
  'var',
]
const LINKS: Readonly<Record<string, string>> = {
  'bin/sh': 'busybox',
  sbin: 'bin',
  'usr/bin': '../bin',
  'usr/sbin': '../bin',
}
// The folder is beside src/ and beside dist/ alike.
const SOURCES = new URL('../../../../guest/demo/', import.meta.url)
const SCRIPTS: Readonly<Record<string, string>> = {
  init: 'init',
  'etc/udhcpc.script': 'udhcpc.script',
  'etc/acpi/PWRF/00000080': 'power-off',
}

/** What is in the guest's initramfs, given busybox and the modules of each list in loading order. */
export function initramfs(
  busybox: Uint8Array,
  modules: Readonly<Record<string, readonly KernelModule[]>>,
): readonly CpioEntry[] {
  const files = new Map<string, { bytes: Uint8Array; mode: number }>([['bin/busybox', { bytes: busybox, mode: 0o755 }]])
  for (const [path, source] of Object.entries(SCRIPTS))
    files.set(path, { bytes: readFileSync(new URL(source, SOURCES)), mode: 0o755 })
  for (const [list, members] of Object.entries(modules)) {
    for (const { name, bytes } of members) files.set(`lib/modules/${name}.ko`, { bytes, mode: 0o644 })
    const names = members.map(({ name }) => `${name}\n`).join('')
    files.set(`lib/modules/${list}.list`, { bytes: Buffer.from(names, 'utf8'), mode: 0o644 })
  }
  return [
    ...FOLDERS.map((path) => ({ path, kind: 'folder' as const })),
    ...Object.entries(LINKS).map(([path, target]) => ({ path, kind: 'link' as const, target })),
    ...[...files].map(([path, file]) => ({ path, kind: 'file' as const, ...file })),
  ]
}

/** Names everything that shapes the guest but the packages' versions: a changed recipe is another guest. */
function recipeVersion(): string {
  const recipe = { MODULES, COMMAND_LINE, FOLDERS, LINKS, SCRIPTS }
  const hash = createHash('sha256').update(JSON.stringify(recipe))
  for (const source of Object.values(SCRIPTS)) hash.update(readFileSync(new URL(source, SOURCES)))
  return hash.digest('hex').slice(0, 12)
}

/** Where the demo guest stands once it is built: `$XDG_CACHE_HOME/bellhop/demo-guest/<version>`. */
export function demoGuestDir(environment: NodeJS.ProcessEnv = process.env): string {
  // As the XDG specification has it, empty is as good as not set.
  const cache = environment['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'bellhop', 'demo-guest', recipeVersion())
}
