import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  instanceOfReportToken,
  instanceOfToken,
  isSessionToken,
  metadataToken,
  reportToken,
  sessionToken,
} from './metadata-token.ts'

const secret = Buffer.alloc(32, 1)
const others = Buffer.alloc(32, 2)
const ids = fc.stringMatching(/^[\w-]{1,36}$/)
const times = fc.integer({ min: 0, max: 4_000_000_000_000 })

describe('a session token', () => {
  it("is its instance's until it expires", () => {
    fc.assert(
      fc.property(ids, ids, times, times, (id, other, expiresAt, now) => {
        const token = sessionToken(secret, id, expiresAt)
        assert.equal(isSessionToken(secret, id, token, now), Math.floor(expiresAt / 1000) * 1000 > now)
        if (other !== id) assert.equal(isSessionToken(secret, other, token, 0), false)
        assert.equal(isSessionToken(others, id, token, 0), false)
      }),
    )
  })

  it('cannot be made to last longer', () => {
    const token = sessionToken(secret, 'a', 60_000)
    const [, signature = ''] = token.split('.')
    for (const expiry of ['zz', '1p', 'zzzzzzzzz', 'zzzzzzzzzz', '', '-1', 'Infinity'])
      assert.equal(isSessionToken(secret, 'a', `${expiry}.${signature}`, 0), false, expiry)
  })

  it('that is for reports is good for nothing more, and one that reads data is good for reports', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const token = reportToken(secret, id)
        assert.equal(instanceOfReportToken(secret, token), id)
        assert.equal(instanceOfReportToken(others, token), undefined)
        assert.equal(instanceOfToken(secret, token), undefined)
        assert.equal(instanceOfReportToken(secret, metadataToken(secret, id)), id)
      }),
    )
  })

  it('is nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(isSessionToken(secret, 'a', text, 0), false)
      }),
    )
  })
})

describe('a token in a path', () => {
  it('tells its instance to whoever has the secret', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const token = metadataToken(secret, id)
        assert.match(token, /^[\w.-]+$/, 'stands in a URL as it is')
        assert.equal(instanceOfToken(secret, token), id)
        assert.equal(instanceOfToken(others, token), undefined)
      }),
    )
  })

  it('is good for no other instance, and is no session token', () => {
    const [, signature = ''] = metadataToken(secret, 'a').split('.')
    assert.equal(instanceOfToken(secret, `b.${signature}`), undefined)
    assert.equal(instanceOfToken(secret, sessionToken(secret, 'a', 1e12)), undefined)
    assert.equal(isSessionToken(secret, 'a', metadataToken(secret, 'a'), 0), false)
  })

  it('is nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(instanceOfToken(secret, text), undefined)),
    )
  })
})
