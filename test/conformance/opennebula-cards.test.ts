import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import type { NetworkGroup, Provider } from '../../src/providers/provider.ts'
import { openRig, soon } from './opennebula-rig.ts'
import { call, rejects } from './provider-calls.ts'

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const PRIVATE = '1'

const groupOf = ({ networks }: Provider): NetworkGroup => networks ?? assert.fail('it has networks')
const linkTo = (networkRemoteId: string) => ({ linkId: randomUUID(), networkRemoteId })

describe('a card of a VM of OpenNebula', () => {
  it('comes and goes, running or stopped, once however often it is asked', async (t) => {
    const { one, provider, made, read } = await openRig(t)
    const group = groupOf(provider)
    const id = await made()
    const remoteId = String(id)
    const attached = async () => (await provider.get(remoteId, call())).attached ?? []
    const comeAndGo = async () => {
      const link = linkTo(PRIVATE)
      const card = await group.attach(remoteId, link, call())
      assert.match(card.mac ?? '', MAC)
      assert.deepEqual(card, { linkId: link.linkId, mac: card.mac, address: '198.51.100.10' })
      assert.deepEqual(await group.attach(remoteId, link, call()), card)
      assert.deepEqual(await attached(), [card])
      for (const _ of ['once', 'and again']) await group.detach(remoteId, link, call())
      assert.deepEqual(await attached(), [])
    }
    await comeAndGo()
    await provider.act(remoteId, 'stop', call())
    await comeAndGo()
    const link = linkTo(PRIVATE)
    const card = await group.attach(remoteId, link, call())
    await provider.act(remoteId, 'start', call())
    assert.equal((await provider.get(remoteId, call())).state, 'active')
    assert.deepEqual(await attached(), [card])
    assert.deepEqual(
      ['ETH0_IP', 'ETH1_IP'].map((key) => read(id).get(key)),
      ['192.0.2.10', '198.51.100.10'],
      'the guest is told of it',
    )
    assert.deepEqual(
      one.calls.filter(({ method }) => /^one\.vm\.(?:at|de)tachnic$/.test(method)).map(({ method }) => method.slice(7)),
      ['attachnic', 'detachnic', 'attachnic', 'detachnic', 'attachnic'],
    )
  })

  it('that came with the VM goes, too, and those of its template stay', async (t) => {
    const { provider, made } = await openRig(t)
    const link = { ...linkTo(PRIVATE), address: '198.51.100.77' }
    const remoteId = String(await made({}, { networks: [link] }))
    await groupOf(provider).detach(remoteId, link, call())
    const { network, attached } = await provider.get(remoteId, call())
    assert.deepEqual(attached, [])
    assert.deepEqual(
      network?.nics.map(({ addresses }) => addresses.map(({ networkId }) => networkId)),
      [['0']],
    )
  })

  it('has the address that was wished for, and its MAC where an administrator asks', async (t) => {
    const { one, provider, made } = await openRig(t)
    const remoteId = String(await made())
    const group = groupOf(provider)
    const wished = { ...linkTo(PRIVATE), address: '198.51.100.77' }
    assert.equal((await group.attach(remoteId, wished, call())).address, '198.51.100.77')
    await rejects(group.attach(remoteId, { ...wished, linkId: randomUUID() }, call()), 'unavailable')
    await rejects(group.attach(remoteId, { ...linkTo(PRIVATE), mac: '02:00:00:00:00:07' }, call()), 'forbidden')
    await rejects(group.attach(remoteId, linkTo('9'), call()), 'not-found')
    await rejects(group.attach('9', linkTo(PRIVATE), call()), 'not-found')
    await group.detach('9', linkTo(PRIVATE), call())
    assert.equal(one.vms().length, 1)
  })

  it('is refused where the state forbids it, and waited for where another change is under way', async (t) => {
    const { one, provider, made } = await openRig(t)
    const id = await made()
    const [remoteId, link, group] = [String(id), linkTo(PRIVATE), groupOf(provider)]
    await group.attach(remoteId, link, call())
    await provider.act(remoteId, 'suspend', call())
    await rejects(group.attach(remoteId, linkTo(PRIVATE), call()), 'conflict')
    await rejects(group.detach(remoteId, link, call()), 'conflict')
    await provider.act(remoteId, 'resume', call())
    one.setVmState(id, 3, 17)
    const asked = one.calls.length
    const detaching = group.detach(remoteId, link, call())
    await soon('it was looked at', () => one.calls.length > asked + 1)
    one.setVmState(id, 3, 3)
    await detaching
    assert.deepEqual((await provider.get(remoteId, call())).attached, [])
  })

  it('is not there where the hypervisor fails, and stays where the guest does not let go', async (t) => {
    const { one, provider, made } = await openRig(t)
    const [remoteId, link, group] = [String(await made()), linkTo(PRIVATE), groupOf(provider)]
    await group.attach(remoteId, link, call())
    one.setPlugging(false)
    await assert.rejects(group.detach(remoteId, link, call()), (error) => {
      assert.ok(isCloudError(error, 'conflict'), String(error))
      assert.match(error.message, /does not let go of the card; .*stop it first$/)
      return true
    })
    await rejects(group.attach(remoteId, linkTo(PRIVATE), call()), 'provider-failed')
    const { attached = [], network } = await provider.get(remoteId, call())
    assert.deepEqual([attached.map(({ linkId }) => linkId), network?.nics.length], [[link.linkId], 2])
    await provider.act(remoteId, 'stop', call())
    await group.detach(remoteId, link, call())
  })

  it('is there once where the answer was lost', async (t) => {
    const { one, provider, made } = await openRig(t)
    const [remoteId, link, group] = [String(await made()), linkTo(PRIVATE), groupOf(provider)]
    one.setFaults([{ method: 'one.vm.attachnic', happens: 'drop-after', times: 1 }])
    await rejects(group.attach(remoteId, link, call()), 'unavailable')
    await group.attach(remoteId, link, call())
    assert.equal((await provider.get(remoteId, call())).network?.nics.length, 2)
    one.setFaults([{ method: 'one.vm.detachnic', happens: 'drop-after', times: 1 }])
    await rejects(group.detach(remoteId, link, call()), 'unavailable')
    await group.detach(remoteId, link, call())
    assert.equal((await provider.get(remoteId, call())).network?.nics.length, 1)
  })
})
