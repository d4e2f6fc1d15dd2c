import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { variablesOf } from './variables.ts'

const of = (text: string): Readonly<Record<string, string>> => variablesOf(Buffer.from(text))

function refusal(userData: Uint8Array | string | undefined): string {
  try {
    variablesOf(typeof userData === 'string' ? Buffer.from(userData) : userData)
  } catch (error) {
    assert.ok(isCloudError(error, 'invalid'))
    assert.match(error.message, /^userData: /)
    return error.message
  }
  return assert.fail('was taken')
}

describe('variables of user data', () => {
  it('are the members of a JSON object, as texts', () => {
    assert.deepEqual(of('{"role": "web", "workers": 4, "share": 0.5, "debug": false, "note": ""}'), {
      role: 'web',
      workers: '4',
      share: '0.5',
      debug: 'false',
      note: '',
    })
    assert.deepEqual(of(' {}\n'), {})
  })

  it('are all texts, under whatever name', () => {
    const names = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', 'a=b', ''))
    fc.assert(
      fc.property(fc.dictionary(names, fc.string({ unit: 'grapheme' })), (variables) => {
        assert.deepEqual(Object.entries(of(JSON.stringify(variables))), Object.entries(variables))
      }),
    )
  })

  it('are refused where data are none, or no flat JSON object', () => {
    assert.match(refusal(undefined), /there are none/)
    assert.match(refusal(''), /no JSON$/)
    assert.match(refusal('#!/bin/sh\n'), /no JSON$/)
    for (const text of ['[1]', '"web"', '4', 'null']) assert.match(refusal(text), /no JSON object$/, text)
    assert.match(refusal('{"a": "b", "c": {"d": "e"}}'), /member 2 of 2 is an object/)
    assert.match(refusal('{"a": [1]}'), /member 1 of 1 is a list/)
    assert.match(refusal('{"a": null}'), /member 1 of 1 is null/)
    assert.match(refusal(Buffer.from('{"a": "\xff"}', 'latin1')), /byte 8 is not UTF-8/)
    assert.match(refusal(gzipSync('{}')), /gzip/)
  })

  it('are refused where a number would lose digits', () => {
    for (const number of ['12345678901234567890', '-9007199254740993', '1e400'])
      assert.match(refusal(`{"a": ${number}}`), /member 1 of 1 is a number too large/, number)
    assert.deepEqual(of('{"a": 9007199254740991}'), { a: '9007199254740991' })
  })

  it('never repeat anything of the data in a refusal', () => {
    const secret = 'hunter2'
    for (const text of [secret, `{"${secret}": {"${secret}": 1}}`, `["${secret}"]`, `{"${secret}": null}`])
      assert.ok(!refusal(text).includes(secret), text)
  })
})
