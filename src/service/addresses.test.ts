import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { checkNumbering, chooseAddress } from './addresses.ts'

const fails = (task: () => unknown, code: ErrorCode, says: RegExp): void =>
  assert.throws(task, (error) => isCloudError(error, code) && says.test(error.message))

test('gives the lowest address that is neither the gateway nor taken', () => {
  const network = { cidr: '192.0.2.0/29', gateway: '192.0.2.1' }
  assert.deepEqual(chooseAddress(network, []), { address: '192.0.2.2', prefixLength: 29 })
  assert.equal(chooseAddress(network, ['192.0.2.2', '192.0.2.3'])?.address, '192.0.2.4')
  assert.equal(chooseAddress({ cidr: '192.0.2.5/29' }, [])?.address, '192.0.2.1')
  assert.equal(chooseAddress({ cidr: '192.0.2.4/31' }, ['192.0.2.4'])?.address, '192.0.2.5')
})

test('gives the address that is wished for, or says why not', () => {
  const network = { cidr: '192.0.2.0/24' }
  assert.equal(chooseAddress(network, [], '192.0.2.99')?.address, '192.0.2.99')
  fails(() => chooseAddress(network, ['192.0.2.99'], '192.0.2.99'), 'conflict', /192\.0\.2\.99 is taken/)
  for (const strange of ['192.0.3.1', '192.0.2.0', '192.0.2.255', 'x', '2001:db8::1'])
    fails(() => chooseAddress(network, [], strange), 'invalid', /is not in 192\.0\.2\.0\/24/)
})

test('says when none is left, and gives none where there are none to give', () => {
  fails(() => chooseAddress({ cidr: '192.0.2.0/30' }, ['192.0.2.1', '192.0.2.2']), 'conflict', /every address/)
  assert.equal(chooseAddress({}, []), undefined)
  assert.equal(chooseAddress({ cidr: '2001:db8::/64' }, []), undefined)
})

test('two never get the same address, and each is in the network', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 20, max: 30 }), fc.integer({ min: 1, max: 20 }), (base, bits, count) => {
      const cidr = `${base}/${bits}`
      const given: string[] = []
      for (let index = 0; index < Math.min(count, 2 ** (32 - bits) - 2); index++)
        given.push(chooseAddress({ cidr }, given)?.address ?? assert.fail())
      assert.equal(new Set(given).size, given.length)
      for (const address of given) checkNumbering({ cidr, gateway: address })
    }),
  )
})

test('refuses numbers that make no sense', () => {
  fails(() => checkNumbering({ cidr: '192.0.2.0' }), 'invalid', /"192\.0\.2\.0" is not like/)
  fails(() => checkNumbering({ cidr: '192.0.2.0/33' }), 'invalid', /is not like/)
  fails(() => checkNumbering({ gateway: 'router' }), 'invalid', /"router" is no IP address/)
  fails(() => checkNumbering({ cidr: '192.0.2.0/24', gateway: '198.51.100.1' }), 'invalid', /is not in 192/)
  fails(() => checkNumbering({ cidr: '192.0.2.0/24', gateway: '2001:db8::1' }), 'invalid', /is not in 192/)
  checkNumbering({ cidr: '2001:db8::/64', gateway: '2001:db8::1' })
  checkNumbering({})
})
