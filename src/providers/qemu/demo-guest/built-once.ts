import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Fills a folder, unless it is there. It appears whole or not at all; of two builders at once the first wins and both succeed.
 *
 * @param build writes to `result`, which is empty; what else it needs it keeps in `work`
 * @returns the folder
 */
export async function builtOnce(dir: string, build: (work: string, result: string) => Promise<void>): Promise<string> {
  if (await exists(dir)) return dir
  await mkdir(dirname(dir), { recursive: true })
  const work = await mkdtemp(`${dir}.`)
  try {
    const result = join(work, 'result')
    await mkdir(result)
    await build(work, result)
    await rename(result, dir).catch(async (error: unknown) => {
      if (!(await exists(dir))) throw error
    })
    return dir
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
