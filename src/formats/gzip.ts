import { gunzipSync } from 'node:zlib'

/** Data that unpack to more are not looked into: a few kilobytes can unpack to gigabytes. */
const UNPACKED_MAX_BYTES = 64 * 1024 * 1024

/** What unpacking gave: the bytes and whether they were packed, or why they cannot be looked into. */
export type Unpacked =
  | { readonly bytes: Uint8Array; readonly gzip: boolean }
  | { readonly refused: string; readonly gzip: boolean }

/** Unpacks gzip once, as cloud-init does, to at most `maxBytes`; data that are not gzip stay as they are. */
export function unpack(bytes: Uint8Array, maxBytes = UNPACKED_MAX_BYTES): Unpacked {
  if (!isGzip(bytes)) return { bytes, gzip: false }
  try {
    const { buffer, engine } = gunzipSync(bytes, { maxOutputLength: maxBytes, info: true }) as unknown as Info
    // Node takes anything after zeros behind the stream; Python, and so cloud-init, takes zeros alone.
    if (bytes.subarray(engine.bytesWritten).every((byte) => byte === 0)) return { bytes: buffer, gzip: true }
  } catch (error) {
    if (error instanceof RangeError)
      return { refused: `unpacks to more than ${Math.round(maxBytes / 1024 ** 2)} MiB: not looked into`, gzip: true }
  }
  return { refused: 'begins as gzip does, but does not unpack', gzip: false }
}

/** Whether the bytes begin as gzip does (RFC 1952: ID1, ID2, and the one method there is). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
}

/** What `info` makes of the result; the types of Node do not say. */
interface Info {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}
