import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * The line that a file with mode 0600 keeps, which is made where there is none: whole or not at all, so that of two that start at
 * once one makes it, and none reads half of it.
 *
 * @throws what the file system says
 */
export async function secretFile(path: string, make: () => string): Promise<string> {
  const kept = await read(path)
  if (kept !== undefined) {
    await chmod(path, 0o600)
    return kept
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const made = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(made, `${make()}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await link(made, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(made)
  }
  return (await readFile(path, 'utf8')).trim()
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
