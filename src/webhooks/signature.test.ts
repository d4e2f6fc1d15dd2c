import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { secretText, signatureHeaders } from './signature.ts'

interface Vector {
  readonly secret: string
  readonly id: string
  readonly timestamp: number
  readonly body: string
  readonly signature: string
}

const VECTORS = JSON.parse(
  await readFile(new URL('testdata/standard-webhooks.json', import.meta.url), 'utf8'),
) as readonly Vector[]

for (const { secret, id, timestamp, body, signature } of VECTORS)
  test(`${id} is signed as Standard Webhooks has it`, () => {
    const bytes = Buffer.from(secret.replace('whsec_', ''), 'base64')
    assert.equal(secretText(bytes), secret)
    // Its seconds are whole: what a try has of milliseconds is cut off.
    assert.deepEqual(signatureHeaders(bytes, { id, at: timestamp * 1000 + 999, body }), {
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    })
  })
