import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { ErrorCode } from '../../model/errors.ts'
import { toCloudError, type Secrets } from './api-faults.ts'

const NOTHING: Secrets = { password: '', texts: [] }

const refusal = (number: number, message: string, secrets = NOTHING) =>
  toCloudError({ by: 'opennebula', number, message }, 'x', secrets)

describe('a failure', () => {
  const TABLE: readonly (readonly [number, string, ErrorCode])[] = [
    [256, "[one.vm.info] User couldn't be authenticated, aborting call.", 'unauthenticated'],
    [512, '[one.vm.info] User [2] : Not authorized to perform USE VM [0].', 'forbidden'],
    [512, '[one.vm.action] User [0] : VM is locked. [2].', 'conflict'],
    [512, '[one.template.instantiate] User [2] : user [2] limit of 3 reached for VMS quota in VM.', 'conflict'],
    [1024, '[one.vm.info] Error getting virtual machine [99].', 'not-found'],
    [2048, '[one.vm.action] Action "bogus" is not supported', 'unsupported'],
    [2048, '[one.vm.action] Could not terminate VM 3, wrong state PROLOG', 'conflict'],
    [2048, '[one.vm.attachnic] Cannot get IP/MAC lease from virtual network 3.', 'unavailable'],
    [4096, '[one.vmpool.info] Incorrect filter_flag, state', 'invalid'],
    [8192, '[one.template.instantiate] Parse error: XML Template malformed.', 'invalid'],
    [8192, '[one.vm.updateconf] Error parsing: A=${X}', 'invalid'],
    [8192, '[one.vm.updateconf] Unknown disk type', 'invalid'],
    [8192, '[one.vm.updateconf] configuration cannot be updated in state SUSPENDED', 'conflict'],
    [8192, '[one.vm.updateconf] Virtual machine does not have context', 'conflict'],
    [8192, '[one.vmpool.info] Full text search is not supported by the SQL backend', 'provider-failed'],
    [16384, "[one.template.instantiate] Invalid NAME, char ''' is not allowed", 'invalid'],
    [16384, '[one.template.instantiate] Cannot get IP/MAC lease from virtual network 3.', 'unavailable'],
    [32768, '[one.vm.action] Object is locked', 'conflict'],
    [65536, '[one.vm.action] Cannot process request, server is a follower', 'unavailable'],
    [77, '[one.vm.action] Something new', 'provider-failed'],
  ]
  it('means what its number, and else its text, says', () => {
    for (const [number, message, code] of TABLE) assert.equal(refusal(number, message).code, code, message)
  })

  it('repeats neither method nor the number of a line that is none', () => {
    const said = '[one.vm.updateconf] Parse error: syntax error, unexpected EOA at line 1092628768, columns 4:5'
    assert.equal(refusal(8192, said).message, 'x: Parse error: syntax error, unexpected EOA')
    assert.equal(refusal(8192, '').message, 'x: refused with code 8192')
  })

  it('never repeats a CONTEXT', () => {
    const context = fc.stringMatching(/^SECRET=[A-Za-z0-9 ".$\n@^_=]{0,60}$/)
    fc.assert(
      fc.property(context, (values) => {
        for (const said of [
          `[one.vm.updateconf] Error parsing: ${values}@^_^@TARGET=hda. syntax error, unexpected EOA at line 10, columns 4:5`,
          `[one.template.instantiate] Error allocating a new virtual machine template. Error parsing: ${values}`,
          `[one.vm.updateconf] Something new about A=1@^_^@${values}`,
        ])
          assert.doesNotMatch(refusal(8192, said).message, /SECRET/)
      }),
    )
  })

  it('repeats nothing long that was sent, and no password', () => {
    const texts = [
      '<TEMPLATE><CONTEXT><USER_DATA>I2Nsb3VkLWNvbmZpZwp7fQo=</USER_DATA><NETWORK>public</NETWORK></CONTEXT></TEMPLATE>',
    ]
    const message = (said: string) => refusal(16384, said, { password: 'wonderland', texts }).message
    assert.equal(message('cannot use I2Nsb3VkLWNvbmZpZwp7fQo='), 'x: refused with code 16384')
    assert.equal(message('alice:wonderland is not known'), 'x: refused with code 16384')
    assert.equal(message('no network with name: public'), 'x: no network with name: public')
  })

  it('is one line that is no longer than a person reads', () => {
    assert.equal(refusal(16384, 'a\nb\u001B[31m').message, 'x: a b [31m')
    assert.equal(refusal(16384, 'long '.repeat(10_000)).message.length, 'x: '.length + 200)
  })
})

describe('a fault', () => {
  it('means what its code says', () => {
    const TABLE: readonly (readonly [number, ErrorCode])[] = [
      [-500, 'provider-failed'],
      [-501, 'provider-failed'],
      [-503, 'invalid'],
      [-506, 'unsupported'],
    ]
    for (const [code, expected] of TABLE) {
      const said = { by: 'library', number: code, message: 'it says why' } as const
      const { code: found, message } = toCloudError(said, 'x', NOTHING)
      assert.deepEqual([found, message], [expected, `x: fault ${code}: it says why`])
    }
  })
})
