import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** EC2's bounds for a session token's life, in seconds. */
export const SESSION_SECONDS = { min: 1, max: 21_600 } as const

/**
 * An EC2 v2 session token: good for one instance until it expires, on every node that has the secret, and after restarts.
 *
 * @param expiresAtMs milliseconds since the epoch; kept to the second
 */
export function sessionToken(secret: Uint8Array, instanceId: string, expiresAtMs: number): string {
  const expiry = Math.floor(expiresAtMs / 1000).toString(36)
  return `${expiry}.${sign(secret, 'session', instanceId, expiry).toString('base64url')}`
}

/** Whether `token` is one of this instance's and has not expired at `now` (milliseconds since the epoch). */
export function isSessionToken(secret: Uint8Array, instanceId: string, token: string, now: number): boolean {
  const [, expiry, signature] = /^([0-9a-z]{1,9})\.([\w-]{43})$/.exec(token) ?? []
  if (expiry === undefined || signature === undefined) return false
  return isSigned(signature, sign(secret, 'session', instanceId, expiry)) && Number.parseInt(expiry, 36) * 1000 > now
}

/**
 * What stands in a path for an instance where nothing else tells who asks: `/seed/<token>/user-data`. Whoever has it reads the
 * instance's data, so it is a secret; it lasts as long as `secret`.
 */
export function metadataToken(secret: Uint8Array, instanceId: string): string {
  return `${instanceId}.${sign(secret, 'path', instanceId).toString('base64url')}`
}

/**
 * What stands in a path of a guest that may say how it went, and nothing more: `/report/<token>`. Whoever has it reads
 * nothing, for many programs in a guest can.
 */
export function reportToken(secret: Uint8Array, instanceId: string): string {
  return `${instanceId}.${sign(secret, 'report', instanceId).toString('base64url')}`
}

/** The instance whose {@link metadataToken} this is. */
export function instanceOfToken(secret: Uint8Array, token: string): string | undefined {
  return instanceOf(secret, token, ['path'])
}

/** The instance whose {@link reportToken} this is, or whose {@link metadataToken}: who reads its data may speak for it. */
export function instanceOfReportToken(secret: Uint8Array, token: string): string | undefined {
  return instanceOf(secret, token, ['report', 'path'])
}

function instanceOf(secret: Uint8Array, token: string, purposes: readonly string[]): string | undefined {
  const [, instanceId, signature] = /^([\w.-]{1,200})\.([\w-]{43})$/.exec(token) ?? []
  if (instanceId === undefined || signature === undefined) return undefined
  return purposes.some((purpose) => isSigned(signature, sign(secret, purpose, instanceId))) ? instanceId : undefined
}

/** Compared as text: the last character of base64 has bits that no byte uses, and one token must not be good in two spellings. */
function isSigned(signature: string, wanted: Buffer): boolean {
  return timingSafeEqual(Buffer.from(wanted.toString('base64url')), Buffer.from(signature))
}

/** The purpose is signed too, so that no token of one kind is good for the other. */
function sign(secret: Uint8Array, ...words: readonly string[]): Buffer {
  return createHmac('sha256', secret).update(words.join('\n')).digest()
}
