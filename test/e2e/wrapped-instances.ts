import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { parseMime } from '../../src/formats/mime.ts'
import { sha256 } from '../../src/model/digest.ts'
import type { Gateway } from './gateway.ts'

/** Of what a machine is made, by our names. */
export interface Wish {
  readonly image: string
  readonly size: string
  readonly userData: Uint8Array
}

/** What Bellhop shows of an instance whose data may be wrapped. */
export interface ShownWrapped {
  readonly id: string
  readonly remoteId?: string
  readonly state: string
  readonly revision: number
  readonly userDataSha256?: string
  readonly plan: { readonly wrapped?: { readonly sizeBytes: number; readonly sha256?: string } }
}

/** Asks the REST API for a machine whose data are to be wrapped. */
export async function createWrapped({ ask }: Gateway, { image, size, userData }: Wish): Promise<Response> {
  return await ask('/api/v1/instances', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ image, size, userData: Buffer.from(userData).toString('base64'), wrap: true }),
  })
}

/** What a cloud has is the message that the plan shows, and in it, as its first part, are the very data of the user. */
export function assertWraps(carried: Uint8Array, { plan, userDataSha256 }: ShownWrapped, userData: Uint8Array): void {
  assert.deepEqual(plan.wrapped, { sizeBytes: carried.byteLength, sha256: sha256(carried) })
  const [theirs, ours, ...more] = parseMime(Buffer.from(carried).toString('latin1'))
  assert.deepEqual([more.length, ours?.contentType], [0, 'text/cloud-config'])
  assert.deepEqual([sha256(theirs?.bytes ?? Buffer.of()), userDataSha256], [sha256(userData), sha256(userData)])
}
