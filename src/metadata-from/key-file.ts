import { randomBytes } from 'node:crypto'
import { CloudError, reasonOf } from '../model/errors.ts'
import { secretFile } from '../store/secret-file.ts'

const KEY_BYTES = 32

/**
 * The key that signs the tokens of guests' sessions: made at the first start and kept, with mode 0600, so that tokens are good after
 * restarts, and with every process that reads the same file.
 *
 * @throws {CloudError} unavailable when the file can be neither read nor made, or holds something else
 */
export async function keyFrom(path: string): Promise<Uint8Array> {
  try {
    const text = await secretFile(path, () => randomBytes(KEY_BYTES).toString('hex'))
    if (!/^[\da-f]{64}$/.test(text)) throw new Error('it holds no key; remove it, and a new one is made')
    return Buffer.from(text, 'hex')
  } catch (cause) {
    throw new CloudError(
      'unavailable',
      `the file of the sessions' key ${path} cannot be used: ${reasonOf(cause)}; name another with --key-file`,
      { cause },
    )
  }
}
