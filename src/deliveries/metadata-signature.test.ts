import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { SECRET } from '../../test/conformance/metadata-samples.ts'
import { isCloudError } from '../model/errors.ts'
import { createIdentity } from './metadata-identity.ts'
import type { KnownServer, SignatureIdentity } from './metadata-signature.ts'

// As neutron's agent signed it for Nova 26.2.2.
const SERVER = '537d9a3e-de1b-44d8-b87b-e246cf243b72'
const SIGNATURE = '4179e2fc6eb70723647dc788fc46e4168c6a38f0a44c7dec5f819fd1b0f041d2'
const PROJECT = '331fa2d4a8a14d1f8c4f6b5d0e9c7a61'
const SIGNED = { 'x-instance-id': SERVER, 'x-instance-id-signature': SIGNATURE, 'x-tenant-id': PROJECT }

/** A listener that knows this server of ours, and what it looked up and said. */
function listener(options: Partial<SignatureIdentity> = {}) {
  const looked: string[] = []
  const log: string[] = []
  const servers = new Map<string, KnownServer>([[SERVER, { instanceId: 'five', projectId: PROJECT }]])
  const find = async (serverId: string) => {
    looked.push(serverId)
    return servers.get(serverId)
  }
  const identity = { by: 'signature', sharedSecret: 'peersecret', find, ...options } as const
  const identifyPeer = createIdentity(identity, SECRET, (line) => log.push(line))
  const ask = async (
    headers: Readonly<Record<string, string>> | readonly string[],
    { path = '/latest/user-data', from = '127.0.0.1' } = {},
  ) => {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers).flat()
    const found = await identifyPeer({ remoteAddress: from })(path, pairs)
    if (found === undefined) return undefined
    return 'caller' in found ? { caller: found.caller } : [found.status, Buffer.from(found.body).toString()]
  }
  return { ask, looked, log, servers }
}

function signatureOf(serverId: string, secret = 'peersecret'): string {
  return createHmac('sha256', secret).update(serverId).digest('hex')
}

describe('who asks, by signature', () => {
  it('is the instance of ours that has this server, looked up once', async () => {
    const { ask, looked } = listener()
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(SIGNED), { caller: 'five' })
    assert.deepEqual(await ask(Object.fromEntries(Object.entries(SIGNED).reverse())), { caller: 'five' })
    assert.deepEqual(looked, [SERVER])
  })

  it('is nobody of ours where the server is another, until it is ours', async () => {
    const { ask, servers } = listener()
    const other = 'b46c7c69-3b2a-4f6a-a1d3-8bb9cf1b7d6b'
    const signed = { ...SIGNED, 'x-instance-id': other, 'x-instance-id-signature': signatureOf(other) }
    assert.deepEqual(await ask(signed), { caller: undefined })
    servers.set(other, { instanceId: 'six', projectId: PROJECT })
    assert.deepEqual(await ask(signed), { caller: 'six' })
  })

  it('is nobody of ours where the project is another than the cloud has told, or it has told none yet', async () => {
    const { ask, servers } = listener()
    assert.deepEqual(await ask({ ...SIGNED, 'x-tenant-id': 'another' }), { caller: undefined })
    assert.deepEqual(await ask(SIGNED), { caller: 'five' }, 'and that is not remembered for others')
    assert.deepEqual(await ask({ ...SIGNED, 'x-tenant-id': 'another' }), { caller: undefined })
    const later = listener()
    later.servers.set(SERVER, { instanceId: 'five', projectId: undefined })
    assert.deepEqual(await later.ask(SIGNED), { caller: undefined })
    later.servers.set(SERVER, { instanceId: 'five', projectId: PROJECT })
    assert.deepEqual(await later.ask(SIGNED), { caller: 'five' })
    assert.deepEqual(servers.size, 1)
  })

  it('is left to the cloud where the store fails, and the log says so', async () => {
    const { ask, log } = listener({ find: () => Promise.reject(new Error('no store')) })
    assert.deepEqual(await ask(SIGNED), { caller: undefined })
    assert.match(log.join('\n'), /no store/)
  })

  it('is 400 where a header is missing, in the order in which Nova misses them', async () => {
    const { ask } = listener()
    const { 'x-instance-id': id, 'x-instance-id-signature': signature, 'x-tenant-id': project } = SIGNED
    const missing = (name: string) => [400, `${name} header is missing from request.`]
    assert.deepEqual(await ask({}), missing('X-Instance-ID'))
    assert.deepEqual(await ask({ 'x-tenant-id': project }), missing('X-Instance-ID'))
    assert.deepEqual(await ask({ 'x-instance-id': id, 'x-tenant-id': project }), missing('X-Instance-ID-Signature'))
    assert.deepEqual(await ask({ 'x-instance-id': id, 'x-instance-id-signature': signature }), missing('X-Tenant-ID'))
  })

  it('is 403 where the signature is another, or could be two', async () => {
    const { ask, looked } = listener()
    const refused = [403, 'Invalid proxy request signature.']
    const others = [signatureOf(SERVER, 'other'), SIGNATURE.toUpperCase(), '', 'é'.repeat(64), `${SIGNATURE} `]
    for (const signature of others)
      assert.deepEqual(await ask({ ...SIGNED, 'x-instance-id-signature': signature }), refused, signature)
    assert.deepEqual(await ask({ ...SIGNED, 'x-instance-id': `${SERVER}x` }), refused)
    const pairs = Object.entries(SIGNED).flat()
    assert.deepEqual(await ask([...pairs, 'x-instance-id', SERVER]), refused)
    assert.deepEqual(await ask([...pairs, 'x-instance-id-signature', SIGNATURE]), refused)
    assert.deepEqual(await ask([...pairs, 'x-tenant-id', PROJECT]), { caller: undefined }, 'two projects are another')
    assert.deepEqual(looked, [SERVER])
  })

  it('need not be known for the root, as at Nova', async () => {
    const { ask, looked } = listener()
    const versions = await ask({}, { path: '/' })
    assert.ok(Array.isArray(versions))
    assert.equal(versions[0], 200)
    assert.match(String(versions[1]), /^1\.0\n2007-01-19\n[\d\n-]+\n2009-04-04\nlatest$/)
    assert.deepEqual(await ask({}, { path: '//?x' }), versions)
    assert.deepEqual(looked, [])
  })

  it('is 403 for whoever is not trusted, and the log says so once', async () => {
    const { ask, log } = listener()
    for (let i = 0; i < 3; i++)
      for (const path of ['/', '/latest/user-data'])
        assert.deepEqual(await ask(SIGNED, { from: '10.0.0.5', path }), [403, '403 Forbidden'])
    assert.equal(log.length, 1)
    assert.match(log[0] ?? '', /10\.0\.0\.5 .*trustedProxies/)
    const open = listener({ trustedProxies: ['10.0.0.0/24', 'fd00::7'] })
    for (const from of ['10.0.0.5', '::ffff:10.0.0.6', 'fd00::7'])
      assert.deepEqual(await open.ask(SIGNED, { from }), { caller: 'five' })
    assert.deepEqual(await open.ask(SIGNED), [403, '403 Forbidden'], 'this machine is in no list but its own')
  })

  it('remembers no more strangers than it should', async () => {
    const { ask, log } = listener()
    for (let i = 0; i < 300; i++) await ask(SIGNED, { from: `10.0.${i % 2}.${i % 250}` })
    assert.equal(log.length, 100)
  })

  it('needs a secret, and proxies that are addresses', () => {
    for (const wrong of [{ sharedSecret: '' }, { trustedProxies: ['localhost'] }])
      assert.throws(
        () => listener(wrong),
        (error) => isCloudError(error, 'invalid'),
      )
  })
})
