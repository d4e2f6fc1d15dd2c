import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { allowedAddresses } from './addresses.ts'

const PUBLIC = ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808']

/** One of each kind that RFC 6890 and its successors set apart. */
const OTHERS = [
  '0.0.0.0',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '192.0.0.1',
  '192.0.2.1',
  '192.168.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::808:808',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
]

test('the public network may be gone to, and nothing else', () => {
  const isAllowed = allowedAddresses([])
  for (const address of PUBLIC) assert.ok(isAllowed(address), address)
  for (const address of OTHERS) assert.ok(!isAllowed(address), address)
  for (const text of ['', 'localhost', '8.8.8.8:80', '8.8.8.8/32', '1.2.3']) assert.ok(!isAllowed(text), text)
})

test('an IPv4 address is judged alike in each form in which packets find it', () => {
  const isAllowed = allowedAddresses(['10.1.0.0/16'])
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      assert.equal(isAllowed(`::ffff:${address}`), isAllowed(address))
      assert.equal(isAllowed(`64:ff9b::${address}`), isAllowed(address))
    }),
  )
})

test('what the site allows is allowed, and nothing beside it', () => {
  const isAllowed = allowedAddresses(['10.1.0.0/16', 'fd00:1::/32'])
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::5', '8.8.8.8']) assert.ok(isAllowed(address), address)
  for (const address of ['10.2.0.1', '127.0.0.1', 'fd00:2::5', '::1']) assert.ok(!isAllowed(address), address)
  for (const text of ['10.0.0.1', '10.0.0.0/33', 'localhost', 'fd00::/200'])
    assert.throws(
      () => allowedAddresses([text]),
      (error) => isCloudError(error, 'invalid') && error.message.includes(`webhooks.allowPrivate: "${text}"`),
    )
})
