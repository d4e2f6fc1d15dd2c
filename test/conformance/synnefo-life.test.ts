import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import { call, eventually, rejects } from './provider-calls.ts'
import { openRig } from './synnefo-rig.ts'

const KEYS = [{ name: 'k', text: 'ssh-ed25519 AAAAC3NzaC1 k' }]

describe('Synnefo, when answers are lost', () => {
  for (const happens of ['drop-after', 'half', 'drop-before', '503'] as const)
    it(`has exactly one server, and no key pair is left (${happens})`, async (t) => {
      const { site, provider, request } = await openRig(t)
      const asked = request({ userData: Buffer.from('x'), publicKeys: KEYS })
      // The first is the one that the site must refuse.
      site.setFaults([{ method: 'POST /servers', happens, from: 2, times: 1 }])
      await provider.create(asked, call()).then(
        () => assert.fail('it was lost'),
        (error: unknown) => assert.ok(isCloudError(error, 'unavailable'), String(error)),
      )
      const found = await provider.find(asked.id, call())
      assert.equal(found !== undefined, happens === 'drop-after' || happens === 'half')
      const { remoteId } = await provider.create(asked, call())
      assert.equal(site.servers().length, 1)
      assert.equal(remoteId, String(site.servers()[0]?.id))
      assert.equal(site.servers()[0]?.params.authKeys, KEYS[0]?.text)
      assert.deepEqual(site.keyPairs(), [])
    })

  it('finds out what the site can do though its first answers are lost', async (t) => {
    const { site, provider, request, from } = await openRig(t)
    site.setFaults([{ method: 'POST /servers', happens: 'drop-after', times: 1 }])
    await provider.create(request({ userData: Buffer.from('x') }, from('cloud-init')), call())
    assert.equal(site.servers().length, 1)
    assert.equal(site.servers()[0]?.params.userData, 'eA==')
  })

  it('discards all that bear an id, but for the one that stays', async (t) => {
    const { site, provider, made, request } = await openRig(t)
    const { id } = request()
    const [{ server: first }, { server: second }] = [await made({}, { id }), await made()]
    Object.assign(second, { metadata: { bellhop_id: id } })
    await provider.discard?.(id, call(), String(second.id))
    assert.deepEqual([first.isDeleted, second.isDeleted], [true, false])
    assert.equal((await provider.find(id, call()))?.remoteId, String(second.id))
    await provider.discard?.(id, call())
    assert.ok(second.isDeleted)
    await provider.discard?.(id, call())
    assert.equal(site.servers().length, 2)
  })
})

describe('a server of Synnefo', () => {
  it('is found by its name where its metadata are gone', async (t) => {
    const { provider, made, request } = await openRig(t)
    const { id } = request()
    const { server } = await made({ name: 'web' }, { id })
    Object.assign(server, { metadata: {} })
    assert.equal((await provider.find(id, call()))?.remoteId, String(server.id))
    Object.assign(server, { name: 'renamed' })
    assert.equal(await provider.find(id, call()), undefined)
  })

  it('is deleted while it is being made, once that can be, with the key pairs of a crash', async (t) => {
    const { site, provider, request } = await openRig(t, { stepMs: 300 })
    const asked = request({ publicKeys: KEYS })
    // They cannot be taken back after it was made.
    site.setFaults([{ method: 'GET /os-keypairs', from: 2, times: 4, happens: 'drop-before' }])
    const { remoteId, state } = await provider.create(asked, call())
    assert.equal(state, 'creating')
    assert.equal(site.keyPairs().length, 1)
    site.setFaults([])
    await provider.delete(remoteId, call())
    assert.deepEqual(site.keyPairs(), [])
    await rejects(provider.get(remoteId, call()), 'not-found')
    assert.ok(site.asked.filter(({ method, path }) => method === 'DELETE' && path.startsWith('/servers/')).length > 1)
  })

  it('is a conflict to act on while it is being made, and a hard restart is one', async (t) => {
    const { site, provider, request } = await openRig(t, { stepMs: 200 })
    const { remoteId } = await provider.create(request(), call())
    for (const action of ['start', 'stop', 'restart'] as const)
      await rejects(provider.act(remoteId, action, call()), 'conflict')
    await rejects(provider.act(remoteId, 'suspend', call()), 'unsupported')
    await eventually('it runs', 5000, async () => assert.equal((await provider.get(remoteId, call())).state, 'active'))
    await provider.act(remoteId, 'restart', call(), 'cold')
    await provider.act(remoteId, 'stop', call())
    const actions = site.asked.filter(({ path }) => path.endsWith('/action')).map(({ body }) => body)
    assert.deepEqual(actions, [{ reboot: { type: 'HARD' } }, { shutdown: {} }])
    assert.equal((await provider.get(remoteId, call())).state, 'inactive')
  })

  it('cannot be asked for once the token has ended, and the error says what to do', async (t) => {
    const { site, provider, request } = await openRig(t)
    site.endToken()
    await assert.rejects(provider.create(request(), call()), (error) => {
      assert.ok(isCloudError(error, 'provider-failed'))
      assert.match(error.message, /token of cloud "okeanos" is refused/)
      assert.ok(!error.message.includes(site.token))
      return true
    })
  })
})
