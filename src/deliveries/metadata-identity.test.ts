import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { SECRET } from '../../test/conformance/metadata-samples.ts'
import { isCloudError } from '../model/errors.ts'
import type { Asked } from './metadata-asked.ts'
import { createIdentity, type Identity } from './metadata-identity.ts'
import type { Reply } from './metadata-reply.ts'
import { metadataToken, reportToken } from './metadata-token.ts'

const ADDRESSES: Readonly<Record<string, string>> = { '10.0.0.5': 'five', '10.0.0.6': 'six', 'fe80::5': 'five' }

/** Who asks, to a listener with this identity. */
async function callerOf(
  identity: Identity,
  { from, path = '/latest/user-data', headers = [] }: { from?: string; path?: string; headers?: readonly string[] },
) {
  return toAsked(await createIdentity(identity, SECRET)({ remoteAddress: from })(path, headers))
}

/** None of these identities answers by itself. */
function toAsked(found: Asked | Reply | undefined): Asked | undefined {
  assert.ok(found === undefined || 'caller' in found)
  return found
}

describe('who asks, by address', () => {
  const find = (address: string) => ADDRESSES[address]
  const plain: Identity = { by: 'address', find }
  const proxied: Identity = { by: 'address', find, trustedProxies: ['127.0.0.1', '192.168.0.0/16', '::1', 'fd00::/8'] }
  const id = async (identity: Identity, from: string | undefined, ...forwarded: readonly string[]) => {
    const headers = forwarded.flatMap((value) => ['x-forwarded-for', value])
    return (await callerOf(identity, { ...(from === undefined ? {} : { from }), headers }))?.caller
  }

  it('is the instance that has it, in whatever form it comes', async () => {
    assert.equal(await id(plain, '10.0.0.5'), 'five')
    assert.equal(await id(plain, '::ffff:10.0.0.5'), 'five')
    assert.equal(await id(plain, 'FE80::5%eth0'), 'five')
    assert.equal(await id(plain, '10.0.0.7'), undefined)
    assert.equal(await id(plain, undefined), undefined)
  })

  it('is not what the guest says of itself', async () => {
    assert.equal(await id(plain, '10.0.0.5', '10.0.0.6'), 'five')
    assert.equal(await id(proxied, '10.0.0.5', '10.0.0.6'), 'five')
    assert.equal(await id(plain, '10.0.0.7', '10.0.0.6'), undefined)
  })

  it('is what a trusted proxy says last', async () => {
    for (const proxy of ['127.0.0.1', '::ffff:127.0.0.1', '192.168.7.7', '::1', 'fd00::1']) {
      assert.equal(await id(proxied, proxy, '10.0.0.6'), 'six', proxy)
      assert.equal(await id(proxied, proxy, '10.0.0.5, 10.0.0.6'), 'six')
      assert.equal(await id(proxied, proxy, '10.0.0.5', '10.0.0.6'), 'six')
      assert.equal(await id(proxied, proxy, '10.0.0.6, 192.168.1.1'), 'six', 'through two proxies')
      assert.equal(await id(proxied, proxy, '10.0.0.6:4711'), 'six')
      assert.equal(await id(proxied, proxy, '[fe80::5]:80'), 'five')
    }
  })

  it('is nobody where a trusted proxy says nothing that can be read', async () => {
    assert.equal(await id(proxied, '127.0.0.1'), undefined)
    for (const said of ['', 'x', '10.0.0.6, x', '10.0.0.6,', '127.0.0.1', '10.0.0.256', '10.0.0.6 10.0.0.5'])
      assert.equal(await id(proxied, '127.0.0.1', said), undefined, said)
  })

  it('tells whether a proxy of ours alone was between', async () => {
    const through = async (...values: readonly string[]) =>
      (await callerOf(proxied, { from: '127.0.0.1', headers: values.flatMap((each) => ['x-forwarded-for', each]) }))
        ?.throughProxy
    assert.equal(await through('10.0.0.6'), true)
    assert.equal(await through('10.0.0.5', '10.0.0.6'), false, 'the guest sent one of them')
    assert.equal((await callerOf(proxied, { from: '10.0.0.6' }))?.throughProxy, false)
  })

  it('is asked once for a connection, and again until it is known', async () => {
    let asked = 0
    const answers = [undefined, 'five', 'six']
    const identity: Identity = { by: 'address', find: async () => answers[asked++] }
    const identify = createIdentity(identity, SECRET)({ remoteAddress: '10.0.0.5' })
    assert.equal(await identify('/', []), undefined)
    for (let i = 0; i < 3; i++) assert.equal(toAsked(await identify('/', []))?.caller, 'five')
    assert.equal(asked, 2)
  })

  it('may fail once', async () => {
    let asked = 0
    const find = () => (asked++ === 0 ? Promise.reject(new Error('no store')) : Promise.resolve('five'))
    const identify = createIdentity({ by: 'address', find }, SECRET)({ remoteAddress: '10.0.0.5' })
    await assert.rejects(async () => await identify('/', []))
    assert.equal(toAsked(await identify('/', []))?.caller, 'five')
  })

  it('cannot depend on a proxy that is no address', () => {
    for (const proxy of ['x', '', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::/129', 'localhost'])
      assert.throws(
        () => createIdentity({ by: 'address', find, trustedProxies: [proxy] }, SECRET),
        (error) => isCloudError(error, 'invalid') && error.message.includes(`"${proxy}"`),
      )
  })
})

describe('who asks, by token', () => {
  const token = metadataToken(SECRET, 'five')
  const asked = async (path: string) => {
    const found = await callerOf({ by: 'token' }, { path })
    return found && [found.caller, found.path]
  }

  it('stands in the path of the seed and of the report', async () => {
    assert.deepEqual(await asked(`/seed/${token}/user-data`), ['five', '/seed/user-data'])
    assert.deepEqual(await asked(`/seed/${token}//meta-data`), ['five', '/seed/meta-data'])
    assert.deepEqual(await asked(`/seed/${token}/`), ['five', '/seed'])
    assert.deepEqual(await asked(`/report/${token}`), ['five', '/report'])
  })

  it('of a guest that may report opens its report alone', async () => {
    const reporting = reportToken(SECRET, 'five')
    assert.deepEqual(await asked(`/report/${reporting}`), ['five', '/report'])
    for (const path of [`/seed/${reporting}`, `/seed/${reporting}/user-data`])
      assert.equal(await asked(path), undefined)
  })

  it('opens nothing else', async () => {
    const paths = [
      '/seed/user-data',
      '/latest/user-data',
      '/report',
      `/seed/${token}x/user-data`,
      `/seed/${metadataToken(Buffer.alloc(32), 'five')}/user-data`,
      `/seed/${token}/../../latest/user-data`,
      `/seed/${token}/..%2f..%2flatest/user-data`,
      `/seed/${token}/%252e%252e`,
      `/seed/${token}/a/b`,
      `/report/${token}/x`,
      `/latest/${token}/user-data`,
      `/${token}/user-data`,
    ]
    for (const path of paths) assert.equal(await asked(path), undefined, path)
  })
})

describe('who asks, by socket', () => {
  it('is whom the socket is for', async () => {
    const asked = await callerOf({ by: 'socket', instanceId: 'five' }, { headers: ['x-instance-id', 'six'] })
    assert.equal(asked?.caller, 'five')
  })
})
