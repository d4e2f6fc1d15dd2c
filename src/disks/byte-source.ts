import type { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'

/** Bytes of an image that is too large to be read as a whole. */
export interface ByteSource {
  readonly sizeBytes: number
  /** The bytes from `offset` on; fewer than `sizeBytes` where the image ends. */
  read(offset: number, sizeBytes: number): Promise<Buffer>
}

/**
 * All of the bytes from `offset` on.
 *
 * @throws {CloudError} invalid when they are not all in the image; `what` names them
 */
export async function readWhole(source: ByteSource, offset: number, sizeBytes: number, what: string): Promise<Buffer> {
  const isInside = Number.isSafeInteger(offset) && offset >= 0 && offset + sizeBytes <= source.sizeBytes
  const bytes = isInside ? await source.read(offset, sizeBytes) : undefined
  if (bytes?.length === sizeBytes) return bytes
  throw new CloudError(
    'invalid',
    `disk image: ${what} lies at bytes ${offset} to ${offset + sizeBytes}, but the image has ${source.sizeBytes}: is it cut short?`,
  )
}
