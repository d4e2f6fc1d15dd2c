import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { CloudError, reasonOf } from '../../../model/errors.ts'
import { writeCpio } from './cpio.ts'
import { inLoadingOrder, moduleName } from './modules.ts'
import { BUSYBOX_PACKAGE, COMMAND_LINE, demoGuestDir, initramfs, KERNEL_METAPACKAGE, MODULES } from './recipe.ts'

const run = promisify(execFile)

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
export async function buildDemoGuest(options: BuildOptions = {}): Promise<string> {
  const dir = options.dir ?? demoGuestDir()
  const log = options.log ?? (() => {})
  if (await exists(join(dir, 'kernel'))) return dir
  await mkdir(dirname(dir), { recursive: true })
  const work = await mkdtemp(`${dir}.`)
  try {
    const kernelPackage = await newestKernel()
    log(`demo guest: downloading ${kernelPackage} and ${BUSYBOX_PACKAGE}`)
    const root = await unpack([kernelPackage, BUSYBOX_PACKAGE], work)
    log('demo guest: writing the initramfs')
    const result = await assemble(root, join(work, 'result'))
    await rename(result, dir).catch(async (error: unknown) => {
      if (!(await exists(join(dir, 'kernel')))) throw error
    })
    log(`demo guest: ready in ${dir}`)
    return dir
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function newestKernel(): Promise<string> {
  const description = await debian('apt-cache', ['show', '--no-all-versions', KERNEL_METAPACKAGE])
  const name = /^Depends: (linux-image-\S+)/m.exec(description)?.[1]
  if (!name)
    throw new CloudError('unavailable', `${KERNEL_METAPACKAGE}: apt names no kernel package that it depends on`)
  return name
}

async function unpack(packages: readonly string[], work: string): Promise<string> {
  const [downloads, root] = [join(work, 'packages'), join(work, 'root')]
  await mkdir(downloads)
  // apt's own user may not enter our folder; it then only warns, unless it is told not to change to that user.
  await debian('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', ...packages], downloads)
  for (const name of await readdir(downloads)) await debian('dpkg-deb', ['-x', join(downloads, name), root])
  return root
}

async function debian(program: string, parameters: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await run(program, parameters, { maxBuffer: 16 * 1024 * 1024, ...(cwd ? { cwd } : {}) })
    return stdout
  } catch (cause) {
    const advice = 'the demo guest is built on Debian, after apt-get update'
    throw new CloudError('unavailable', `${program} ${parameters[0]}: ${reasonOf(cause).trim()} (${advice})`, { cause })
  }
}

async function assemble(root: string, result: string): Promise<string> {
  const kernel = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-'))
  if (!kernel) throw new CloudError('unavailable', 'the kernel package holds no boot/vmlinuz-*')
  const find = await moduleFinder(join(root, 'lib/modules'))
  const base = inLoadingOrder(MODULES.base, find)
  const network = inLoadingOrder(MODULES.network, find, base)
  const disk = inLoadingOrder(MODULES.disk, find, base)
  await mkdir(result)
  await copyFile(join(root, 'boot', kernel), join(result, 'kernel'))
  // Not compressed: QEMU hands it over at once, while an emulated guest is slow to unpack.
  const archive = writeCpio(initramfs(await readFile(join(root, 'bin/busybox')), { base, network, disk }))
  await writeFile(join(result, 'initrd'), archive)
  await writeFile(join(result, 'cmdline'), `${COMMAND_LINE}\n`)
  return result
}

async function moduleFinder(folder: string): Promise<(name: string) => Uint8Array | undefined> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.ko'))
  const byName = new Map(paths.map((path) => [moduleName(basename(path)), join(folder, path)]))
  return (name) => {
    const path = byName.get(name)
    return path === undefined ? undefined : readFileSync(path)
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
