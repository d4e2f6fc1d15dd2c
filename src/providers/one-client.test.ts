import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { HttpClient } from '../wire/http.ts'
import { renderValue, type XmlRpcValue } from '../wire/xmlrpc-render.ts'
import { AGAIN, ONCE, oneClient, type OneClient } from './one-client.ts'

const call = { signal: new AbortController().signal, deadline: Date.now() + 60_000 }

/** A client whose server answers everything so. */
function answering(result: string): OneClient {
  const body = `<methodResponse>${result}</methodResponse>`
  const http: HttpClient = {
    request: () =>
      Promise.resolve({ status: 200, headers: new Map(), bytes: Buffer.from(body), json: () => undefined }),
    close: () => Promise.resolve(),
  }
  return oneClient({
    url: 'http://one.example/RPC2',
    session: 'jane:secret',
    http,
    name: 'one',
    explain: ({ by, number, message }, { what, method, parameters }) =>
      new CloudError('conflict', [what, method, parameters.length, by, number, message].join(' | ')),
  })
}

const bringing = (value: XmlRpcValue) => answering(`<params><param>${renderValue(value, 'x')}</param></params>`)

describe("an answer of OpenNebula's", () => {
  it('brings its value, or none, whatever comes after', async () => {
    assert.equal(await bringing([true, 'well', 0]).ask('one.x', [], AGAIN, call), 'well')
    assert.equal(await bringing([true, 7, 0, -1, 'more']).ask('one.x', [], AGAIN, call), 7)
    assert.equal(await bringing([true]).ask('one.x', [], AGAIN, call), undefined)
  })

  it('is explained where it refuses: in five parts, in three as before 4.0, or as a fault', async () => {
    const refused = 'one: one.x | one.x | 1 | opennebula | 1024 | [one.x] why'
    for (const parts of [
      [false, '[one.x] why', 1024, 9, -1],
      [false, '[one.x] why', 1024],
    ])
      await assert.rejects(bringing(parts).ask('one.x', ['a'], ONCE, call), { message: refused })
    const fault = answering(`<fault>${renderValue({ faultCode: -506, faultString: 'none' }, 'x')}</fault>`)
    await assert.rejects(fault.ask('one.x', [], ONCE, call), {
      message: 'one: one.x | one.x | 0 | library | -506 | none',
    })
  })

  it('fails where it is none; where it may have been done, nobody knows', async () => {
    const wrong: readonly XmlRpcValue[] = ['well', [], [true, null], [false, 'why'], [1, 'a', 0], { 0: true, 1: 'a' }]
    for (const value of wrong) {
      await assert.rejects(bringing(value).ask('one.x', [], AGAIN, call), (error) =>
        isCloudError(error, 'provider-failed'),
      )
      await assert.rejects(bringing(value).ask('one.x', [], ONCE, call), (error) => {
        assert.ok(isCloudError(error, 'unavailable'), String(error))
        assert.match(error.message, /whether it was done is unknown$/)
        return true
      })
    }
    await assert.rejects(bringing([true, 'none', 0]).make('one.x', [], call), { message: /no id; whether it was done/ })
  })
})
