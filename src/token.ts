import { randomBytes } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from './model/digest.ts'
import { CloudError, reasonOf } from './model/errors.ts'
import type { KnownToken } from './service/access.ts'

const TOKEN_BYTES = 32

/**
 * The token of whoever runs this Bellhop, for where none is configured: made at the first start, kept in `<stateDir>/token`
 * with mode 0600.
 *
 * @throws {CloudError} unavailable when the file cannot be used
 */
export async function ownToken(stateDir: string): Promise<{ readonly path: string; readonly known: KnownToken }> {
  const path = join(stateDir, 'token')
  try {
    const token = await readOrMake(path)
    const known = { sha256: sha256(Buffer.from(token, 'utf8')), subject: 'operator', project: 'default' }
    return { path, known }
  } catch (cause) {
    throw new CloudError('unavailable', `the token's file ${path} cannot be used: ${reasonOf(cause)}`, { cause })
  }
}

async function readOrMake(path: string): Promise<string> {
  const made = randomBytes(TOKEN_BYTES).toString('base64url')
  try {
    // Of two that start at once, one makes the file and both use it.
    await writeFile(path, `${made}\n`, { mode: 0o600, flag: 'wx' })
    return made
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const kept = (await readFile(path, 'utf8')).trim()
  if (kept === '') throw new Error('it is empty; remove it, and a new one is made')
  await chmod(path, 0o600)
  return kept
}
