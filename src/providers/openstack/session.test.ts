import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { createHttpClient } from '../../wire/http.ts'
import { createIdentity } from './identity.ts'
import { withReplayedCloud } from './testdata/replay.ts'

const DOMAIN = { name: 'Default' }

describe('a service that asks to wait', () => {
  it('is left alone until then by all its requests, and the others behind the same address are not', async () => {
    await withReplayedCloud(async (cloud) => {
      const endpoint = { interface: 'public' } as const
      const settings = {
        name: 'site',
        authUrl: `${cloud.url}/v3`,
        auth: {
          method: 'password',
          user: { name: 'demo', domain: DOMAIN },
          password: 'peer',
          project: { name: 'demo', domain: DOMAIN },
        },
        endpoints: { compute: endpoint, image: endpoint, network: endpoint, volume: endpoint },
        tls: { isVerified: true },
      } as const
      let laterMs = 0
      const now = () => Date.now() + laterMs
      const http = createHttpClient({ now })
      const identity = createIdentity({ name: 'x', settings, http }, now)
      const call = () => ({ signal: new AbortController().signal, deadline: now() + 10_000 })
      const ask = async (service: 'compute' | 'image', path: string): Promise<number> =>
        (await (await identity.session(call())).request(service, { method: 'GET', path })).status
      const refused = (asked: Promise<number>, message: RegExp) =>
        assert.rejects(asked, (error) => isCloudError(error, 'unavailable') && message.test(error.message))
      const asks = (path: string) => cloud.log.filter((line) => line === `GET ${path}`).length
      try {
        // The session's call is over long before what it asks to wait.
        cloud.answer = ({ path }) =>
          path.startsWith('/v2.1/') ? { status: 503, headers: { 'retry-after': '30' } } : undefined
        await refused(ask('compute', '/servers/detail'), /answers 503, not available; it asks to wait 30 s$/)
        cloud.answer = ({ path }) => (path.startsWith('/v3/') ? undefined : { status: 200, body: '{}' })
        laterMs += 15_000
        await refused(
          ask('compute', '/flavors/detail'),
          /^x: compute GET \/flavors\/detail: asked to be left alone for/,
        )
        assert.equal(asks('/v2.1/flavors/detail'), 0)
        assert.equal(await ask('image', '/images'), 200)
        laterMs += 15_000
        assert.equal(await ask('compute', '/flavors/detail'), 200)
      } finally {
        await http.close()
      }
    })
  })
})
