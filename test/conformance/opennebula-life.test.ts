import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { opennebula } from '../../src/layouts/opennebula.ts'
import { isCloudError } from '../../src/model/errors.ts'
import { openRig, soon, wordsIn } from './opennebula-rig.ts'
import { call, eventually, rejects } from './provider-calls.ts'

describe('other user data for a VM of OpenNebula', () => {
  it('reach its guest while it runs, and nothing else is changed', async (t) => {
    const { one, provider, made, read } = await openRig(t)
    const motd = 'pay $5 ${now} `id` "q" \'s\' \\'
    const id = await made({ userData: Buffer.from('first'), variables: { MOTD: motd } })
    const before = read(id)
    const image = (await provider.images(call()))[0] ?? assert.fail()
    const update = async (userData?: Uint8Array) => {
      await provider.updateContext?.(String(id), { image, ...(userData ? { userData } : {}) }, call())
      return read(id)
    }
    const second = Buffer.from('second')
    const after = await update(second)
    const changed = [...after].filter(([key, value]) => before.get(key) !== value)
    const base64 = second.toString('base64')
    assert.deepEqual(changed, [
      ['EC2_USER_DATA', base64],
      ['USER_DATA', base64],
    ])
    assert.equal(after.get('MOTD'), motd)
    assert.ok(one.diskOf(id)?.has('init.sh'))
    assert.deepEqual(await update(second), after, 'the same again does no harm')

    const none = await update()
    assert.deepEqual(
      [...before.keys()].filter((key) => !none.has(key)),
      ['EC2_USER_DATA', 'USERDATA_ENCODING', 'USER_DATA', 'USER_DATA_ENCODING'],
    )
    assert.equal(none.get('MOTD'), motd)
    assert.equal(none.get('PASSWORD'), 's3cret')
    assert.ok(one.diskOf(id)?.has('init.sh'))
    assert.equal((await opennebula.read((path) => Promise.resolve(one.diskOf(id)?.get(path))))?.userData, undefined)
  })

  it('leave alone what the site alone may set, and are refused where they cannot', async (t) => {
    const { one, provider, made, read } = await openRig(t)
    const template = 'CPU=1 MEMORY=64 CONTEXT=[ NETWORK="YES", FILES="/srv/x.sh" ]'
    const restricted = one.addTemplate({ name: 'restricted', mode: '644', template })
    const image = (await provider.images(call()))[restricted] ?? assert.fail()
    const id = await made({ userData: Buffer.from('first') }, { image })
    await provider.updateContext?.(String(id), { image, userData: Buffer.from('second') }, call())
    assert.deepEqual([read(id).get('USER_DATA'), read(id).get('FILES')], ['c2Vjb25k', '/srv/x.sh'])
    await rejects(provider.updateContext?.(String(id), { image }, call()) ?? Promise.resolve(), 'forbidden')
    assert.equal(read(id).get('USER_DATA'), 'c2Vjb25k')
  })

  it('are refused while it is suspended, and when they are too long', async (t) => {
    const { provider, made } = await openRig(t, { userDataMaxBytes: 10 })
    const id = String(await made())
    const image = (await provider.images(call()))[0] ?? assert.fail()
    await rejects(
      provider.updateContext?.(id, { image, userData: Buffer.alloc(11) }, call()) ?? Promise.resolve(),
      'too-large',
    )
    await provider.act(id, 'suspend', call())
    await rejects(
      provider.updateContext?.(id, { image, userData: Buffer.from('x') }, call()) ?? Promise.resolve(),
      'conflict',
    )
  })
})

describe('what is done with a VM of OpenNebula', () => {
  it('is said in its own words', async (t) => {
    const { one, provider, made } = await openRig(t)
    const id = String(await made())
    for (const [action, method] of [
      ['restart', undefined],
      ['restart', 'cold'],
      ['stop', 'graceful'],
      ['start', undefined],
      ['stop', 'poweroff'],
      ['start', undefined],
      ['suspend', undefined],
      ['resume', undefined],
      ['suspend', 'hibernate'],
      ['start', undefined],
    ] as const) {
      await provider.act(id, action, call(), method)
      // As its monitoring finds it.
      await eventually('it is there', 5000, async () => {
        assert.notEqual((await provider.get(id, call())).state, 'creating')
      })
    }
    assert.equal(
      wordsIn(one).join(' '),
      'reboot reboot-hard poweroff resume poweroff-hard resume suspend resume stop resume',
    )
  })

  it('releases one that is held', async (t) => {
    const { one, provider, made } = await openRig(t)
    const id = await made()
    one.setVmState(id, 2)
    await provider.act(String(id), 'start', call())
    assert.deepEqual(wordsIn(one), ['release'])
  })

  it('tells of a guest that does not switch itself off', async (t) => {
    const { one, provider, made } = await openRig(t, {}, { delays: { actionMs: Infinity } })
    const id = await made()
    const stopping = provider.act(String(id), 'stop', call())
    await soon('it is under way', () => one.vms()[id]?.lcmState === 18)
    const asked = one.calls.length
    await soon('it was looked at', () => one.calls.length > asked + 1)
    one.setVmState(id, 3, 3)
    await assert.rejects(stopping, (error) => isCloudError(error, 'conflict') && error.message.includes('the hard way'))
  })

  it('deletes one as soon as it is no longer busy', async (t) => {
    const { one, provider, made } = await openRig(t)
    const id = await made()
    one.setVmState(id, 3, 1)
    const deleting = provider.delete(String(id), call())
    await soon('it was tried', () => wordsIn(one).length > 1)
    one.setVmState(id, 3, 3)
    await deleting
    assert.equal(one.vms()[id]?.state, 6)
    await rejects(provider.get(String(id), call()), 'not-found')
  })

  it('gives up deleting one that stays busy or is locked, and says why', async (t) => {
    const { one, provider, made } = await openRig(t)
    const id = await made()
    one.setVmState(id, 3, 1)
    const short = { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 500 }
    await rejects(provider.delete(String(id), short), 'conflict')
    one.setVmState(id, 3, 3)
    one.setVmLock(id, true)
    await rejects(provider.delete(String(id), call()), 'conflict')
  })
})
