import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import { openRig, type Rig } from './opennebula-rig.ts'
import { call, eventually } from './provider-calls.ts'

const FIRST = Buffer.from('#!/bin/sh\necho first\n')
const SECOND = Buffer.from('#!/bin/sh\necho second\n')

async function update({ provider, request }: Rig, id: number, userData: Uint8Array): Promise<void> {
  const { image } = request()
  const updating = provider.updateContext?.(String(id), { image, userData }, call())
  await (updating ?? assert.fail('it can give other data'))
}

/** Keys of a guest that have another value than before, or none any more. */
function changed(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .toSorted()
}

/** The parameters after the VM's number, of the calls that changed its CONTEXT. */
function sentIn({ one }: Rig): readonly (readonly unknown[])[] {
  return one.calls
    .filter(({ method }) => method === 'one.vm.updateconf')
    .map(({ parameters }) => parameters.slice(2).map((each) => ('value' in each ? each.value : each.type)))
}

describe('other user data for a VM', () => {
  it('of OpenNebula 6.8 are all that is sent, and the rest stays', async (t) => {
    const rig = await openRig(t, {}, { version: '6.8' })
    const id = await rig.made({ userData: FIRST, variables: { MOTD: 'pay $5' } })
    const before = rig.read(id)
    await update(rig, id, SECOND)
    assert.deepEqual(changed(before, rig.read(id)), ['EC2_USER_DATA', 'USER_DATA'])
    const [[template = '', mode] = []] = sentIn(rig)
    assert.equal(mode, 1)
    assert.doesNotMatch(String(template), /ETH0_IP|SITE/)
  })

  for (const version of ['6.0', '5.10'] as const)
    it(`of OpenNebula ${version}, which knows no merging, are sent with all of its CONTEXT`, async (t) => {
      const rig = await openRig(t, {}, { version })
      const id = await rig.made({ userData: FIRST, variables: { MOTD: 'pay $5' } })
      const before = rig.read(id)
      const isLive = version === '6.0'
      if (!isLive) await rig.provider.act(String(id), 'stop', call())
      await update(rig, id, SECOND)
      if (!isLive) {
        assert.deepEqual(changed(before, rig.read(id)), [], 'the guest sees it at its next boot')
        await rig.provider.act(String(id), 'start', call())
      }
      await eventually('the guest has it', 5000, () => {
        assert.deepEqual(changed(before, rig.read(id)), ['EC2_USER_DATA', 'USER_DATA'])
        return Promise.resolve()
      })
      const [sent = []] = sentIn(rig)
      assert.equal(sent.length, 1, 'no mode is sent to who knows none')
      assert.match(String(sent[0]), /<SITE>here<\/SITE>/)
    })

  it('of OpenNebula 5.10 are refused while it runs: nobody would see them before its next boot', async (t) => {
    const rig = await openRig(t, {}, { version: '5.10' })
    const id = await rig.made({ userData: FIRST })
    await assert.rejects(update(rig, id, SECOND), (error) => {
      assert.ok(isCloudError(error, 'unsupported'), String(error))
      assert.match(
        error.message,
        /^one: OpenNebula 5\.10\.0 gives a VM that runs .* at its next boot alone; stop it first$/,
      )
      return true
    })
    assert.deepEqual(sentIn(rig), [])
  })
})

describe('networks', () => {
  for (const version of ['5.10', '6.8'] as const)
    it(`of OpenNebula ${version} are there, ${version === '6.8' ? 'in their state' : 'which it does not say'}`, async (t) => {
      const { one, provider } = await openRig(t, {}, { version })
      one.setNetworkState(1, 5)
      const shared = (await provider.networks?.shared(call())) ?? []
      assert.deepEqual(
        shared.map(({ name, state }) => [name, state]),
        [
          ['one-0', 'active'],
          ['one-1', version === '6.8' ? 'error' : 'active'],
        ],
      )
    })
})
