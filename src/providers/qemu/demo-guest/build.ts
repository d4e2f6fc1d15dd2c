import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCpio } from './cpio.ts'
import { builtOnce } from './built-once.ts'
import { inLoadingOrder, type KernelModule, type ModuleFinder } from './modules.ts'
import { unpackGuestParts } from './packages.ts'
import { COMMAND_LINE, demoGuestDir, initramfs, MODULES } from './recipe.ts'

/** Options of {@link buildDemoGuest}; `dir` is where the guest goes (a folder of its own). */
export interface BuildOptions {
  readonly dir?: string
  readonly log?: (line: string) => void
}

/**
 * Builds the demo guest (`kernel`, `initrd`, `cmdline`) from Debian's packages, unless it is built already.
 *
 * Nothing is installed and root is not needed: the packages are downloaded and unpacked. The folder appears whole or not
 * at all; of two builders at once the first wins and both succeed.
 *
 * @returns the folder with the guest
 * @throws {CloudError} unavailable when a package cannot be had or unpacked
 */
export async function buildDemoGuest({ dir = demoGuestDir(), log = () => {} }: BuildOptions = {}): Promise<string> {
  return builtOnce(dir, async (work, result) => {
    const parts = await unpackGuestParts(work, (line) => log(`demo guest: ${line}`))
    log('demo guest: writing the initramfs')
    await copyFile(parts.kernel, join(result, 'kernel'))
    // Not compressed: QEMU hands it over at once, while an emulated guest is slow to unpack.
    const archive = writeCpio(initramfs(await readFile(parts.busybox), demoModules(parts.findModule)))
    await writeFile(join(result, 'initrd'), archive)
    await writeFile(join(result, 'cmdline'), `${COMMAND_LINE}\n`)
    log(`demo guest: ready in ${dir}`)
  })
}

/** The lists of modules that the demo guest loads. @throws {CloudError} invalid when a module that another needs is missing */
export function demoModules(find: ModuleFinder): Readonly<Record<keyof typeof MODULES, readonly KernelModule[]>> {
  const base = inLoadingOrder(MODULES.base, find)
  return {
    base,
    network: inLoadingOrder(MODULES.network, find, base),
    disk: inLoadingOrder(MODULES.disk, find, base),
  }
}
