import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { isHostname, toPublicKey, type PublicKey } from '../model/context.ts'
import { CloudError, reasonOf } from '../model/errors.ts'

/** @throws {CloudError} invalid when a name is given that no guest can have */
export function checkHostname(hostname: string | undefined): void {
  if (hostname !== undefined && !isHostname(hostname))
    throw new CloudError(
      'invalid',
      `--hostname: "${hostname}" cannot be a hostname (letters, digits and - in each part)`,
    )
}

/** The bytes of a file, or of standard input where `path` is `-`. @throws {CloudError} invalid when it cannot be read */
export async function readInput(path: string, what: string): Promise<Uint8Array> {
  try {
    return path === '-' ? await buffer(process.stdin) : await readFile(path)
  } catch (cause) {
    throw new CloudError('invalid', `${what}: cannot read ${path}: ${reasonOf(cause)}`, { cause })
  }
}

/** The public keys in an authorized_keys or `.pub` file; blank lines and comments are passed over. */
export async function readPublicKeys(path: string): Promise<readonly PublicKey[]> {
  const text = Buffer.from(await readInput(path, '--ssh-key')).toString('utf8')
  if (text.includes('PRIVATE KEY'))
    throw new CloudError('invalid', `--ssh-key: ${path} is a private key; give its .pub file`)
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new CloudError('invalid', `--ssh-key: ${path} holds no key`)
  return lines.map((line) => toPublicKey(line))
}
