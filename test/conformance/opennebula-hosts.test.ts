import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import { openNebulaProvider, type OpenNebulaOptions } from '../../src/providers/opennebula/index.ts'
import { createHttpClient } from '../../src/wire/http.ts'
import { tell } from '../opennebula/asking.ts'
import { openRig, type Rig } from './opennebula-rig.ts'
import { call, rejects } from './provider-calls.ts'

const GIB_IN_KIB = 1024 * 1024
const SIZES: NonNullable<OpenNebulaOptions['sizes']> = [
  { id: 'huge', cores: 16, memoryMiB: 131_072 },
  { id: 'shared', cores: 16, memoryMiB: 1024, cpu: 4 },
]
const NODE = { name: 'node1', total: { cpuPercent: 400, memoryKiB: 8 * GIB_IN_KIB } }

const sizeOf = async ({ provider, request }: Rig, id: string) => {
  const size = (await provider.sizes(call())).find(({ remoteId }) => remoteId === id) ?? assert.fail(`there is ${id}`)
  return request({}, { size })
}
const asked = ({ one }: Rig) => one.calls.filter(({ method }) => method === 'one.hostpool.info').length

describe('a VM of OpenNebula that', () => {
  it('no host could ever hold is refused before it is made', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    rig.one.addHost({ ...NODE, mode: '604' })
    await assert.rejects(rig.provider.create(await sizeOf(rig, 'huge'), call()), (error) => {
      assert.ok(isCloudError(error, 'conflict'), String(error))
      assert.match(
        error.message,
        /^one: size one-huge takes 16 cores and 131072 MiB; the largest host for it, node1, has 4 cores and 8192 MiB in all/,
      )
      return true
    })
    assert.deepEqual(rig.one.vms(), [])
  })

  it('takes less of a host than its guest sees is made, and so is one with the capacity of its template', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    rig.one.addHost({ ...NODE, mode: '604' })
    await rig.provider.create(await sizeOf(rig, 'shared'), call())
    await rig.provider.create(rig.request(), call())
    assert.deepEqual([rig.one.vms().length, asked(rig)], [2, 1], 'hosts are not asked for by every create')
  })

  it('needs more than its template gives to hosts that have less than that is refused', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    rig.one.addHost({ name: 'tiny', mode: '604', total: { cpuPercent: 50, memoryKiB: GIB_IN_KIB / 2 - 1 } })
    await rejects(rig.provider.create(rig.request(), call()), 'conflict')
  })

  it('fits a host that overcommits is made, and is no more where the host keeps some', async (t) => {
    for (const [cpuPercent, isMade] of [
      [1600, true],
      [1599, false],
    ] as const) {
      const rig = await openRig(t, { sizes: SIZES })
      rig.one.addHost({ ...NODE, mode: '604', max: { cpuPercent, memoryKiB: 128 * GIB_IN_KIB } })
      const making = rig.provider.create(await sizeOf(rig, 'huge'), call())
      await (isMade ? making : rejects(making, 'conflict'))
      assert.equal(rig.one.vms().length, isMade ? 1 : 0)
    }
  })

  it('is there already is found, whatever hosts there are', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    const request = await sizeOf(rig, 'huge')
    const { remoteId } = await rig.provider.create(request, call())
    rig.one.addHost({ ...NODE, mode: '604' })
    const credential = { url: rig.one.url, session: 'bellhop:wonderland' }
    const later = openNebulaProvider({ name: 'one', credential, http: createHttpClient(), sizes: SIZES })
    t.after(() => later.close?.())
    assert.equal((await later.create(request, call())).remoteId, remoteId)
    await rejects(later.create(await sizeOf(rig, 'huge'), call()), 'conflict')
  })

  it('is asked for by an account that may see no hosts is made, and waits', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    rig.one.addHost(NODE)
    assert.match(await tell(rig.one, 'one.hostpool.info'), /<NAME>node1<\/NAME>/)
    await rig.provider.create(await sizeOf(rig, 'huge'), call())
    await rig.provider.create(await sizeOf(rig, 'huge'), call())
    assert.deepEqual([rig.one.vms().length, asked(rig)], [2, 2], 'once by us, once by the administrator')
  })

  it('is asked for while OpenNebula tells of no hosts is made', async (t) => {
    const rig = await openRig(t, { sizes: SIZES })
    rig.one.addHost({ ...NODE, mode: '604' })
    rig.one.setFaults([{ method: 'one.hostpool.info', happens: '503' }])
    await rig.provider.create(await sizeOf(rig, 'huge'), call())
    assert.equal(rig.one.vms().length, 1)
  })
})
