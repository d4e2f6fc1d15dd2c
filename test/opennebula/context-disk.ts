import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DISKS } from '../../src/disks/index.ts'
import type { ContextFiles } from './model.ts'

const run = promisify(execFile)

/**
 * A context disk as the front end makes it. Where genisoimage is not installed our own writer stands in.
 *
 * @param label absent: none is given, which genisoimage writes as `CDROM`
 */
export async function contextDisk(files: ContextFiles, label: string | undefined): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'context-disk-'))
  try {
    const root = await mkdtemp(join(folder, 'root-'))
    for (const [name, bytes] of files) await writeFile(join(root, name), bytes)
    const image = join(folder, 'image.iso')
    await run('genisoimage', ['-quiet', '-o', image, ...(label === undefined ? [] : ['-V', label]), '-J', '-R', root])
    return await readFile(image)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    const tree = new Map([...files].map(([name, bytes]) => [name, { bytes }] as const))
    return DISKS.iso.write(tree, { label: label ?? 'CDROM' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
