import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { sha256 } from './model/digest.ts'
import { CloudError, reasonOf } from './model/errors.ts'
import type { KnownToken } from './service/access.ts'
import { secretFile } from './store/secret-file.ts'

const TOKEN_BYTES = 32

/** Where a Bellhop with this state folder keeps its own token. */
export function tokenPath(stateDir: string): string {
  return join(stateDir, 'token')
}

/**
 * The token of whoever runs this Bellhop, for where none is configured: made at the first start, kept in `<stateDir>/token`
 * with mode 0600.
 *
 * @throws {CloudError} unavailable when the file cannot be used
 */
export async function ownToken(stateDir: string): Promise<{ readonly path: string; readonly known: KnownToken }> {
  const path = tokenPath(stateDir)
  try {
    const token = await secretFile(path, () => randomBytes(TOKEN_BYTES).toString('base64url'))
    if (token === '') throw new Error('it is empty; remove it, and a new one is made')
    const known = { sha256: sha256(Buffer.from(token, 'utf8')), subject: 'operator', project: 'default' }
    return { path, known }
  } catch (cause) {
    throw new CloudError('unavailable', `the token's file ${path} cannot be used: ${reasonOf(cause)}`, { cause })
  }
}
