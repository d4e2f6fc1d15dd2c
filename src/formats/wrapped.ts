import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import { unpack } from './gzip.ts'
import { detect, formatCalled } from './index.ts'

// No line of base64, and none of a cloud-config of ours, begins like this.
const BOUNDARY = '==bellhop-wraps-untouched-data=='

/** RFC 2045 section 6.8 */
const LINE_CHARACTERS = 76

/**
 * What of a cloud-config is merged into those before: no more than is not there yet, whatever rules the user has for his own. No
 * merger is named for lists and texts, so that these too stay as they are where ours has something else.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/merging.html
 */
const MERGE_TYPE = 'dict(no_replace)'

/**
 * A MIME message of which cloud-init takes the user's data first, his very bytes, in base64, as one part, and so does with them what
 * it would do without us: a script has its usual name. Then it takes a cloud-config of ours, of which no key replaces one of his.
 *
 * @param beside a cloud-config of ASCII
 * @throws {CloudError} unsupported where cloud-init would not take the data as a part, or not as they are
 */
export function wrapUserData(userData: Uint8Array, beside: string): Uint8Array {
  const lines = [
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    'MIME-Version: 1.0',
    '',
    `--${BOUNDARY}`,
    `Content-Type: ${typeOf(userData)}`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(userData)
      .toString('base64')
      .match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? []),
    `--${BOUNDARY}`,
    'Content-Type: text/cloud-config; charset="us-ascii"',
    // So cloud-init names it where it tells of what a machine's configuration was made.
    'Content-Disposition: attachment; filename="bellhop-reporting"',
    `Merge-Type: ${MERGE_TYPE}`,
    '',
    beside,
    `--${BOUNDARY}--`,
    '',
  ]
  return Buffer.from(lines.join('\n'))
}

function typeOf(userData: Uint8Array): string {
  const { name, title, cloudInit, gzip } = detect(userData)
  if (gzip && !isPackedAscii(userData))
    throw new CloudError(
      'unsupported',
      `wrap: userData is ${title}, with bytes beyond ASCII, which cloud-init spoils in a packed part: send it unpacked, or leave it unwrapped`,
    )
  const type = gzip ? 'application/gzip' : formatCalled(name)?.contentType
  // What HEPiX's programs look for in the whole, they would not find in a part; a message is a whole of its own.
  if (cloudInit === 'runs' && type !== undefined && name !== 'hepix' && name !== 'multipart') return type
  throw new CloudError(
    'unsupported',
    `wrap: userData is ${title}, which cloud-init does not take as a part of a message: leave it unwrapped`,
  )
}

function isPackedAscii(packed: Uint8Array): boolean {
  const unpacked = unpack(packed)
  return 'bytes' in unpacked && unpacked.bytes.every((byte) => byte < 0x80)
}
