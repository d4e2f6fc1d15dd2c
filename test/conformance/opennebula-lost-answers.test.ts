import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import { openRig } from './opennebula-rig.ts'
import { call, rejects } from './provider-calls.ts'

describe('OpenNebula, when answers are lost', () => {
  for (const happens of ['drop-after', 'half', 'drop-before', '503'] as const)
    it(`makes exactly one VM (${happens})`, async (t) => {
      const { one, provider, request } = await openRig(t)
      const asked = request({ userData: Buffer.from('x') })
      one.setFaults([{ method: 'one.template.instantiate', happens, times: 1 }])
      await provider.create(asked, call()).catch((error: unknown) => {
        assert.ok(isCloudError(error, 'unavailable'), String(error))
      })
      const found = await provider.find(asked.id, call())
      assert.equal(found !== undefined, happens === 'drop-after' || happens === 'half')
      const { remoteId } = await provider.create(asked, call())
      assert.equal(remoteId, '0')
      assert.equal(one.vms().length, 1)
    })

  it('tells that it may be there where it cannot be seen', async (t) => {
    const { one, provider, request } = await openRig(t)
    const asked = request()
    one.setFaults([{ method: 'one.vm.info', happens: '503' }])
    await rejects(provider.create(asked, call()), 'unavailable')
    one.setFaults([])
    assert.equal((await provider.find(asked.id, call()))?.ourId, asked.id)
    assert.equal(one.vms().length, 1)
  })

  it('makes none in place of one that was deleted', async (t) => {
    const { one, provider, made, request } = await openRig(t)
    const asked = request()
    const id = await made({}, asked)
    await provider.delete(String(id), call())
    assert.equal(await provider.find(asked.id, call()), undefined)
    await rejects(provider.create(asked, call()), 'conflict')
    assert.equal(one.vms().length, 1)
  })

  it('discards all that bear an id, but for the one that stays', async (t) => {
    const { one, provider, made, request } = await openRig(t)
    const { id } = request()
    const first = await made({}, { id })
    const [{ userTemplate }, second] = [one.vms()[first] ?? assert.fail(), await made()]
    Object.assign(one.vms()[second] ?? {}, { userTemplate })
    await provider.discard?.(id, call(), String(second))
    assert.deepEqual(
      [first, second].map((each) => one.vms()[each]?.state),
      [6, 3],
    )
    await provider.discard?.(id, call())
    assert.equal(one.vms()[second]?.state, 6)
    await provider.discard?.(id, call())
  })
})
