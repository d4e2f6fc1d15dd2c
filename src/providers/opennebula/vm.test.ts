import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toOneId } from '../one-xml.ts'
import { readVm, type OneVm } from './api-vms.ts'
import { bodyOf } from './testdata/bodies.ts'
import { ourIdOf, toRemoteInstance } from './vm.ts'

const ID = '0b450db4-423f-4927-94c6-88bd035ad269'

async function vmIn(name: string): Promise<OneVm> {
  return readVm(await bodyOf(name))
}

describe('a VM as a real OpenNebula shows it', () => {
  it('is an instance, with the cards that its guest is told of', async () => {
    assert.deepEqual(toRemoteInstance(await vmIn('vm-info-running-request-id')), {
      remoteId: '4',
      state: 'active',
      facts: { name: 'ctx-vm-5' },
      network: {
        nics: [
          {
            id: 'one-4-0',
            mac: '02:00:c0:00:02:68',
            addresses: [
              {
                address: '192.0.2.104',
                prefixLength: 24,
                gateway: '192.0.2.1',
                assignment: 'static',
                networkId: '0',
                nameServers: ['192.0.2.53', '192.0.2.54'],
              },
            ],
          },
        ],
      },
      attached: [],
    })
  })

  it('says why it failed', async () => {
    const { state, reason = '' } = toRemoteInstance(await vmIn('vm-info-context-failure'))
    assert.equal(state, 'error')
    assert.match(reason, /CONTEXT\/FILES cannot use \/etc\/passwd/)
  })

  it('is deleted though it is shown', async () => {
    assert.equal(toRemoteInstance(await vmIn('vm-info-done')).state, 'deleted')
  })

  it('has cards with IPv4 and IPv6, of a short body too', async () => {
    const [element] = (await bodyOf('vmpool-three-nics-and-alias')).children
    const { network } = toRemoteInstance(readVm(element ?? assert.fail()))
    const [nics, seen] = [network?.nics ?? [], new Set(network?.nics.map(({ mac }) => mac))]
    assert.ok(nics.length >= 3 && seen.size === nics.length)
    assert.ok(nics.some(({ addresses }) => addresses.some(({ address }) => address.includes(':'))))
  })
})

describe('our id', () => {
  const withTemplate = (single: OneVm['userTemplate']['single']) => ourIdOf({ userTemplate: { single, vectors: {} } })

  it('is the attribute, or stands in the labels where that is not shown', () => {
    assert.equal(withTemplate({ BELLHOP_ID: ID, LABELS: 'x' }), ID)
    assert.equal(withTemplate({ LABELS: `web, bellhop-${ID},x` }), ID)
  })

  it('is none of what others write', () => {
    for (const single of [{}, { LABELS: `my-bellhop-${ID}` }, { LABELS: 'bellhop-web' }, { BELLHOP_ID: '' }])
      assert.equal(withTemplate(single), undefined)
  })
})

describe("OpenNebula's ids", () => {
  it('are whole numbers that XML-RPC can say', () => {
    assert.deepEqual(['0', '42', '2147483647'].map(toOneId), [0, 42, 2147483647])
    for (const text of ['', '-1', '1.5', '2147483648', ID, '1e3', ' 1']) assert.equal(toOneId(text), undefined, text)
  })
})
