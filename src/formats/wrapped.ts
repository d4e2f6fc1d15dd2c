import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import { detect, formatCalled } from './index.ts'

// No line of base64, and none of a cloud-config of ours, begins like this.
const BOUNDARY = '==bellhop-wraps-untouched-data=='

/** RFC 2045 section 6.8 */
const LINE_CHARACTERS = 76

/**
 * A MIME message of which cloud-init takes a cloud-config of ours, then the user's data: his very bytes, in base64, as one part.
 * Where both say the same key, the later one's is taken, which is his.
 *
 * @param beside a cloud-config of ASCII
 * @throws {CloudError} unsupported where cloud-init would not take the data as a part
 */
export function wrapUserData(userData: Uint8Array, beside: string): Uint8Array {
  const lines = [
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    'MIME-Version: 1.0',
    '',
    `--${BOUNDARY}`,
    'Content-Type: text/cloud-config; charset="us-ascii"',
    '',
    beside,
    `--${BOUNDARY}`,
    `Content-Type: ${typeOf(userData)}`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(userData)
      .toString('base64')
      .match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? []),
    `--${BOUNDARY}--`,
    '',
  ]
  return Buffer.from(lines.join('\n'))
}

function typeOf(userData: Uint8Array): string {
  const { name, title, cloudInit, gzip } = detect(userData)
  const type = gzip ? 'application/gzip' : formatCalled(name)?.contentType
  // What HEPiX's programs look for in the whole, they would not find in a part; a message is a whole of its own.
  if (cloudInit === 'runs' && type !== undefined && name !== 'hepix' && name !== 'multipart') return type
  throw new CloudError(
    'unsupported',
    `wrap: userData is ${title}, which cloud-init does not take as a part of a message: leave it unwrapped`,
  )
}
