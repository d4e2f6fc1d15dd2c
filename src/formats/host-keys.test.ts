import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { hostKeysIn } from './host-keys.ts'

/** As ssh-keygen makes them. */
const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILB1XcTa5cL4SDk3PVLo/HHXJGV1nVs3+mKv5bR2wcoH'
const ECDSA =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBnpvh8/d2HZJk9hrVdMSOKhZBeaz3epdgTrOr6S9t+oov3FxGpzY9sWVr2MEenuwJ4GidF/4nWaHTJfLJywgZM='

function form(members: Readonly<Record<string, string>>): URLSearchParams {
  return new URLSearchParams(Object.entries(members))
}

describe('the host keys in a phone call', () => {
  it('are type and base64, best first, without comments and without those that the guest lacks', () => {
    const called = form({
      pub_key_rsa: 'N/A',
      pub_key_ecdsa: `${ECDSA} root@vm1\n`,
      pub_key_ed25519: `${ED25519} anything at all\n`,
      hostname: 'vm1',
    })
    assert.deepEqual(hostKeysIn(called), [ED25519, ECDSA])
    assert.deepEqual(hostKeysIn(form({ instance_id: 'x' })), [])
  })

  for (const [what, key] of [
    ['of another type than its member', ECDSA],
    ['whose bytes are of another type', `ssh-ed25519 ${ECDSA.split(' ')[1]}`],
    ['with something before it', `@cert-authority * ${ED25519}`],
    ['that is several lines', `${ED25519}\n${ED25519}`],
    ['with a line behind it', `${ED25519} c\n* ${ED25519}`],
    ['that is cut', ED25519.slice(0, 20)],
    [
      'that is larger than any',
      `ssh-ed25519 ${Buffer.concat([Buffer.from(ED25519.split(' ')[1] ?? '', 'base64'), Buffer.alloc(3000)]).toString('base64')}`,
    ],
  ] as const)
    it(`has none ${what}`, () => {
      assert.deepEqual(hostKeysIn(form({ pub_key_ed25519: key })), [])
    })

  it('are always one word of a known type and one of base64, whatever is said', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => ED25519 + text),
    )
    fc.assert(
      fc.property(value, value, (pub_key_ed25519, pub_key_rsa) => {
        for (const key of hostKeysIn(form({ pub_key_ed25519, pub_key_rsa })))
          assert.match(key, /^(?:ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+=*$/)
      }),
    )
  })
})
