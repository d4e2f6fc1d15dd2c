import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { injectFiles } from '../../src/deliveries/injection.ts'
import type { Customized } from './model.ts'

/** The programs that this needs, each with its Debian package. */
export const EXT4_PROGRAMS = [
  ['mke2fs', 'e2fsprogs'],
  ['debugfs', 'e2fsprogs'],
  ['e2fsck', 'e2fsprogs'],
] as const

/** What a stock image has, as far as files are put there. */
const STOCK = ['etc/cloud/cloud.cfg.d', 'var/lib', 'root', 'home', 'tmp']
const SIZE = '16M'

/**
 * Puts what snf-image makes into a real file system, and takes it out again. Needs root, for the owners.
 *
 * @returns a folder with all that is in it, modes and owners too; it ends with the test
 */
export async function throughExt4(
  t: { readonly after: (close: () => Promise<void>) => unknown },
  { files, folders }: Pick<Customized, 'files' | 'folders'>,
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'bellhop-ext4-'))
  t.after(() => rm(work, { recursive: true }))
  const [stock, out, image] = [join(work, 'stock'), join(work, 'out'), join(work, 'image')]
  for (const each of STOCK) await mkdir(join(stock, each), { recursive: true, mode: 0o755 })
  // The deepest stand first.
  for (const [path, { mode, uid, gid }] of [...folders].toReversed()) {
    await mkdir(join(stock, path))
    await chmod(join(stock, path), mode)
    await chown(join(stock, path), uid, gid)
  }
  await mkdir(out)
  run('mke2fs', '-q', '-t', 'ext4', '-d', stock, image, SIZE)
  const disk = { folder: work, file: 'image', format: 'raw', virtualBytes: (await stat(image)).size } as const
  await injectFiles(disk, new Map([...files].map(([path, file]) => [path.replace(/^\//, ''), file])))
  run('e2fsck', '-f', '-n', image)
  // It ends with 0 whatever happened: whoever reads the folder compares.
  run('debugfs', '-R', `rdump / "${out}"`, image)
  return out
}

function run(program: string, ...parameters: readonly string[]): void {
  execFileSync(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
}
