import { createHmac } from 'node:crypto'

/** What is signed, beside the body. */
export interface Signed {
  /** The same for each try of one message. */
  readonly id: string
  /** When this try is made, in milliseconds since the epoch. */
  readonly at: number
  readonly body: string
}

/**
 * The headers by which a receiver knows that a message is ours.
 *
 * @see Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers"
 */
export function signatureHeaders(secret: Uint8Array, { id, at, body }: Signed): Readonly<Record<string, string>> {
  const seconds = Math.floor(at / 1000)
  const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`, 'utf8').digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }
}

/** A secret as receivers' libraries take it. @see Standard Webhooks 1.0.0, "Secret serialization" */
export function secretText(secret: Uint8Array): string {
  return `whsec_${Buffer.from(secret).toString('base64')}`
}
