import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { toFault } from './faults.ts'

function fault(status: number, text: string, sent?: unknown) {
  const bytes = Buffer.from(text)
  return toFault('okeanos: it', { status, headers: new Map(), bytes, json: () => JSON.parse(text) as unknown }, sent)
}

const named = (name: string, message: string): string => JSON.stringify({ [name]: { code: 0, message, details: '' } })

describe('what Synnefo refuses with', () => {
  for (const [status, text, code] of [
    [400, named('badRequest', "Cannot perform 'START' action while server is in 'STARTED' state."), 'conflict'],
    [400, named('badRequest', 'Server has been deleted.'), 'not-found'],
    [400, named('badRequest', 'Malformed request'), 'invalid'],
    [403, named('forbidden', 'Administratively Suspended VM'), 'conflict'],
    [403, named('forbidden', 'Insufficient access'), 'forbidden'],
    [404, named('itemNotFound', 'Server not found.'), 'not-found'],
    [409, named('buildInProgress', "Server '1' is being built."), 'conflict'],
    [409, named('conflict', 'No floating IPs'), 'conflict'],
    [413, named('overLimit', 'Resource Limit Exceeded for your account.'), 'conflict'],
    [413, named('overLimit', 'Maximum number of personalities exceeded'), 'too-large'],
    [413, '<html><title>413 Request Entity Too Large</title></html>', 'too-large'],
    [500, named('internalServerError', 'Unexpected error'), 'provider-failed'],
    [501, named('notImplemented', 'Not supported.'), 'unsupported'],
  ] as const)
    it(`is ${code} where it says ${status} ${text.slice(0, 70)}`, () => {
      const error = fault(status, text)
      assert.equal(error.code, code)
      assert.match(error.message, new RegExp(`^okeanos: it: answers ${status}`))
    })

  it('repeats what it says, but nothing that is the user’s own', () => {
    assert.match(fault(404, named('itemNotFound', 'Flavor not found.')).message, /Flavor not found/)
    const sent = { server: { personality: [{ path: '/x', contents: 'c2VjcmV0IHRoYXQgaXMgbG9uZw==' }] } }
    const said = fault(400, named('badRequest', 'Malformed: c2VjcmV0IHRoYXQgaXMgbG9uZw=='), sent).message
    assert.doesNotMatch(said, /c2VjcmV0/)
  })
})
