import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { CloudError, reasonOf } from '../../../model/errors.ts'
import { moduleName, type ModuleFinder } from './modules.ts'
import { BUSYBOX_PACKAGE, KERNEL_METAPACKAGE } from './recipe.ts'

const run = promisify(execFile)

/** What Debian has for a small guest: the files' paths, and the modules that go with the kernel. */
export interface GuestParts {
  readonly kernel: string
  readonly busybox: string
  readonly findModule: ModuleFinder
}

/**
 * Downloads Debian's newest kernel and its busybox, and unpacks them in a folder. Nothing is installed.
 *
 * @throws {CloudError} unavailable when a package cannot be had or unpacked
 */
export async function unpackGuestParts(work: string, log: (line: string) => void): Promise<GuestParts> {
  const kernelPackage = await newestKernel()
  log(`downloading ${kernelPackage} and ${BUSYBOX_PACKAGE}`)
  const root = await unpack([kernelPackage, BUSYBOX_PACKAGE], work)
  const kernel = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-'))
  if (!kernel) throw new CloudError('unavailable', 'the kernel package holds no boot/vmlinuz-*')
  return {
    kernel: join(root, 'boot', kernel),
    busybox: join(root, 'bin', 'busybox'),
    findModule: await moduleFinder(join(root, 'lib/modules')),
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

async function moduleFinder(folder: string): Promise<ModuleFinder> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.ko'))
  const byName = new Map(paths.map((path) => [moduleName(basename(path)), join(folder, path)]))
  return (name) => {
    const path = byName.get(name)
    return path === undefined ? undefined : readFileSync(path)
  }
}
