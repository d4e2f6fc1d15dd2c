import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isHostname, toHostname, toPublicKey } from './context.ts'
import { isCloudError } from './errors.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb'

describe('hostname', () => {
  it('is made of titles that real clients send', () => {
    assert.equal(toHostname('my vm'), 'my-vm')
    assert.equal(toHostname('Foo_Bar.Example.ORG'), 'foo-bar.example.org')
    assert.equal(toHostname('--web--'), 'web')
    assert.equal(toHostname('…'), undefined)
    assert.equal(toHostname(''), undefined)
  })

  it('is always legal, whatever the title is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (title) => {
        const name = toHostname(title)
        assert.ok(name === undefined || isHostname(name), `${name}`)
      }),
    )
  })

  it('stays as it is where it is legal already', () => {
    fc.assert(fc.property(fc.domain(), (name) => assert.equal(toHostname(name), name)))
  })
})

describe('public key', () => {
  it('is named by its comment, or as asked', () => {
    assert.deepEqual(toPublicKey(`${KEY} jane@home\n`), { name: 'jane@home', text: `${KEY} jane@home` })
    assert.equal(toPublicKey(KEY).name, 'key')
    assert.equal(toPublicKey(KEY, 'a=b/c d').name, 'a-b-c-d', 'EC2 lists 0=name')
  })

  it('may have options before it, as in authorized_keys', () => {
    const line = `command="echo hi",no-pty ${KEY} jane`
    assert.equal(toPublicKey(line).text, line)
  })

  it('is refused where it is none, and never repeated', () => {
    for (const line of ['', 'hello', 'ssh-dss', `${KEY}\n${KEY}`, '-----BEGIN OPENSSH PRIVATE KEY-----', 'ssh-rsa ünï'])
      assert.throws(
        () => toPublicKey(line),
        (error) => isCloudError(error, 'invalid') && (line === '' || !error.message.includes(line)),
        line,
      )
  })
})
