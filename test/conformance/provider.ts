import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCloudError } from '../../src/model/errors.ts'
import type { Action, Image, InstanceState, Size } from '../../src/model/instance.ts'
import type { Call, CreateRequest, Provider, RemoteInstance } from '../../src/providers/provider.ts'
import { call, CALL_MS, conflictAsUndefined, eventually, rejects, type Bench } from './provider-calls.ts'
import { testImages } from './provider-images.ts'
import { testNetworks } from './provider-networks.ts'
import { testVolumes } from './provider-volumes.ts'

/** A provider, ready to be asked. */
export interface OpenedProvider {
  readonly provider: Provider
  /** Which image and size to start from, by the cloud's id; absent: the first. */
  readonly image?: string
  readonly size?: string
  /** How long a change of state may take here, in milliseconds (default 10 s). */
  readonly patienceMs?: number
  /** Lets go of everything that the tests did not. */
  readonly close?: () => Promise<void>
}

/** One implementation of {@link Provider} under test. */
export interface ProviderUnderTest {
  readonly name: string
  /** Called once for all tests. */
  readonly open: () => Promise<OpenedProvider>
  /** Test name to the reason why it cannot hold here. */
  readonly skip?: Readonly<Record<string, string>>
}

/** Names a test and does it, unless it is skipped with a reason. */
export type Test = (what: string, body: (t: Pick<TestContext, 'skip'>) => Promise<void>) => void

// The actions, and the states in which each must be refused; what is allowed beyond differs between clouds.
const ACTIONS: Readonly<Record<Action, { to: InstanceState; refusedIn: readonly InstanceState[] }>> = {
  stop: { to: 'inactive', refusedIn: ['inactive'] },
  start: { to: 'active', refusedIn: ['active'] },
  restart: { to: 'active', refusedIn: ['inactive'] },
  suspend: { to: 'suspended', refusedIn: ['inactive', 'suspended'] },
  resume: { to: 'active', refusedIn: ['active', 'inactive'] },
}

/** What every provider promises; each implementation runs this. */
export function testProvider(tested: ProviderUnderTest): void {
  describe(`provider: ${tested.name}`, () => {
    let opened: OpenedProvider
    let provider: Provider
    let image: Image
    let size: Size
    const started: string[] = []

    before(async () => {
      opened = await tested.open()
      provider = opened.provider
      image = pick(await provider.images(call()), opened.image, 'image')
      size = pick(await provider.sizes(call()), opened.size, 'size')
    })
    after(async () => {
      for (const remoteId of started) await provider.delete(remoteId, call())
      await provider.close?.()
      await opened.close?.()
    })

    const test: Test = (what, body) => void it(what, { skip: tested.skip?.[what] ?? false }, body)

    const requestFor = (id: string, change: Partial<CreateRequest> = {}): CreateRequest => ({
      id,
      image,
      size,
      spec: { name: 'conformance', publicKeys: [], variables: {}, files: [], labels: {} },
      plan: { provider: provider.name, deliveries: [], warnings: [] },
      offers: [],
      ...change,
    })
    const create = async (id: string = randomUUID(), change?: Partial<CreateRequest>): Promise<RemoteInstance> => {
      const instance = await provider.create(requestFor(id, change), call())
      started.push(instance.remoteId)
      return instance
    }
    const patienceMs = () => opened.patienceMs ?? 10_000
    const reach = (remoteId: string, state: InstanceState) =>
      eventually(`${remoteId} is ${state}`, patienceMs(), async () => {
        const instance = await provider.get(remoteId, call())
        assert.equal(instance.state, state, `it is ${instance.state} (${instance.reason ?? 'no reason given'})`)
      })
    const active = async (id?: string, change?: Partial<CreateRequest>): Promise<RemoteInstance> => {
      const instance = await create(id, change)
      await reach(instance.remoteId, 'active')
      return instance
    }

    test('has images and sizes, each with a name and an id of its own', async () => {
      for (const found of [await provider.images(call()), await provider.sizes(call())]) {
        assert.ok(found.length > 0)
        for (const key of ['name', 'remoteId'] as const)
          assert.equal(new Set(found.map((each) => each[key])).size, found.length, `each ${key} stands once`)
        for (const each of found) {
          assert.ok(each.name !== '' && each.remoteId !== '' && each.title !== '')
          assert.equal(each.provider, provider.name)
        }
      }
      for (const { cores, memoryMiB } of await provider.sizes(call())) assert.ok(cores > 0 && memoryMiB > 0)
    })

    test('says what it can do in a way that a plan can use', async () => {
      const { deliveries, actions, settleMs } = provider.capabilities
      assert.ok(deliveries.length > 0)
      for (const delivery of deliveries) {
        assert.ok(delivery.userDataMaxBytes > 0)
        assert.equal(delivery.method === 'provider', delivery.by === 'provider' && delivery.layouts.length === 0)
        if (delivery.by === 'bellhop') assert.equal(delivery.disk !== undefined, delivery.method === 'disk')
      }
      assert.equal(new Set(actions).size, actions.length)
      assert.ok(settleMs >= 0)
    })

    test('finds, gets and lists what was created, until it is deleted', async () => {
      const id = randomUUID()
      const { remoteId, ourId } = await create(id)
      assert.ok(ourId === undefined || ourId === id)
      await eventually('the new instance is found', provider.capabilities.settleMs + patienceMs(), async () => {
        assert.equal((await provider.find(id, call()))?.remoteId, remoteId)
        assert.ok((await provider.list(call())).some((each) => each.remoteId === remoteId))
      })
      await reach(remoteId, 'active')

      await provider.delete(remoteId, call())
      await eventually('the instance is gone', patienceMs(), async () => {
        await rejects(provider.get(remoteId, call()), 'not-found')
        assert.equal(await provider.find(id, call()), undefined)
        assert.ok((await provider.list(call())).every((each) => each.remoteId !== remoteId))
      })
      await provider.delete(remoteId, call())
    })

    test('makes one instance when it is asked twice with one id', async () => {
      const id = randomUUID()
      const first = await active(id)
      await eventually('the second create finds the first', provider.capabilities.settleMs + patienceMs(), async () => {
        assert.ok(await provider.find(id, call()))
      })
      const second = await provider.create(requestFor(id), call()).catch(conflictAsUndefined)
      assert.ok(second === undefined || second.remoteId === first.remoteId)
      const same = (await provider.list(call())).filter(({ ourId }) => ourId === id)
      assert.ok(same.length <= 1)
      await provider.delete(first.remoteId, call())
    })

    test('knows nothing of unknown ids', async () => {
      const unknown = randomUUID()
      assert.equal(await provider.find(unknown, call()), undefined)
      await rejects(provider.get(unknown, call()), 'not-found')
      for (const action of provider.capabilities.actions)
        await rejects(provider.act(unknown, action, call()), 'not-found')
      if (provider.console) await rejects(provider.console(unknown, 0, call()), 'not-found')
      await provider.delete(unknown, call())
    })

    test('does every action that it names, and refuses it in the wrong state', async () => {
      const { actions } = provider.capabilities
      const { remoteId } = await active()
      const refuses = async (state: InstanceState) => {
        for (const action of actions.filter((each) => ACTIONS[each].refusedIn.includes(state)))
          await rejects(provider.act(remoteId, action, call()), 'conflict')
      }
      const perform = async (action: Action) => {
        if (!actions.includes(action)) return
        await provider.act(remoteId, action, call())
        await reach(remoteId, ACTIONS[action].to)
        await refuses(ACTIONS[action].to)
      }
      await refuses('active')
      await perform('restart')
      if (actions.includes('resume')) for (const action of ['suspend', 'resume'] as const) await perform(action)
      if (actions.includes('start')) for (const action of ['stop', 'start'] as const) await perform(action)
      await provider.delete(remoteId, call())
    })

    test('gives other user data, and none, to an instance that is there, if it says so', async () => {
      const { update } = provider.capabilities
      assert.equal(provider.updateContext !== undefined, update !== false)
      if (!provider.updateContext) return
      const { remoteId } = await active()
      for (const userData of [Buffer.from('#!/bin/sh\necho again\n'), undefined]) {
        await provider.updateContext(remoteId, { image, ...(userData ? { userData } : {}) }, call())
        await reach(remoteId, 'active')
      }
      await rejects(provider.updateContext(randomUUID(), { image }, call()), 'not-found')
      await provider.delete(remoteId, call())
    })

    test('puts another disk of ours in the place of the first, and in no other, if it can', async () => {
      if (!provider.renewDisk) return
      const disk = { method: 'disk', format: 'iso', image: new Uint8Array(64 * 1024) } as const
      const { remoteId } = await active(randomUUID(), { offers: [disk] })
      for (const _ of ['once', 'again']) await provider.renewDisk(remoteId, disk, call())
      await provider.act(remoteId, 'restart', call())
      await reach(remoteId, 'active')
      await provider.delete(remoteId, call())
      const bare = await active()
      await rejects(provider.renewDisk(bare.remoteId, disk, call()), 'unsupported')
      await rejects(provider.renewDisk(randomUUID(), disk, call()), 'not-found')
      await provider.delete(bare.remoteId, call())
    })

    test('deletes a stopped instance', async () => {
      if (!provider.capabilities.actions.includes('stop')) return
      const { remoteId } = await active()
      await provider.act(remoteId, 'stop', call())
      await reach(remoteId, 'inactive')
      await provider.delete(remoteId, call())
      await eventually('the instance is gone', patienceMs(), () => rejects(provider.get(remoteId, call()), 'not-found'))
    })

    test('does nothing for a call that was given up', async () => {
      const id = randomUUID()
      const over: Call = { signal: AbortSignal.abort(), deadline: Date.now() + CALL_MS }
      const asked = [
        provider.images(over),
        provider.sizes(over),
        provider.create(requestFor(id), over),
        provider.find(id, over),
        provider.get(id, over),
        provider.list(over),
      ]
      for (const outcome of await Promise.allSettled(asked)) {
        assert.equal(outcome.status, 'rejected')
        assert.ok(isCloudError(outcome.reason, 'timeout') || isCloudError(outcome.reason, 'unavailable'))
      }
      await sleep(provider.capabilities.settleMs)
      assert.equal(await provider.find(id, call()), undefined)
    })

    test('reads the console on from where the last reading ended', async () => {
      if (!provider.console) return
      const console = provider.console.bind(provider)
      const { remoteId } = await active()
      await eventually('the guest says something', patienceMs(), async () => {
        assert.notEqual((await console(remoteId, 0, call())).text, '')
      })
      const first = await console(remoteId, 0, call())
      const second = await console(remoteId, first.next, call())
      const whole = await console(remoteId, 0, call())
      assert.ok(whole.text.startsWith(first.text + second.text))
      assert.ok(first.next > 0 && second.next >= first.next)
      await provider.delete(remoteId, call())
    })

    const bench: Bench = {
      get provider() {
        return provider
      },
      get patienceMs() {
        return patienceMs()
      },
      requestFor,
      running: async (change) => (await active(undefined, change)).remoteId,
      reach,
    }
    testVolumes(bench, test)
    testNetworks(bench, test)
    testImages(bench, test)
  })
}

function pick<T extends { readonly remoteId: string }>(
  found: readonly T[],
  remoteId: string | undefined,
  what: string,
) {
  const chosen = remoteId === undefined ? found[0] : found.find((each) => each.remoteId === remoteId)
  assert.ok(chosen, `the provider has the ${what} ${remoteId ?? ''}`)
  return chosen
}
