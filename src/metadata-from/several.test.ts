import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { OpenNebula } from '../../test/opennebula/opennebula.ts'
import { openNebulaApi } from '../providers/opennebula/api.ts'
import { createHttpClient } from '../wire/http.ts'
import { openNebulaRecords } from './opennebula.ts'
import { DATA, run, serving, untilHears, withNetworks, type Serving } from './testdata/guests.ts'

const TOKEN = '/latest/api/token'
const SECONDS = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }
const withToken = (token: string) => ({ 'X-aws-ec2-metadata-token': token })

/** Front ends whose first networks have the same number and the same addresses; each has a listener, in order. */
async function serve(t: TestContext, ones: readonly OpenNebula[], secret?: Uint8Array): Promise<Serving> {
  const http = createHttpClient({ maxTries: 1 })
  t.after(() => http.close())
  return await serving(t, {
    frontEnds: ones.map((one, at) => {
      const name = `one-${at}`
      const api = openNebulaApi({ url: one.url, session: one.session, http, name })
      return { name, records: openNebulaRecords({ api, zone: name, log: () => {} }), networks: ['0'] }
    }),
    ...(secret ? { secret } : {}),
  })
}

describe('guests of several front ends', () => {
  it('with the same network, address and number are told apart', async (t) => {
    const ones = [await withNetworks(t, 1), await withNetworks(t, 1)] as const
    for (const [at, one] of ones.entries()) await run(one, `of ${at}`)
    const { ask } = await serve(t, ones)
    assert.equal(await ask(0, '127.1.0.10'), 'of 0')
    assert.equal(await ask(1, '127.1.0.10'), 'of 1')
    const token = await ask(0, '127.1.0.10', TOKEN, SECONDS, 'PUT')
    assert.equal(await ask(0, '127.1.0.10', DATA, withToken(token)), 'of 0')
    assert.equal(await ask(1, '127.1.0.10', DATA, withToken(token)), '401')
  })

  it('do not miss a front end that is not theirs, from the start or later', async (t) => {
    const ones = [await withNetworks(t, 1), await withNetworks(t, 1)] as const
    for (const [at, one] of ones.entries()) await run(one, `of ${at}`)
    ones[1].setFaults([{ happens: 'drop-before' }])
    const { ask } = await serve(t, ones)
    assert.equal(await ask(1, '127.1.0.10'), '503')
    assert.equal(await ask(0, '127.1.0.10'), 'of 0')
    ones[1].setFaults([])
    await untilHears(() => ask(1, '127.1.0.10'), 'of 1')
    ones[0].setFaults([{ happens: 'drop-before' }])
    // New ones of the other front end are found; what is known of this one is told.
    await run(ones[1], 'new')
    assert.equal(await ask(1, '127.1.0.11'), 'new')
    assert.equal(await ask(0, '127.1.0.10'), 'of 0')
  })
})

describe('the token of a session', () => {
  it('is good after a restart, and with another process that has the key, for its guest alone', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'mine')
    await run(one, 'other')
    const first = await serve(t, [one])
    const token = await first.ask(0, '127.1.0.10', TOKEN, SECONDS, 'PUT')
    const second = await serve(t, [one])
    assert.equal(await second.ask(0, '127.1.0.10', DATA, withToken(token)), 'mine')
    await first.close()
    assert.equal(await second.ask(0, '127.1.0.10', DATA, withToken(token)), 'mine')
    assert.equal(await second.ask(0, '127.1.0.11', DATA, withToken(token)), '401')
    const stranger = await serve(t, [one], new Uint8Array(32).fill(9))
    assert.equal(await stranger.ask(0, '127.1.0.10', DATA, withToken(token)), '401')
  })
})
