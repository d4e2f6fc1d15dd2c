import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { anySpec, sampleSpec } from '../../test/conformance/store-samples.ts'
import { toPublicKey, type InjectedFile } from '../model/context.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { Capabilities } from '../providers/provider.ts'
import { checkLimits } from './plan-limits.ts'

const LIMITS: Pick<Capabilities, 'keysMax' | 'files' | 'otherWays'> = {
  keysMax: 1,
  files: { max: 2, eachMaxBytes: 10, pathMaxCharacters: 12, carries: ['mode'] },
  otherWays: 'use user data',
}
const file = (path: string, sizeBytes: number, more: Partial<InjectedFile> = {}): InjectedFile => ({
  path,
  bytes: new Uint8Array(sizeBytes),
  ...more,
})

describe('limits of keys and files', () => {
  const key = toPublicKey('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz a')
  const REFUSED: readonly (readonly [string, Partial<InstanceSpec>, ErrorCode, RegExp])[] = [
    ['a key too many', { publicKeys: [key, key] }, 'unsupported', /there are 2; here gives a guest 1; use user data$/],
    [
      'a file too many',
      { files: ['/a', '/b', '/c'].map((path) => file(path, 1)) },
      'too-large',
      /^files: there are 3; here takes 2; use user data$/,
    ],
    ['a file too large', { files: [file('/a', 11)] }, 'too-large', /\/a is 11 bytes; here takes 10 in each/],
    ['a path too long', { files: [file(`/${'ä'.repeat(12)}`, 1)] }, 'too-large', /has 13 characters; here takes 12/],
    ['an owner', { files: [file('/a', 1, { owner: 'root' })] }, 'unsupported', /own owner, which here does not carry/],
    ['a group', { files: [file('/a', 1, { group: 'adm' })] }, 'unsupported', /own group/],
  ]
  for (const [what, spec, code, message] of REFUSED)
    it(`refuse ${what}, with the limit and another way`, () => {
      assert.throws(
        () => checkLimits(sampleSpec(spec), LIMITS, 'here'),
        (error) => isCloudError(error, code) && message.test(error.message),
      )
    })

  it('take what just fits', () => {
    const files = [file(`/${'x'.repeat(11)}`, 10, { mode: 0o600 }), file('/b', 0)]
    checkLimits(sampleSpec({ publicKeys: [key], files }), LIMITS, 'here')
  })

  it('are none where a provider names none', () => {
    fc.assert(fc.property(anySpec, (spec) => checkLimits(spec, {}, 'here')))
  })
})
