import type { Buffer } from 'node:buffer'

/** What the first bytes of a qcow2 image tell of what it needs beside itself. */
export interface Qcow2Header {
  /** Bytes that a guest sees. */
  readonly virtualBytes: number
  readonly hasBackingFile: boolean
  /** The data are in another file. */
  readonly hasDataFile: boolean
  readonly isEncrypted: boolean
  /** It was not closed, or QEMU found it damaged. */
  readonly isUnclean: boolean
  readonly snapshots: number
}

/** So many bytes are enough for {@link readQcow2Header}. */
export const QCOW2_HEADER_BYTES = 104

const MAGIC = 0x514649fb
const INCOMPATIBLE = { dirty: 1n, corrupt: 2n, dataFile: 4n } as const

/**
 * Reads a qcow2 header; `undefined` where it is none of version 2 or 3. Read here, and not by QEMU, for a hostile image may name
 * files of this host, and QEMU would open them.
 *
 *      0  4  "QFI" FB              32  4  encryption, 0 is none
 *      4  4  version               60  4  number of snapshots
 *      8  8  name of the backing   72  8  incompatible features, version 3: 1 not closed,
 *            file, 0 is none              2 damaged, 4 data in another file
 *     24  8  size for the guest
 *
 * @see https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 */
export function readQcow2Header(bytes: Buffer): Qcow2Header | undefined {
  if (bytes.length < QCOW2_HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined
  const version = bytes.readUInt32BE(4)
  if (version !== 2 && version !== 3) return undefined
  const features = version === 3 ? bytes.readBigUInt64BE(72) : 0n
  return {
    virtualBytes: Number(bytes.readBigUInt64BE(24)),
    hasBackingFile: bytes.readBigUInt64BE(8) !== 0n,
    hasDataFile: (features & INCOMPATIBLE.dataFile) !== 0n,
    isEncrypted: bytes.readUInt32BE(32) !== 0,
    isUnclean: (features & (INCOMPATIBLE.dirty | INCOMPATIBLE.corrupt)) !== 0n,
    snapshots: bytes.readUInt32BE(60),
  }
}
