import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { isCloudError } from '../../src/model/errors.ts'
import type { Attached, NetworkAttachment, NetworkGroup, RemoteNetwork } from '../../src/providers/provider.ts'
import { call, eventually, rejects, type Bench } from './provider-calls.ts'
import type { Test } from './provider.ts'

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/

/** A network to put machines on. */
interface UsableNetwork extends RemoteNetwork {
  /** False where it is for all, since users make none. */
  readonly isMade: boolean
}

/**
 * What every provider with networks promises of them; where it has none, each is skipped. Where users make none, the first that is
 * for all is used; what is said of making them fails there.
 */
export function testNetworks(bench: Bench, test: Test): void {
  const testGroup = (what: string, body: (networks: NetworkGroup) => Promise<void>) =>
    test(`networks: ${what}`, async (t) => {
      const { networks } = bench.provider
      if (networks) await body(networks)
      else t.skip('it has no networks')
    })

  const newNetwork = async (group: NetworkGroup, id: string = randomUUID()): Promise<UsableNetwork> => {
    const request = { id, name: 'conformance', cidr: '192.0.2.0/24', gateway: '192.0.2.1' }
    const made = await group.create(request, call()).catch(unsupportedAsUndefined)
    const { remoteId } = made ?? (await group.shared(call()))[0] ?? assert.fail('a network is made, or is for all')
    await eventually(`network ${remoteId} is active`, bench.patienceMs, async () => {
      assert.equal((await group.get(remoteId, call())).state, 'active')
    })
    return { ...(await group.get(remoteId, call())), isMade: made !== undefined }
  }
  const attachmentOf = ({ remoteId }: RemoteNetwork, more: Partial<NetworkAttachment> = {}): NetworkAttachment => ({
    linkId: randomUUID(),
    networkRemoteId: remoteId,
    ...more,
  })
  const cardOf = async (machine: string, { linkId }: NetworkAttachment): Promise<Attached | undefined> =>
    (await bench.provider.get(machine, call())).attached?.find((each) => each.linkId === linkId)
  const remove = async (machine: string, { remoteId, isMade }: UsableNetwork, group: NetworkGroup) => {
    await bench.provider.delete(machine, call())
    if (isMade) await group.delete(remoteId, call())
  }

  testGroup('those for all have a name, a title and an id of their own, and nobody changes them', async (group) => {
    const shared = await group.shared(call())
    for (const key of ['name', 'remoteId'] as const)
      assert.equal(new Set(shared.map((each) => each[key])).size, shared.length, `each ${key} stands once`)
    for (const { name, title, provider, remoteId } of shared) {
      assert.ok(name !== '' && title !== '')
      assert.equal(provider, bench.provider.name)
      assert.equal((await group.get(remoteId, call())).remoteId, remoteId)
      for (const action of group.actions) await rejects(group.act(remoteId, action, call()), 'unsupported')
      await rejects(group.delete(remoteId, call()), 'unsupported')
    }
  })

  testGroup('are found and got once they are created, with their addresses, until they are deleted', async (group) => {
    const id = randomUUID()
    const { remoteId, cidr, gateway } = await newNetwork(group, id)
    assert.deepEqual([cidr, gateway], ['192.0.2.0/24', '192.0.2.1'])
    assert.equal((await group.find(id, call()))?.remoteId, remoteId)
    assert.equal((await group.create({ id }, call())).remoteId, remoteId)
    for (const _ of ['once', 'and again']) await group.delete(remoteId, call())
    await eventually('the network is gone', bench.patienceMs, async () => {
      await rejects(group.get(remoteId, call()), 'not-found')
      assert.equal(await group.find(id, call()), undefined)
    })
  })

  testGroup('with unknown ids are not found, and deleting or detaching them is no error', async (group) => {
    const unknown = randomUUID()
    const attachment = { linkId: randomUUID(), networkRemoteId: unknown }
    assert.equal(await group.find(unknown, call()), undefined)
    await rejects(group.get(unknown, call()), 'not-found')
    for (const action of group.actions) await rejects(group.act(unknown, action, call()), 'not-found')
    await group.delete(unknown, call())

    const [network, machine] = [await newNetwork(group), await bench.running()]
    await rejects(group.attach(machine, attachment, call()), 'not-found')
    await rejects(group.attach(unknown, attachmentOf(network), call()), 'not-found')
    await group.detach(machine, attachment, call())
    await group.detach(unknown, attachmentOf(network), call())
    await remove(machine, network, group)
  })

  testGroup('are brought down and up, with a machine on them or not', async (group) => {
    if (!group.actions.includes('down') || !group.actions.includes('up')) return
    const network = await newNetwork(group)
    const machine = await bench.running({ networks: [attachmentOf(network)] })
    for (const [action, state] of [
      ['down', 'inactive'],
      ['up', 'active'],
    ] as const) {
      await group.act(network.remoteId, action, call())
      assert.equal((await group.get(network.remoteId, call())).state, state)
    }
    await remove(machine, network, group)
  })

  testGroup('are not deleted while a machine is on them', async (group) => {
    const network = await newNetwork(group)
    const machine = await bench.running({ networks: [attachmentOf(network)] })
    await rejects(group.delete(network.remoteId, call()), 'conflict')
    await remove(machine, network, group)
    await rejects(group.get(network.remoteId, call()), 'not-found')
  })

  testGroup('give a new machine cards that are told apart, with the MAC that was wished for', async (group) => {
    const network = await newNetwork(group)
    // A network that is for all has addresses and MACs of the site's choice.
    const wish = network.isMade ? { mac: '52:54:00:ab:cd:ef', address: '192.0.2.7', prefixLength: 24 } : {}
    const wished = attachmentOf(network, wish)
    const other = attachmentOf(network)
    const machine = await bench.running({ networks: [wished, other] })
    const [first, second] = [await cardOf(machine, wished), await cardOf(machine, other)]
    if (network.isMade) assert.deepEqual([first?.mac, first?.address], ['52:54:00:ab:cd:ef', '192.0.2.7'])
    for (const card of [first, second]) assert.match(card?.mac ?? '', MAC)
    assert.notEqual(first?.mac, second?.mac)
    await remove(machine, network, group)
  })

  testGroup('come and go with a machine, running or stopped, once however often it is asked', async (group) => {
    const { actions } = bench.provider.capabilities
    const network = await newNetwork(group)
    const machine = await bench.running()
    const attachment = attachmentOf(network)
    const comeAndGo = async () => {
      const card = await group.attach(machine, attachment, call())
      assert.match(card.mac ?? '', MAC)
      assert.deepEqual(await group.attach(machine, attachment, call()), card)
      assert.equal((await cardOf(machine, attachment))?.mac, card.mac)
      // A guest that is still booting does not let go.
      await eventually('the guest lets go', bench.patienceMs, () => group.detach(machine, attachment, call()))
      await group.detach(machine, attachment, call())
      assert.equal(await cardOf(machine, attachment), undefined)
    }
    await comeAndGo()
    if (actions.includes('stop')) {
      await bench.provider.act(machine, 'stop', call())
      await bench.reach(machine, 'inactive')
      await comeAndGo()
      const stays = attachmentOf(network)
      const card = await group.attach(machine, stays, call())
      if (actions.includes('start')) {
        await bench.provider.act(machine, 'start', call())
        await bench.reach(machine, 'active')
      }
      assert.equal((await cardOf(machine, stays))?.mac, card.mac)
    }
    await remove(machine, network, group)
  })

  testGroup('are foreseen as the guest will see them', async (group) => {
    const { provider } = bench
    if (!provider.foresee) return
    const network = await newNetwork(group)
    const networks = [attachmentOf(network, { address: '192.0.2.9', prefixLength: 24 }), attachmentOf(network)]
    const id = randomUUID()
    const foreseen = provider.foresee({ id, networks })
    const { remoteId, network: told } = await provider.create(bench.requestFor(id, { networks }), call())
    assert.deepEqual(told, foreseen)
    assert.deepEqual((await provider.get(remoteId, call())).network, foreseen)
    const macs = new Set(foreseen.nics.map(({ mac }) => mac))
    for (const each of networks) assert.ok(macs.has((await cardOf(remoteId, each))?.mac ?? ''))
    await remove(remoteId, network, group)
  })
}

function unsupportedAsUndefined(error: unknown): undefined {
  if (!isCloudError(error, 'unsupported')) throw error
}
